"""Who may speak: a pure machine from what the ears report to what the session does about it.

Times are seconds on one call clock. The caller feeds every event in order, with ``now_s``, and
calls `tick` at least every 100 ms; each answers with the actions to take, in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.providers.speech import RecogniserEvent, Transcript, UtteranceEnded

# How much speech stops the agent: a cough is shorter, a word is not.
BARGE_IN_S = 0.24
# The recogniser ends most turns; these are for when it does not (noise, a slow or dead socket).
ASK_FINAL_AFTER_S = 0.45
GIVE_UP_ON_FINAL_S = 1.1
GIVE_UP_ON_FINAL_IN_NOISE_S = 4.0  # new words of who goes on talking come within one
NO_WORDS_AFTER_S = 1.6  # sound that came to nothing: a mumble
FEWEST_SOUND_S = 0.3  # what is shorter and has no words was no speech
NOISE_S = 10.0  # sound for so long without a word is no speech, or nobody recognises it
STILL_TALKING_S = 1.5  # words are final but sound goes on: the line is noisy, do not wait for ever
# Words said over the agent that ask for nothing. Near its end they are the answer.
_BACK_CHANNELS = frozenset(
    {"ok", "okay", "hmm", "mm", "mhm", "right", "yes", "yeah", "yep", "hello", "haan", "ha", "ji"}
    | {"achha", "accha", "theek", "hai", "हाँ", "हां", "जी", "अच्छा", "ठीक", "है", "हैलो", "हम्म"}
)
NEARLY_DONE_S = 1.5


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The callee talks over the agent: stop it now. ``at_s``: since when there was speech."""

    at_s: float


@dataclass(frozen=True, slots=True)
class AskFinal:
    """Ask the recogniser for its final words."""


@dataclass(frozen=True, slots=True)
class TurnOver:
    """The callee's go is over. ``text`` is "" for sound without words. ``began_s`` and
    ``ended_s`` are first and last sound."""

    text: str
    began_s: float
    ended_s: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The callee goes on after a turn that was held for over, before the agent was heard: take
    the reply back. The words come again, with the rest, in the next `TurnOver`."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody has said anything for the patience asked for."""


Action = Interrupt | AskFinal | TurnOver | Resumed | Silence


