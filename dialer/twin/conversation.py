"""What a callee does in a talk over a <Stream>: greets, waits for the agent's end, answers,
interrupts, presses keys, hangs up. Pure: one `tick` per 20 ms frame, the time passed in."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dialer.twin.callee import Line, Reaction, Script
from dialer.twin.ear import FRAME_BYTES, FRAME_S, Ear, is_loud
from dialer.twin.line_noise import BEEP, LineNoise
from dialer.twin.mulaw import SAMPLE_RATE_HZ

GREETS_AFTER_S: Final = 0.3
KEY_GAP_S: Final = 0.2
_YIELDED_S: Final = 0.1  # an agent that was talked over has stopped
_HUM: Final = "mumble mumble"  # a mumble of no words in particular
_PATIENT_S: Final = 30.0  # a reaction later than this is later in a talk too


@dataclass(slots=True, eq=False)
class Said:
    """One utterance of the callee; seconds since the answer. ``ends_s`` is planned at first."""

    text: str
    starts_s: float
    ends_s: float


@dataclass(frozen=True, slots=True)
class Emitted:
    """What comes from the callee's phone in one frame."""

    frame: bytes
    digit: str = ""
    hangs_up: bool = False


def lines_of(script: Script) -> tuple[Line, ...]:
    """The script's talk; from its reactions to prompts when it has none."""
    if script.talk or not script.reactions:
        return script.talk
    *first, last = script.reactions
    return (*(_line(each, times=1) for each in first), _line(last, times=None))


def _line(reaction: Reaction, *, times: int | None) -> Line:
    after_ms = round(reaction.after_s * 1000)
    return Line(
        keys=reaction.keys,
        says=reaction.says,
        hang_up=reaction.hang_up,
        after_ms=after_ms if reaction.after_s > _PATIENT_S else Line().after_ms,
        interrupts_after_ms=after_ms if reaction.hang_up else None,
        times=times,
    )


def texts_of(script: Script) -> dict[str, bool]:
    """Everything the person may say, with whether it is mumbled."""
    said = {script.greets: script.mumbles} if script.greets else {}
    for line in lines_of(script):
        if text := _text(script, line):
            said[text] = script.mumbles or line.mumbles
    return said


def _text(script: Script, line: Line) -> str:
    """What is said, or stands for the sound of a mumble; empty: nothing."""
    is_hum = (script.mumbles or line.mumbles) and not (line.keys or line.hang_up)
    return line.says or (_HUM if is_hum else "")


class Mouth:
    """The callee's end of the line: what is still to be said and pressed, noise otherwise."""

    def __init__(self, noise: LineNoise) -> None:
        self.said: list[Said] = []
        self.keys: list[tuple[str, float]] = []  # pressed, at
        self._noise = noise
        self._audio = b""
        self._at = 0
        self._digits: deque[str] = deque()
        self._next_key_s = 0.0
        self._hangs_up = False

    @property
    def is_busy(self) -> bool:
        return self._at < len(self._audio) or bool(self._digits) or self._hangs_up

    def say(self, text: str, audio: bytes, now_s: float, *, skipped_s: float = 0.0) -> None:
        """Begin at once; ``skipped_s`` of it are over already."""
        self._audio, self._at = audio, round(skipped_s * SAMPLE_RATE_HZ)
        ends_s = now_s + (len(audio) - self._at) / SAMPLE_RATE_HZ
        if self._at < len(audio):
            self.said.append(Said(text, now_s, ends_s))

    def press(self, keys: Iterable[str], *, hangs_up: bool) -> None:
        """When all is said."""
        self._digits.extend(keys)
        self._hangs_up = hangs_up

    def emit(self, now_s: float) -> Emitted:
        if self._at < len(self._audio):
            frame = self._audio[self._at : self._at + FRAME_BYTES]
            self._at += len(frame)
            return Emitted(frame + self._noise.take(FRAME_BYTES - len(frame)))
        frame = self._noise.take(FRAME_BYTES)
        if self._digits and now_s >= self._next_key_s:
            digit = self._digits.popleft()
            self._next_key_s = now_s + KEY_GAP_S
            self.keys.append((digit, now_s))
            return Emitted(frame, digit)
        return Emitted(frame, hangs_up=self._hangs_up and not self._digits)


