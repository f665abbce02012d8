"""What happens to the mind of one call, one thing after the other, and the agent's goes it asks
for: begun, cut where the callee speaks, written down as heard."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dialer.agent.moves import HangUp, Mind, Moves
from dialer.call.agent_turn import AgentTurn, Facts, facts_of
from dialer.call.performing import Performer
from dialer.call.playout import Playout, heard_of
from dialer.call.speaker import Speaker
from dialer.call.transcript import Transcript
from dialer.call.turn_taking import (
    Action,
    AskFinal,
    Resumed,
    Silence,
    TurnOver,
    TurnTaking,
)

_TICK_S = 0.06
_FILL_SPOKEN_AFTER_S = 1.6  # the words are with the voice: they come any moment
_FILL_AFTER_S = 1.25  # from the callee's last sound; voice to voice is never over 2 s in silence


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys that belong together, the last of them pressed at ``at_s``."""

    keys: str
    at_s: float


@dataclass(frozen=True, slots=True)
class ProviderGone:
    """A provider failed for good."""


@dataclass(frozen=True, slots=True)
class TimeUp:
    """The call's limit is near."""


Event = Action | Keys | ProviderGone | TimeUp


@dataclass(frozen=True, slots=True)
class _Before:
    """The mind as it was before it heard the callee, when so many ``facts`` were written."""

    mind: Mind
    facts: int