@dataclass(slots=True)
class TurnTaking:
    """``agent_until_s``: when the agent's queued sound ends on the call clock; None while it has
    nothing to say. ``is_preparing``: a reply is under way and nothing of it was heard.
    ``may_interrupt``: False while what is said must be heard."""

    patience_s: float
    agent_until_s: float | None = None
    is_preparing: bool = False
    may_interrupt: bool = True
    _finals: list[str] = field(default_factory=list)
    _interim: str = ""
    _is_done: bool = False  # the recogniser said that the callee is done
    _has_asked: bool = False
    _began_s: float | None = None  # of the present turn's first sound
    _voice_since_s: float | None = None  # sound is going on since
    _last_sound_s: float = 0.0
    _sound_s: float = 0.0  # how much of it the turn had
    _words_at_s: float = 0.0  # when words last came
    _has_interrupted: bool = False
    _quiet_since_s: float = 0.0
    _is_said: TurnOver | None = None  # handed over, not yet answered
    _over_at_s: float = -1.0  # when the last turn was handed over

    def speech_began(self, at_s: float, now_s: float) -> list[Action]:
        self._voice_since_s = at_s
        if self._began_s is None:
            self._began_s = at_s
        return self.tick(now_s)

    def speech_ended(self, at_s: float, now_s: float) -> list[Action]:
        if self._voice_since_s is not None:
            self._sound_s += max(0.0, at_s - self._voice_since_s)
        self._voice_since_s = None
        self._last_sound_s = max(self._last_sound_s, at_s)
        self._quiet_since_s = max(self._quiet_since_s, at_s)
        return self.tick(now_s)

    def heard(self, event: RecogniserEvent, now_s: float) -> list[Action]:
        """Take in what the recogniser says. Its clock is the call's: the caller has shifted it."""
        if isinstance(event, Transcript):
            self._take_words(event, now_s)
        elif isinstance(event, UtteranceEnded) and (self._finals or self._interim):
            self._is_done = True
        return self.tick(now_s)

    def _take_words(self, event: Transcript, now_s: float) -> None:
        text = event.text.strip()
        if text:
            self._words_at_s = now_s
            if self._began_s is None:
                self._began_s = event.words[0].start_s if event.words else event.start_s
        if event.words:
            self._last_sound_s = max(self._last_sound_s, min(event.words[-1].end_s, now_s))
        if not event.is_final:
            self._interim = text
            self._is_done = False
            return
        self._interim = ""
        if text:
            self._finals.append(text)
        if event.ends_speech and self._finals:
            self._is_done = True

    def agent_spoke(self, until_s: float) -> None:
        """The agent's sound now lasts until."""
        self.agent_until_s = until_s
        self._is_said = None  # what the callee said was answered
        self.is_preparing = False
        self._quiet_since_s = max(self._quiet_since_s, until_s)

    def agent_stopped(self, now_s: float) -> None:
        """What the agent had queued is gone."""
        self.agent_until_s = None
        self._quiet_since_s = min(self._quiet_since_s, now_s)

    def line_over(self) -> TurnOver | None:
        """Nothing more is heard: return what the callee has said since their last turn."""
        text = self._text()
        if not text:
            return None
        over = TurnOver(text, self._began_s or self._last_sound_s, self._last_sound_s)
        self._forget()
        return over

    @property
    def is_hearing(self) -> bool:
        """The callee has begun to speak, and their words are not all here."""
        return self._began_s is not None and not self._is_done

    def touch(self, now_s: float) -> None:
        """A key was pressed: nobody is silent."""
        self._quiet_since_s = max(self._quiet_since_s, now_s)

    def tick(self, now_s: float) -> list[Action]:
        """Decide by time alone."""
        if self.agent_until_s is not None and now_s >= self.agent_until_s:
            self.agent_until_s = None
        actions: list[Action] = []
        if self._talks_over(now_s):
            actions += self._stop_the_agent(now_s)
        if self.agent_until_s is not None and not self._ends_agents_go(now_s):
            if self._voice_since_s is None and not self._text():
                self._forget()  # a cough under the agent's words
            return actions
        over = self._turn_over(now_s)
        if over is not None:
            if self.agent_until_s is not None:
                actions.append(Interrupt(over.began_s))
                self.agent_until_s = None
            return [*actions, over]
        if self._should_ask(now_s):
            self._has_asked = True
            actions.append(AskFinal())
        if self._is_silent(now_s):
            self._quiet_since_s = now_s
            actions.append(Silence())
        return actions

    def _talks_over(self, now_s: float) -> bool:
        """Is there enough speech to stop an agent that speaks, or one about to?"""
        if self._voice_since_s is None or now_s - self._voice_since_s < BARGE_IN_S:
            return False
        if self._voice_since_s <= self._over_at_s:
            return False  # sound that went on beyond a turn's last word is noise
        return self._is_said is not None or (
            self.agent_until_s is not None and self.may_interrupt and not self._has_interrupted
        )

    def _stop_the_agent(self, now_s: float) -> list[Action]:
        since_s = now_s if self._voice_since_s is None else self._voice_since_s
        if self._is_said is not None and self.agent_until_s is None:
            self._finals.insert(0, self._is_said.text)
            self._began_s = self._is_said.began_s
            self._is_said = None
            self._is_done = False
            return [Resumed()]
        self.agent_until_s = None
        self._has_interrupted = True
        return [Interrupt(since_s)]

    def _ends_agents_go(self, now_s: float) -> bool:
        """While the agent speaks: do finished words take the floor? Never from what must be
        heard; a back-channel only if the agent is nearly done, and then after it."""
        if not self.may_interrupt or self.agent_until_s is None:
            return False
        words = self._text().lower().replace(",", " ").replace(".", " ").split()
        if not words:
            return False
        if all(word in _BACK_CHANNELS for word in words):
            if self._is_done and self.agent_until_s - now_s > NEARLY_DONE_S:
                self._forget()
            return False
        return self._is_done

    def _turn_over(self, now_s: float) -> TurnOver | None:
        quiet_s = now_s - self._last_sound_s
        is_talking = self._voice_since_s is not None
        text = self._text()
        if text:
            is_over = self._is_done and (
                not is_talking or now_s - self._words_at_s >= STILL_TALKING_S
            )
            wordless_s = now_s - self._words_at_s if is_talking else quiet_s
            is_given_up = wordless_s >= (
                GIVE_UP_ON_FINAL_IN_NOISE_S if is_talking else GIVE_UP_ON_FINAL_S
            )
            if not is_over and not is_given_up:
                return None
        elif is_talking:
            if now_s - max(self._voice_since_s or 0.0, self._quiet_since_s) < NOISE_S:
                return None
            self._last_sound_s = now_s
        elif quiet_s < NO_WORDS_AFTER_S:
            return None
        elif self._sound_s < FEWEST_SOUND_S and not self._has_interrupted:
            self._forget()
            return None
        over = TurnOver(text, self._began_s or self._last_sound_s, self._last_sound_s)
        self._forget()
        self._is_said = over if text else None
        self._quiet_since_s = self._over_at_s = now_s
        return over

    def _should_ask(self, now_s: float) -> bool:
        return (
            self._voice_since_s is None
            and bool(self._interim)
            and not self._has_asked
            and now_s - self._last_sound_s >= ASK_FINAL_AFTER_S
        )

    def _is_silent(self, now_s: float) -> bool:
        is_quiet = self._voice_since_s is None and self._began_s is None
        is_agent_quiet = self.agent_until_s is None and not self.is_preparing
        return is_quiet and is_agent_quiet and now_s - self._quiet_since_s >= self.patience_s

    def _text(self) -> str:
        return " ".join([*self._finals, *([self._interim] if self._interim else [])])

    def _forget(self) -> None:
        """Begin a new turn of the callee."""
        self._finals.clear()
        self._interim = ""
        self._is_done = self._has_asked = self._has_interrupted = False
        self._began_s = self._voice_since_s
        self._sound_s = 0.0