@dataclass(slots=True)
class _Turn:
    """What the agent has said since the callee last spoke."""

    words: list[str] = field(default_factory=list)
    starts_s: float | None = None  # of its sound
    matched_s: dict[int, float] = field(default_factory=dict)  # lines whose words were heard: when
    is_ignored: bool = False  # the rest of what was talked over


class Person:
    """A scripted human. ``sounds`` has the audio of every text of `texts_of`."""

    def __init__(
        self, script: Script, ear: Ear, noise: LineNoise, sounds: Mapping[str, bytes]
    ) -> None:
        self.mouth = Mouth(noise)
        self._script = script
        self._ear = ear
        self._sounds = sounds
        self._lines: Sequence[Line] = lines_of(script)
        self._patterns = [re.compile(line.hears, re.IGNORECASE) for line in self._lines]
        self._used = [0] * len(self._lines)
        self._turn = _Turn()
        self._greets_s: float | None = None

    def tick(self, now_s: float, frame: bytes, words: Sequence[str]) -> Emitted:
        """``frame`` with these words of the agent ending in it is being heard from ``now_s``."""
        self._listen(now_s, frame, words)
        if not self.mouth.is_busy:
            self._greet(now_s)
            index = self._choose(now_s)
            if index is not None:
                self._perform(index, now_s)
        return self.mouth.emit(now_s)

    def _greet(self, now_s: float) -> None:
        if self._greets_s is None:
            self._greets_s = now_s + GREETS_AFTER_S
        text = self._script.greets
        if text and now_s >= self._greets_s:
            self._greets_s = float("inf")
            self.mouth.say(text, self._sounds[text], now_s)

    def _listen(self, now_s: float, frame: bytes, words: Sequence[str]) -> None:
        turn = self._turn
        if turn.is_ignored:
            spurt = self._ear.latest
            if spurt is None or now_s - spurt.ends_s >= _YIELDED_S:
                turn.is_ignored = False
            return
        turn.words += words
        if turn.starts_s is None and is_loud(frame):
            turn.starts_s = now_s
        if words:
            text = " ".join(turn.words)
            turn.matched_s = {
                index: turn.matched_s.get(index, now_s)
                for index, pattern in enumerate(self._patterns)
                if pattern.search(text)
            }

    def _choose(self, now_s: float) -> int | None:
        """The line whose moment this is: the first one that matches decides."""
        turn = self._turn
        if turn.starts_s is None:
            return None
        silent_s = self._ear.silent_s(now_s)
        has_ended = silent_s * 1000 >= self._script.patience_ms
        for index, line in enumerate(self._lines):
            if line.times is not None and self._used[index] >= line.times:
                continue
            if line.hears and index not in turn.matched_s:
                continue
            if line.interrupts_after_ms is not None and not (has_ended and line.hears):
                since_s = turn.matched_s[index] if line.hears else turn.starts_s
                if not has_ended and (now_s - since_s) * 1000 >= line.interrupts_after_ms:
                    return index
                continue
            return index if has_ended and silent_s * 1000 >= line.after_ms else None
        return None

    def _perform(self, index: int, now_s: float) -> None:
        line = self._lines[index]
        self._used[index] += 1
        was_talking = self._ear.silent_s(now_s) * 1000 < self._script.patience_ms
        self._turn = _Turn(is_ignored=was_talking)
        text = _text(self._script, line)
        if text:
            self.mouth.say(text, self._sounds[text], now_s)
        self.mouth.press(line.keys, hangs_up=line.hang_up)


class Answerphone:
    """A voicemail: its greeting from the moment of the answer, the beep, then nothing."""

    def __init__(self, greeting: str, audio: bytes, beep_at_s: float, noise: LineNoise) -> None:
        self.mouth = Mouth(noise)
        self._greeting = greeting
        self._audio = audio
        self._beep_at_s = beep_at_s
        self._stage = 0

    def tick(self, now_s: float, frame: bytes, words: Sequence[str]) -> Emitted:
        """It does not listen."""
        if self._stage == 0:
            self._stage = 1
            self.mouth.say(self._greeting, self._audio, now_s, skipped_s=now_s)
        if self._stage == 1 and now_s >= self._beep_at_s and not self.mouth.is_busy:
            self._stage = 2
            skipped_s = now_s - self._beep_at_s
            self.mouth.say(
                "(beep)", BEEP, now_s, skipped_s=skipped_s if skipped_s > FRAME_S else 0.0
            )
        return self.mouth.emit(now_s)
