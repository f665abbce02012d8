"""The carrier's WebSocket as a `call.line.Line`: its messages as events, our requests as messages.

Bad messages are counted by reason and survived. Every write has a deadline: a carrier that does
not read gets no second one, because what it does not take would grow in our memory.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from dialer.audio.jitter import JitterBuffer
from dialer.audio.mulaw import FRAME_S
from dialer.call.line import Cleared, Frame, Key, LineEvent, Played
from dialer.providers import plivo_stream as codec

ABORT: Final = "dialer.abort"  # scope extension: a function that drops the connection unasked
_NORMAL_CLOSURE = 1000  # plivo.md §4.3: the close codes are not documented, use this
_PLAY_BYTES = 12_000  # 16 kB of base64 a message (plivo.md §4.2), 1.5 s


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Seconds that each wait of a stream may take.

    start_s: from the upgrade to the carrier's ``start``. write_s: for one message to leave.
    idle_s: without any message; the carrier sends one each 20 ms. leave_s: for a talk to end
    once its line has. give_way_s: for an older stream of the same call to leave.
    """

    start_s: float = 5.0
    write_s: float = 2.0
    idle_s: float = 3.0
    leave_s: float = 30.0
    give_way_s: float = 5.0


class SocketLine:
    """One socket that was accepted. Read `events` from one task; the rest may be called from any.

    ``bad``: messages of no use, by reason.
    """

    def __init__(
        self,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
        *,
        abort: Callable[[], None],
        limits: StreamLimits,
        gone: tuple[type[BaseException], ...] = (OSError,),
    ) -> None:
        self.bad: Counter[str] = Counter()
        self.stream_id = ""
        self._receive_message, self._send_message = receive, send
        self._abort, self._limits, self._gone = abort, limits, gone
        self._jitter = JitterBuffer()
        self._frames = 0
        self._clock = asyncio.get_running_loop().time
        self._last_message_s = self._clock()
        self._ended_s: float | None = None

    @property
    def is_open(self) -> bool:
        return self._ended_s is None

    @property
    def ended_s_ago(self) -> float:
        """How long nothing can be sent any more; 0 while it can."""
        return 0.0 if self._ended_s is None else self._clock() - self._ended_s

    @property
    def idle_s(self) -> float:
        """How long the carrier has said nothing."""
        return self._clock() - self._last_message_s

    @property
    def counts(self) -> dict[str, int]:
        """What came in, for the log: frames out, late messages, bytes of silence filled in."""
        return {
            "frames": self._frames,
            "late": self._jitter.late,
            "filled_bytes": self._jitter.filled,
        }

    async def started(self) -> codec.Started | None:
        """Wait for the carrier's ``start``; None if it does not come in time, or the end does."""
        try:
            async with asyncio.timeout(self._limits.start_s):
                while (raw := await self._receive()) is not None:
                    message = codec.read(raw)
                    if isinstance(message, codec.Started):
                        self.stream_id = message.stream_id
                        return message
                    self._count(message, otherwise="before_start")
        except TimeoutError:
            self.bad["no_start"] += 1
        return None

    async def events(self) -> AsyncIterator[LineEvent]:
        """See `Line`. A ``stop`` is the end too: what comes after it is nobody's."""
        while True:
            try:
                async with asyncio.timeout(self._until_due_s()):
                    raw = await self._receive()
            except TimeoutError:
                for frame in self._placed(self._jitter.due(self._clock())):
                    yield frame
                continue
            if raw is None:
                break
            message = codec.read(raw)
            if isinstance(message, codec.Stopped):
                break
            for event in self._events_of(message):
                yield event
        for frame in self._placed(self._jitter.due(math.inf)):
            yield frame

    async def play(self, audio: bytes) -> None:
        for at in range(0, len(audio), _PLAY_BYTES):
            await self._send(codec.play_audio(audio[at : at + _PLAY_BYTES]))

    async def mark(self, name: str) -> None:
        await self._send(codec.checkpoint(self.stream_id, name))

    async def clear(self) -> None:
        await self._send(codec.clear_audio(self.stream_id))

    async def close(self) -> None:
        if self._ended_s is not None:
            return
        self._ended_s = self._clock()
        await self._deliver({"type": "websocket.close", "code": _NORMAL_CLOSURE, "reason": ""})

    def _until_due_s(self) -> float | None:
        due_s = self._jitter.due_s
        return None if due_s is None else max(0.0, due_s - self._clock())

    async def _receive(self) -> str | bytes | None:
        """Return the next message, None once either side has closed."""
        try:
            message = await self._receive_message()
        except self._gone:
            message = {"type": "websocket.disconnect"}
        self._last_message_s = self._clock()
        if message["type"] != "websocket.receive":
            self._end()
            return None
        text: str | None = message.get("text")
        return text if text is not None else (message.get("bytes") or b"")

    def _events_of(self, message: codec.Message) -> Iterable[LineEvent]:
        match message:
            case codec.Media():
                return self._placed(
                    self._jitter.push(
                        message.audio,
                        chunk=message.chunk,
                        timestamp_ms=message.timestamp_ms,
                        arrived_s=self._last_message_s,
                    )
                )
            case codec.Dtmf():
                return (Key(message.digit),)
            case codec.PlayedStream():
                return (Played(message.name),)
            case codec.ClearedAudio():
                return (Cleared(),)
            case _:
                self._count(message, otherwise="second_start")
                return ()

    def _placed(self, audio: list[bytes]) -> list[Frame]:
        """Give frames their place on the media clock, which is their number."""
        first, self._frames = self._frames, self._frames + len(audio)
        return [Frame((first + index) * FRAME_S, each) for index, each in enumerate(audio)]

    def _count(self, message: codec.Message, *, otherwise: str) -> None:
        self.bad[message.reason if isinstance(message, codec.Unknown) else otherwise] += 1

    async def _send(self, text: str) -> None:
        if self._ended_s is None:
            await self._deliver({"type": "websocket.send", "text": text, "bytes": None})

    async def _deliver(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._limits.write_s):
                await self._send_message(message)
        except TimeoutError:
            # An orderly close would wait in the same queue. The reader is woken by the drop.
            self.bad["not_read_by_carrier"] += 1
            self._end()
            self._abort()
        except self._gone:
            self._end()

    def _end(self) -> None:
        if self._ended_s is None:
            self._ended_s = self._clock()