class Conductor:
    """Runs the talk on one event loop task; `post` and `sync` are called by whoever hears."""

    def __init__(
        self,
        performer: Performer,
        transcript: Transcript,
        tasks: asyncio.TaskGroup,
        *,
        filler: str,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        ask_final: Callable[[], None],
    ) -> None:
        self._performer, self._transcript, self._tasks = performer, transcript, tasks
        self._playout: Playout = performer.tools.playout
        self._speaker: Speaker = performer.tools.speaker
        self._facts: Facts = performer.tools.facts
        self._before: _Before | None = None
        self._noted: int | None = None  # the turn of the callee's latest words
        self._held_turn: int | None = None  # the callee's words that are to come again, with more
        self._filler, self._clock, self._now, self._ask_final = filler, clock, now, ask_final
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._reacting: Event | None = None
        self._turn: AgentTurn | None = None
        self.turns = TurnTaking(patience_s=performer.mind.patience_s)
        self.performances: set[asyncio.Task[None]] = set()

    @property
    def mind(self) -> Mind:
        """The mind of this moment: it changes where the callee takes back what they said."""
        return self._performer.mind

    def post(self, *events: Event) -> None:
        for event in events:
            self._events.put_nowait(event)

    def sync(self) -> None:
        """Tell turn taking how far the agent's words reach."""
        turn, until_s = self._turn, self._playout.until_s
        if turn is not None and turn.speaking is not None and turn.has_sound:
            until_s = max(until_s or 0.0, self._clock() + 0.3)  # the next phrase is on its way
        self.turns.may_interrupt = turn is None or not (turn.must_be_heard or turn.is_ending)
        self.turns.is_preparing = turn is not None and not turn.has_sound
        if until_s is not None:
            self.turns.agent_spoke(until_s)

    async def run(self) -> None:
        """Greet, then react to what happens, until cancelled."""
        self._start(self.mind.begin())
        while True:
            try:
                async with asyncio.timeout(_TICK_S):
                    event = await self._events.get()
            except TimeoutError:
                self.sync()
                self.post(*self.turns.tick(self._clock()))
                self._fill()
                continue
            if self._turn is None or not self._turn.is_ending:
                await self._react(event)
            else:
                self._overhear(event)

    async def stop(self) -> None:
        """The line is over: close the agent's go at what was heard."""
        await self._cut()

    def hear_out(self) -> None:
        """The line is over: take in what was said and not yet heard."""
        if self._reacting is not None:  # the line ended while the agent was stopped for it
            self._overhear(self._reacting)
        while not self._events.empty():
            self._overhear(self._events.get_nowait())
        if (rest := self.turns.line_over()) is not None:
            self._overhear(rest)

    def _overhear(self, event: Event) -> None:
        """Nothing changes a call that is ending, but what is asked for is done all the same."""
        if isinstance(event, TurnOver) and event.text:
            turn = AgentTurn(answers=self._note(event))
            moves = self.mind.hear(event.text, self._now())
        elif isinstance(event, Keys):
            turn = AgentTurn(answers=self._note_keys(event))
            moves = self.mind.press(event.keys, self._now())
        else:
            if isinstance(event, Resumed):
                self._held_turn = self._noted
            return
        self._facts.put(turn, facts_of(moves))

    async def _react(self, event: Event) -> None:
        if isinstance(event, AskFinal):
            self._ask_final()
            return
        self._reacting = event
        await self._cut()
        self._reacting = None  # from here on nothing is waited for
        match event:
            case Resumed():
                self._go_back()
            case TurnOver():
                self._answer(event)
            case Keys():
                self._take_keys(event)
            case Silence():
                self._start(self.mind.silence(self._now()))
            case TimeUp():  # whatever the mind says: without an end the carrier would cut the line
                self._start(self.mind.time_is_up(self._now()) or [HangUp()])
            case ProviderGone() if not self._performer.has_failed:
                turn = AgentTurn()
                self._begin(turn, self._performer.failure(turn))

    def _go_back(self) -> None:
        """The callee goes on: the mind forgets the half it heard, unless something was done
        since that nobody forgets."""
        before = self._before
        if before is None:
            return
        if before.facts == self._facts.count:
            self._performer.mind = before.mind
        self._before, self._held_turn = None, self._noted

    def _answer(self, over: TurnOver) -> None:
        """The callee's turn is over: write it down, let the mind hear it."""
        marks = {"end_of_speech": over.ended_s, "end_of_turn": self._clock()}
        number = self._note(over)
        before = copy.deepcopy(self.mind)
        self._before = _Before(before, self._facts.count)
        self._start(self.mind.hear(over.text, self._now()), marks, number)

    def _note(self, over: TurnOver) -> int:
        """Write down the callee's words; return the number of their turn."""
        if not over.text:
            return self._transcript.last
        replaces, self._held_turn = self._held_turn, None
        self._noted = self._transcript.add(
            "callee", over.text, starts_s=over.began_s, ends_s=over.ended_s, replaces=replaces
        )
        return self._noted

    def _take_keys(self, event: Keys) -> None:
        number = self._note_keys(event)
        marks = {"end_of_speech": event.at_s, "end_of_turn": self._clock()}
        self._start(self.mind.press(event.keys, self._now()), marks, number)

    def _note_keys(self, event: Keys) -> int:
        self._before = self._held_turn = self._noted = None
        return self._transcript.add("keypad", event.keys, starts_s=event.at_s, ends_s=event.at_s)

    def _start(self, moves: Moves, marks: dict[str, float] | None = None, answers: int = 0) -> None:
        """Begin the agent's go; the one before is over or cut."""
        if moves:
            self._begin(AgentTurn(marks=marks or {}, answers=answers), moves)

    def _begin(self, turn: AgentTurn, moves: Moves) -> None:
        self._turn = turn
        task = self._tasks.create_task(self._perform(turn, moves))
        self.performances.add(task)
        task.add_done_callback(self.performances.discard)

    async def _perform(self, turn: AgentTurn, moves: Moves) -> None:
        await self._performer.perform(turn, moves)
        if self._turn is turn and not turn.is_cut:  # else whoever cuts it finishes it
            self._finish(turn, heard_of(turn.passages, ()), is_cut=turn.owes_words)

    async def _cut(self) -> None:
        """Stop the agent's go, if there is one."""
        turn = self._turn
        if turn is not None:
            is_begun = turn.owes_words or not turn.passages
            heard = await self._performer.cut(turn)
            whole = heard_of(turn.passages, ())
            self._finish(turn, heard, is_cut=heard != whole or is_begun)
            self.turns.agent_stopped(self._clock())

    def _finish(self, turn: AgentTurn, heard: str, *, is_cut: bool) -> None:
        """The agent's go is over: tell the mind what was heard, write it down."""
        self._turn = None
        if turn.passages or is_cut:
            self.mind.said(heard, is_cut=is_cut)
        first = next((p for p in turn.passages if p.starts_s is not None), None)
        if first is None or first.starts_s is None or first.first_sent_s is None or not heard:
            return
        marks = turn.marks | {
            "first_audio_sent": first.first_sent_s,
            "first_audio_heard": first.starts_s,
        }
        self._transcript.add(
            "agent",
            heard,
            starts_s=first.starts_s,
            ends_s=max(p.ends_s for p in turn.passages if p.ends_s is not None),
            is_interrupted=is_cut,
            marks=marks,
        )

    def _fill(self) -> None:
        """Say that we are at it, when thinking takes long."""
        turn = self._turn
        if turn is None or turn.is_filled or turn.is_cut or not turn.owes_words:
            return
        if any(passage.audio_bytes for passage in turn.passages):
            return
        after_s = _FILL_SPOKEN_AFTER_S if turn.passages else _FILL_AFTER_S
        if self._clock() - turn.marks.get("end_of_speech", self._clock()) < after_s:
            return
        phrase = self._speaker.cached(self._filler)
        if phrase is not None:
            turn.is_filled = True
            passage = self._playout.begin_whole(self._filler, phrase.audio, phrase.words)
            turn.passages.insert(0, passage)  # it sounds before what the voice was given already
