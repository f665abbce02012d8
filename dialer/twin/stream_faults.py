"""What goes wrong on one stream, on demand (`faults`); delays are real seconds from its start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final

from dialer.twin.faults import Fault, FaultKind, Faults
from dialer.twin.mulaw import SILENCE
from dialer.twin.stream_wire import MULAW, Format, Outbox

STALL_S: Final = 20.0
_LOST_EVERY: Final = 25  # frames
_GARBAGE_FROM: Final = 10  # frame; one piece every few frames
_GARBAGE_GAP: Final = 7
_FRAME: Final = SILENCE * 160
_MULAW: Final = Format(MULAW, 8000)


class StreamFaults:
    """Takes what is armed for one callee; a stalled or lossy stream is so from its beginning."""

    def __init__(self, faults: Faults, phone: str) -> None:
        self._faults = faults
        self._phone = phone
        self._began = time.monotonic()
        self._stalls = self.take(FaultKind.STREAM_STALLS)
        self._is_lossy = self.take(FaultKind.MEDIA_GAPS) is not None
        self._is_early = self.take(FaultKind.MEDIA_BEFORE_START) is not None
        self._garbage: Iterator[str | bytes] | None = None

    def take(self, kind: FaultKind) -> Fault | None:
        return self._faults.take(kind, self._phone)

    async def wait_while_stalled(self) -> None:
        """Neither reads nor writes from ``delay_s`` on, for 20 s."""
        if self._stalls is None:
            return
        since_s = time.monotonic() - self._began - self._stalls.delay_s
        if 0 <= since_s < STALL_S:
            await asyncio.sleep(STALL_S - since_s)

    def loses(self, chunk: int) -> bool:
        """One frame in 25 never comes."""
        return self._is_lossy and chunk % _LOST_EVERY == 0

    def before_start(self, outbox: Outbox) -> list[str]:
        return [outbox.media("inbound", 1, 0, _FRAME)] if self._is_early else []

    def garbage(self, chunk: int, outbox: Outbox) -> list[str | bytes]:
        """Every seventh frame brings one more piece, as long as there are."""
        if self._garbage is None and chunk == _GARBAGE_FROM:
            is_armed = self.take(FaultKind.GARBAGE_MEDIA) is not None
            self._garbage = _pieces(outbox) if is_armed else iter(())
        if self._garbage is None or chunk % _GARBAGE_GAP:
            return []
        piece = next(self._garbage, None)
        return [] if piece is None else [piece]


def _pieces(outbox: Outbox) -> Iterator[str | bytes]:
    """Each is wrong in its own way; none carries sound."""
    good = outbox.media("inbound", 5, 0, _FRAME)
    yield "this is not JSON"
    yield "[]"
    yield "{}"
    yield '{"event":"media"}'
    yield '{"event":"media","media":null}'
    yield good.replace('"payload":"', '"payload":"***')
    yield good.replace('"chunk":5', '"chunk":"five"')
    yield good.replace('"track":"inbound"', '"track":"outbound"')
    yield good  # a chunk of long ago
    yield outbox.media("inbound", 1_000_000, 0, _FRAME)  # one of far ahead
    yield outbox.media("inbound", 5, 0, _FRAME * 5000)  # 1 MB
    yield '{"event":"dtmf","dtmf":{"digit":"Z"}}'
    yield outbox.event("playedStream", name="nobody asked for this")
    yield outbox.event("clearedAudio")
    yield outbox.event("somethingNew", detail="x")
    yield b"\x00\x01binary"
    yield outbox.start("another-call", "MA", ["inbound"], _MULAW)
