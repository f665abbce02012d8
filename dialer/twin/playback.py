"""What a bidirectional stream is about to play to the callee: a queue drained in real time.

Pure. Audio is 8 kHz mu-law; the queue holds 40 s (plivo.md §4.2, best practices).
"""

from __future__ import annotations

from collections import deque
from typing import Final

from dialer.twin.mulaw import SAMPLE_RATE_HZ

LIMIT_S: Final = 40.0
WARNINGS: Final = (30, 60, 90)  # percent of the limit at which the customer is told


class Playback:
    """Audio and the checkpoints between it, in the order they came."""

    def __init__(self) -> None:
        self._queued = bytearray()
        self._taken = 0  # bytes played or dropped since the stream began
        self._marks: deque[tuple[int, str]] = deque()  # (byte it stands before, name)
        self._warned = 0

    @property
    def queued_ms(self) -> int:
        return len(self._queued) * 1000 // SAMPLE_RATE_HZ

    def add(self, audio: bytes) -> bool:
        """Queue ``audio``; False when it would overflow, then none of it is."""
        if len(self._queued) + len(audio) > LIMIT_S * SAMPLE_RATE_HZ:
            return False
        self._queued += audio
        return True

    def warning(self) -> int | None:
        """A percentage of `WARNINGS` that was reached since the last question."""
        percent = self.queued_ms / LIMIT_S / 10
        reached = max((level for level in WARNINGS if percent >= level), default=0)
        is_new = reached > self._warned
        self._warned = reached
        return reached if is_new else None

    def mark(self, name: str) -> None:
        self._marks.append((self._taken + len(self._queued), name))

    def clear(self) -> tuple[int, int]:
        """Drop everything: (milliseconds of audio, checkpoints) that will never be heard of."""
        dropped = self.queued_ms, len(self._marks)
        self._taken += len(self._queued)
        self._queued.clear()
        self._marks.clear()
        return dropped

    def take(self, size: int) -> tuple[bytes, list[str]]:
        """Up to ``size`` bytes to play now, and the checkpoints that were reached by then."""
        audio = bytes(self._queued[:size])
        del self._queued[:size]
        self._taken += len(audio)
        reached = []
        while self._marks and self._marks[0][0] <= self._taken:
            reached.append(self._marks.popleft()[1])
        return audio, reached
