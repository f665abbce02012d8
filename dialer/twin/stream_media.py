"""One bidirectional stream at work: every 20 ms a frame out and a frame played, what the customer
asks done in between, and what goes wrong on demand.

Media runs at real speed, on the monotonic clock without drift, whatever the twin's time scale: it
meets a product that listens in real time.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import aiohttp

from dialer.twin.calls import StreamRecord
from dialer.twin.causes import NORMAL
from dialer.twin.conversation import Emitted
from dialer.twin.ear import FRAME_BYTES, FRAME_S
from dialer.twin.faults import FaultKind
from dialer.twin.interpreter import Interpreter
from dialer.twin.mulaw import SILENCE
from dialer.twin.playback import Playback
from dialer.twin.stream_faults import StreamFaults
from dialer.twin.stream_wire import (
    Bad,
    Checkpoint,
    Clear,
    Digits,
    Format,
    Outbox,
    Play,
    read_message,
)
from dialer.twin.talks import Talk

SEND_TIMEOUT_S: Final = 5.0  # a customer that does not read for so long loses the stream

Socket = aiohttp.ClientWebSocketResponse
#: Opens a socket to the customer; None when it cannot.
Connect = Callable[[], Awaitable[Socket | None]]


@dataclass(frozen=True, slots=True)
class Setup:
    """What is settled before the first frame."""

    format: Format
    tracks: list[str]
    is_bidirectional: bool
    extra_headers: str
    new_id: Callable[[], str]
    connect: Connect
    warn: Callable[[], None]  # the playback queue fills


class Media:
    """Runs until either side ends. ``is_lost``: the socket died instead of being closed."""

    def __init__(
        self,
        run: Interpreter,
        talk: Talk,
        setup: Setup,
        faults: StreamFaults,
        record: StreamRecord,
    ) -> None:
        self.playback = Playback()
        self.is_lost = False
        self._run = run
        self._talk = talk
        self._setup = setup
        self._faults = faults
        self._record = record
        self._outbox = Outbox(record.stream_id, setup.extra_headers)
        self._late = deque[tuple[float, Callable[[Outbox], str]]]()  # (due, message)
        self._dice = random.Random(f"{run.exchange.config.seed} {run.call.call_uuid}")
        self._socket: Socket | None = None
        self._ended = asyncio.Event()
        self._chunk = 0
        self._has_overflowed = False
        self._noted: set[str] = set()
        self._first_ms = 0
        self._begins_s = 0.0

    @property
    def now_s(self) -> float:
        """On the call clock: where the media clock stands."""
        return self._begins_s + self._chunk * FRAME_S

    async def run(self, socket: Socket) -> None:
        """Say ``start`` and talk; returns when the customer has closed, or nobody is there."""
        await self._open(socket)
        clock = self._run.exchange.clock
        self._first_ms = round(clock.now().timestamp() * 1000)
        answered_at = self._run.call.answered_at
        if answered_at is not None:
            self._begins_s = (clock.now() - answered_at).total_seconds()
        if not self._talk.heard:
            self._talk.starts_s = self._begins_s
        async with asyncio.TaskGroup() as tasks:
            working = [
                tasks.create_task(self._pump()),
                tasks.create_task(self._read(socket)),
                tasks.create_task(self._go_wrong(tasks)),
            ]
            for event in (self._ended, self._record.stop):
                working.append(tasks.create_task(self._until(event)))
            await asyncio.wait(working[-2:], return_when=asyncio.FIRST_COMPLETED)
            self._ended.set()
            for task in working:
                task.cancel()

    async def close(self) -> None:
        """In good order (plivo.md §8, row 15)."""
        socket = self._socket
        if socket is None or socket.closed:
            return
        if self._run.exchange.config.stream_stop_event:
            await self._send(self._outbox.event("stop"))
        await socket.close(code=aiohttp.WSCloseCode.OK)

    async def _open(self, socket: Socket) -> None:
        self._socket = socket
        call, config = self._run.call, self._run.exchange.config
        for message in self._faults.before_start(self._outbox):
            await self._send(message)
        await self._send(
            self._outbox.start(
                call.call_uuid, config.auth_id, self._setup.tracks, self._setup.format
            )
        )

    async def _until(self, event: asyncio.Event) -> None:
        await event.wait()

    async def _pump(self) -> None:
        """The media clock: frame n is due 20 n ms after the first."""
        started = time.monotonic()
        while not self._ended.is_set():
            await asyncio.sleep(max(0.0, started + self._chunk * FRAME_S - time.monotonic()))
            await self._faults.wait_while_stalled()
            await self._tick()

    async def _tick(self) -> None:
        now_s, talk = self.now_s, self._talk
        audio, reached = self.playback.take(FRAME_BYTES)
        frame = audio + SILENCE * (FRAME_BYTES - len(audio))
        words = talk.ear.hear(frame, now_s)
        emitted = talk.party.tick(now_s, frame, words)
        talk.take(now_s, audio, frame, emitted.frame)
        for name in reached:
            await self._acknowledge(name)
        await self._send_frame(emitted)
        if self.playback.warning() is not None:
            self._setup.warn()
        if emitted.hangs_up:
            self._run.exchange.end(self._run.call, NORMAL)

    async def _send_frame(self, emitted: Emitted) -> None:
        """Frames may be late by the jitter, never out of order: what was held comes in a burst."""
        at_ms = self._first_ms + round(self._chunk * FRAME_S * 1000)
        self._chunk += 1
        chunk = self._chunk
        if not self._faults.loses(chunk):
            payloads = {"inbound": emitted.frame, "outbound": SILENCE * FRAME_BYTES}
            for track in self._setup.tracks:
                audio = self._setup.format.wire(payloads[track])
                self._hold_back(
                    partial(Outbox.media, track=track, chunk=chunk, timestamp_ms=at_ms, audio=audio)
                )
        if emitted.digit:
            self._hold_back(partial(Outbox.dtmf, digit=emitted.digit, timestamp_ms=at_ms))
        for garbage in self._faults.garbage(chunk, self._outbox):
            await self._send(garbage)
        now = time.monotonic()
        while self._late and self._late[0][0] <= now:
            await self._send(self._late.popleft()[1](self._outbox))

    def _hold_back(self, message: Callable[[Outbox], str]) -> None:
        jitter_s = self._run.exchange.config.jitter_ms / 1000
        due = time.monotonic() + (self._dice.uniform(0.0, jitter_s) if jitter_s else 0.0)
        before = self._late[-1][0] if self._late else 0.0
        self._late.append((max(due, before), message))

    async def _acknowledge(self, name: str) -> None:
        if self._faults.take(FaultKind.PLAYED_LOST):
            self._talk.checkpoints["lost"] += 1
            return
        self._talk.checkpoints["played"] += 1
        await self._send(self._outbox.event("playedStream", name=name))

    async def _read(self, socket: Socket) -> None:
        """Do what the customer asks until the socket is closed; only of the latest socket."""
        async for message in socket:
            await self._faults.wait_while_stalled()
            if socket is not self._socket:
                self._talk.messages["on_old_socket"] += 1
            elif message.type is aiohttp.WSMsgType.TEXT:
                await self._obey(message.data)
            else:
                self._note_bad(Bad("a message that is not text"))
        if socket is self._socket:
            self.is_lost = socket.close_code in (None, aiohttp.WSCloseCode.ABNORMAL_CLOSURE)
            self._ended.set()

    async def _obey(self, raw: str) -> None:
        message = read_message(raw, self._setup.format)
        self._talk.messages[type(message).__name__.lower()] += 1
        match message:
            case Play(audio):
                await self._play(audio)
            case Checkpoint(name):
                self._talk.checkpoints["asked"] += 1
                self.playback.mark(name)
            case Clear():
                dropped_ms, dropped_marks = self.playback.clear()
                self._talk.clear(self.now_s, dropped_ms, dropped_marks)
                await self._send(self._outbox.event("clearedAudio"))
            case Digits(digits):
                self._talk.digits_sent += digits
            case Bad(_, reason):
                self._note_bad(message)
                if reason:
                    await self._send(self._outbox.event("playFailed", reason=reason))

    async def _play(self, audio: bytes) -> None:
        if not self._setup.is_bidirectional:
            self._note_bad(Bad("audio for a stream that is not bidirectional"))
        elif self.playback.add(audio):
            self._has_overflowed = False
        else:
            self._note_bad(Bad("audio over the playback limit"))
            if not self._has_overflowed:
                self._has_overflowed = True
                await self._send(self._outbox.event("error", reason="buffer_overflow"))

    def _note_bad(self, bad: Bad) -> None:
        """Count it; the ledger has one note per kind and stream."""
        self._talk.messages[bad.text] += 1
        if bad.text not in self._noted:
            self._noted.add(bad.text)
            self._run.note(f"stream: {bad.text}")

    async def _send(self, message: str | bytes) -> None:
        """A socket that is gone, or does not take it in time, ends the stream."""
        socket = self._socket
        if socket is None or self._ended.is_set():
            return
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                if isinstance(message, bytes):
                    await socket.send_bytes(message)
                else:
                    await socket.send_str(message)
        except (ConnectionError, aiohttp.ClientError, TimeoutError):
            self.is_lost = not socket.closed
            self._ended.set()

    async def _go_wrong(self, tasks: asyncio.TaskGroup) -> None:
        """The faults that have a moment of their own, in real seconds from the start."""
        if (cut := self._faults.take(FaultKind.STREAM_CUT)) is not None:
            await asyncio.sleep(cut.delay_s)
            if self._socket is not None:
                cut_line(self._socket)
        elif (second := self._faults.take(FaultKind.SECOND_STREAM)) is not None:
            await asyncio.sleep(second.delay_s)
            socket = await self._setup.connect()
            if socket is not None:
                self._outbox = Outbox(self._setup.new_id(), self._setup.extra_headers)
                await self._open(socket)
                tasks.create_task(self._read(socket))


def cut_line(socket: Socket) -> None:
    """Neither side says goodbye: the connection is just gone."""
    connection = socket.get_extra_info("socket")
    if connection is not None:
        connection.shutdown(2)
