"""One live call without sockets: our own protocols, each with a small real far end in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dialer.agent.moves import (
    Answer,
    HangUp,
    Mind,
    Moves,
    Say,
    ToolCall,
)
from dialer.audio.mulaw import FRAME_BYTES, SILENCE
from dialer.audio.wav import StereoWav
from dialer.call.desk import LineNews, Metered, RecordingFile, Turn
from dialer.call.line import Frame, Key, LineEvent, Played
from dialer.call.playout import BYTES_PER_S
from dialer.call.session import CallFacts, Session, Speech
from dialer.call.speaker import PhraseCache
from dialer.domain.after_stream import TransferReason
from dialer.domain.attempt import Disposition
from dialer.domain.ids import uuid7
from dialer.errors import Unavailable
from dialer.providers.speech import (
    Transcript,
    Word,
)
from tests.unit.call_vendors import Hearing, Mouth, Script, Thinker

NOW = datetime(2026, 11, 23, 5, 34, tzinfo=UTC)
APOLOGY = "Sorry, we call you back."
FILLER = "One moment."


class Wire:
    """The carrier's side of a line: plays in real time, tells its marks, hangs up when told."""

    def __init__(self) -> None:
        self.sent: list[str] = []  # p1, clear, close; sound as "sound"
        self.played_bytes = 0
        self.clearing = 0  # turns of the event loop that a `clear` takes
        self.begun_to_clear = 0
        self._events: asyncio.Queue[LineEvent | None] = asyncio.Queue()
        self._frames = 0
        self._dry_at = 0.0
        self.is_over = False

    async def events(self) -> AsyncIterator[LineEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    def bring(self, event: LineEvent | None) -> None:
        self._events.put_nowait(event)

    def bring_frame(self, audio: bytes = bytes([SILENCE]) * FRAME_BYTES) -> None:
        self.bring(Frame(self._frames * 0.02, audio))
        self._frames += 1

    def press(self, digits: str) -> None:
        for digit in digits:
            self.bring(Key(digit))

    def hang_up(self) -> None:
        self.is_over = True
        self.bring(None)

    async def play(self, audio: bytes) -> None:
        if self.is_over:
            return
        now = asyncio.get_running_loop().time()
        self._dry_at = max(self._dry_at, now) + len(audio) / BYTES_PER_S
        self.played_bytes += len(audio)
        self.sent.append("sound")

    async def mark(self, name: str) -> None:
        self.sent.append(name)
        loop = asyncio.get_running_loop()
        loop.call_later(max(0.0, self._dry_at - loop.time()), self.bring, Played(name))

    async def clear(self) -> None:
        self.begun_to_clear += 1
        for _ in range(self.clearing):
            await asyncio.sleep(0)
        self._dry_at = 0.0
        self.sent.append("clear")

    async def close(self) -> None:
        if "close" not in self.sent:
            self.sent.append("close")
            self.hang_up()


@dataclass
class Papers:
    """A desk. ``is_away``: the database; ``gate`` holds each write until it is set."""

    written: list[Any] = field(default_factory=list)
    turns: dict[int, Turn] = field(default_factory=dict)
    is_away: bool = False
    tried: int = 0
    gate: asyncio.Event | None = None
    closed: list[tuple[Metered, RecordingFile | None]] = field(default_factory=list)
    on_hang_up: Callable[[], None] = lambda: None
    told: LineNews = field(default_factory=lambda: LineNews(is_machine=False, is_over=False))

    async def _write(self, what: Any) -> None:
        self.tried += 1
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        if self.is_away:
            raise Unavailable("the database is away")
        self.written.append(what)

    async def keep_turn(self, turn: Turn) -> None:
        await self._write(("turn", turn.number))
        self.turns[turn.number] = turn

    async def record(self, question_id: str, value: Answer, turn_number: int) -> None:
        await self._write(("record", question_id, value))

    async def settle(self, disposition: Disposition, callback_at: datetime | None) -> None:
        await self._write(("settle", disposition))

    async def opt_out(self) -> None:
        await self._write("opt_out")

    async def hand_over(self, reason: TransferReason) -> None:
        await self._write(("hand_over", reason))

    async def apologise(self, callback_at: datetime | None) -> None:
        await self._write("apologise")

    async def hang_up(self) -> None:
        await self._write("hang_up")
        self.on_hang_up()

    async def stirred(self, limit_s: float) -> None:
        await asyncio.sleep(limit_s)

    async def news(self) -> LineNews:
        if self.is_away:
            raise Unavailable("the database is away")
        return self.told

    async def close(self, metered: Metered, recording: RecordingFile | None) -> None:
        await self._write("close")
        self.closed.append((metered, recording))

    @property
    def facts(self) -> list[Any]:
        return [each for each in self.written if each[0] != "turn" and each != "close"]

    @property
    def rows(self) -> list[tuple[str, str, bool]]:
        rows = [self.turns[number] for number in sorted(self.turns)]
        return [(row.speaker, row.said, row.is_interrupted) for row in rows]


@dataclass
class Lines:
    """What a mind answers; each function is asked once per telling."""

    begin: Moves = ()
    hear: Callable[[str], Moves] = lambda text: ()
    press: Callable[[str], Moves] = lambda keys: ()
    use_tool: Callable[[ToolCall], Moves] = lambda call: ()
    replied: Callable[[str], Moves] = lambda text: ()
    fail: Moves = (Say(APOLOGY, is_fixed=True, may_interrupt=False), HangUp())
    time_is_up: Moves = (Say("Time is up."), HangUp())
    silence: Moves = ()


class Puppet:
    """A mind that answers as scripted. ``log`` is shared by its copies, ``known`` is not."""

    def __init__(self, script: Lines, log: list[Any]) -> None:
        self.script, self.log = script, log
        self.known: list[str] = []
        self.most_keys = 1
        self.fixed_texts: Sequence[str] = ()

    def __deepcopy__(self, memo: dict[int, Any]) -> Puppet:
        copied = Puppet(self.script, self.log)
        copied.known, copied.most_keys = list(self.known), self.most_keys
        return copied

    def begin(self) -> Moves:
        return self._tell("begin", self.script.begin)

    def hear(self, text: str, now: datetime) -> Moves:
        self.known.append(text)
        return self._tell(("hear", text), self.script.hear(text))

    def press(self, keys: str, now: datetime) -> Moves:
        self.known.append(keys)
        return self._tell(("press", keys), self.script.press(keys))

    def use_tool(self, call: ToolCall, now: datetime) -> Moves:
        self.known.append(call.name)
        return self._tell(("use_tool", call.name), self.script.use_tool(call))

    def replied(self, text: str, now: datetime) -> Moves:
        return self._tell(("replied", text), self.script.replied(text))

    def said(self, heard: str, *, is_cut: bool) -> None:
        self.log.append(("said", heard, is_cut))

    def silence(self, now: datetime) -> Moves:
        return self._tell("silence", self.script.silence)

    def fail(self, now: datetime) -> Moves:
        return self._tell("fail", self.script.fail)

    def time_is_up(self, now: datetime) -> Moves:
        return self._tell("time_is_up", self.script.time_is_up)

    @property
    def patience_s(self) -> float:
        return 60.0

    def _tell(self, what: Any, moves: Moves) -> Moves:
        self.log.append(what)
        return moves


class Call:
    """A call that is up, with everything around it."""

    def __init__(
        self,
        script: Lines,
        *replies: Script,
        limit_s: float = 300.0,
        recorder: StereoWav | None = None,
        mind: Mind | None = None,
    ) -> None:
        self.wire, self.papers, self.mouth = Wire(), Papers(), Mouth()
        self.hearing, self.thinker = Hearing(), Thinker(*replies)
        self.cache = PhraseCache()
        self.log: list[Any] = []
        self.papers.on_hang_up = self.wire.hang_up
        self.session = Session(
            self.wire,
            self.papers,
            mind or Puppet(script, self.log),
            Speech(self.hearing, self.mouth, self.thinker, self.cache, "hearing", "mouth"),
            CallFacts(
                attempt_id=uuid7(),
                language="en-IN",
                voice_id="v",
                keyterms=(),
                cache_key="k",
                filler=FILLER,
                answered_s_ago=0.0,
                limit_s=limit_s,
                recording=None if recorder is None else Path("r.wav"),
            ),
            now=lambda: NOW,
            call_back_at=lambda: NOW + timedelta(hours=1),
            recorder=recorder,
        )
        self._began = asyncio.get_running_loop().time()

    @property
    def clock_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    @property
    def conductor(self) -> Any:
        """The live conductor, to bring it what takes real speech to happen."""
        return self.session._conductor

    def hear(self, text: str, *, ends: bool = True) -> None:
        """The callee says this, at once."""
        at_s = max(0.0, self.clock_s - 0.05)
        each = tuple(Word(word, at_s, at_s + 0.01) for word in text.split())
        self.hearing.bring(Transcript(text, each, at_s, at_s + 0.02, True, ends))

    async def until(self, is_so: Callable[[], Any], *, within_s: float = 20.0) -> None:
        async with asyncio.timeout(within_s):
            while not is_so():  # noqa: ASYNC110 - many things are watched by one word
                await asyncio.sleep(0.005)

    async def logged(self, what: Any) -> None:
        await self.until(lambda: what in self.log)

    async def heard_sound(self, seconds: float) -> None:
        await self.until(lambda: self.wire.played_bytes >= round(seconds * BYTES_PER_S))


@asynccontextmanager
async def on_the_line(call: Call) -> AsyncIterator[Call]:
    """Run the call; afterwards it has ended, by itself or because the callee hangs up."""
    running = asyncio.create_task(call.session.run())
    call.wire.bring_frame()
    try:
        await call.until(lambda: call.session._conductor or running.done())
        yield call
    finally:
        if not call.wire.is_over:
            call.wire.hang_up()
        async with asyncio.timeout(40):
            await running
