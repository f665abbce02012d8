"""The inbound jitter buffer: media messages in, whole frames in order out. Pure.

A frame in order leaves at once: ears need no even pace, so waiting would only add to the reply
time. Only a message that overtook another waits for it, and no longer than `HOLD_S`; then silence
takes the place of what is missing. A carrier that sends nothing gets nothing made up: what it
held back comes later and is whole, and silence put in its place would have to be taken back.

The media clock is the number of frames that came out: one each 20 ms, without holes.
"""

from __future__ import annotations

from typing import Final

from dialer.audio.mulaw import FRAME_BYTES, SAMPLE_RATE_HZ, SILENCE

HOLD_S: Final = 0.050  # design §7: 20-50 ms
_MOST_HELD: Final = 16  # messages; more than can come in HOLD_S unless a backlog bursts in

_BYTES_PER_MS = SAMPLE_RATE_HZ // 1000
# Timestamps are stamped near the sending: less than this is their own unevenness, not a loss.
_HOLE_MS = 200.0
# Two clocks of one carrier may differ by this much a message of 20 ms (0.1 %) for ever.
_SKEW_MS = 0.02
# The callee cannot have spoken for longer than the stream is up: a larger step is a clock's.
_SLACK_S = 1.0
_RENUMBERED_AFTER = 25  # messages in a row that all seem late: half a second


class JitterBuffer:
    """Orders one stream. ``late``: messages dropped because their place was taken; ``filled``:
    bytes of silence put in for what was lost."""

    def __init__(self, *, hold_s: float = HOLD_S) -> None:
        self.late = 0
        self.filled = 0
        self._hold_s = hold_s
        self._next: int | None = None  # the chunk that comes next
        self._held: dict[int, tuple[bytes, int | None, float]] = {}
        self._late_in_a_row = 0
        self._message_bytes = FRAME_BYTES
        self._rest = b""  # less than a frame
        self._bytes = 0  # taken in so far, silence included
        self._zero_ms: float | None = None  # the timestamp of the first byte
        self._began_s: float | None = None

    def push(
        self, audio: bytes, *, chunk: int | None, timestamp_ms: int | None, arrived_s: float
    ) -> list[bytes]:
        """Take in one message; return the frames that are ready, 160 bytes each.

        chunk: its number, one more than the message before; None if it has none: then it is
            taken to be in order. timestamp_ms: of its first sample, on the carrier's clock.
        """
        if self._began_s is None:
            self._began_s = arrived_s
        if chunk is None:
            return self._give_up() + self._take(audio, timestamp_ms, arrived_s)
        if self._next is None or chunk == self._next:
            self._late_in_a_row = 0
            self._next = chunk + 1
            frames = self._take(audio, timestamp_ms, arrived_s)
            return frames + self._follow() if self._held else frames
        if chunk < self._next:
            return self._late(audio, chunk, timestamp_ms, arrived_s)
        if chunk in self._held:
            self.late += 1
            return []
        self._held[chunk] = (audio, timestamp_ms, arrived_s)
        return self._give_up(leave=_MOST_HELD) if len(self._held) > _MOST_HELD else []

    @property
    def due_s(self) -> float | None:
        """When `due` next has something to do, on the clock of ``arrived_s``; None: nothing."""
        if not self._held:
            return None
        return min(arrived for _, _, arrived in self._held.values()) + self._hold_s

    def due(self, now_s: float) -> list[bytes]:
        """Return the frames that were held long enough, with silence before them."""
        frames: list[bytes] = []
        while (at_s := self.due_s) is not None and at_s <= now_s:
            frames += self._give_up(leave=len(self._held) - 1)
        return frames

    def _late(
        self, audio: bytes, chunk: int, timestamp_ms: int | None, arrived_s: float
    ) -> list[bytes]:
        self._late_in_a_row += 1
        if self._late_in_a_row < _RENUMBERED_AFTER:
            self.late += 1
            return []
        # All of them late for half a second: the carrier counts anew.
        frames = self._give_up()
        self._late_in_a_row = 0
        self._next = chunk + 1
        return frames + self._take(audio, timestamp_ms, arrived_s)

    def _give_up(self, *, leave: int = 0) -> list[bytes]:
        """Wait no longer for what is missing, until at most ``leave`` messages are held."""
        frames: list[bytes] = []
        while len(self._held) > leave:
            first = min(self._held)
            assert self._next is not None
            arrived_s = self._held[first][2]
            frames += self._fill((first - self._next) * self._message_bytes, arrived_s)
            self._next = first
            frames += self._follow()
        return frames

    def _follow(self) -> list[bytes]:
        """Take the held messages that are in order now."""
        frames: list[bytes] = []
        while (held := self._held.pop(self._next or 0, None)) is not None:
            self._next = (self._next or 0) + 1
            frames += self._take(*held)
        return frames

    def _take(self, audio: bytes, timestamp_ms: int | None, arrived_s: float) -> list[bytes]:
        frames: list[bytes] = []
        if timestamp_ms is not None:
            hole = self._hole(timestamp_ms)
            if hole:
                frames = self._fill(hole, arrived_s)
                self._zero_ms = timestamp_ms - self._bytes / _BYTES_PER_MS
        self._message_bytes = len(audio)
        self._bytes += len(audio)
        if len(audio) == FRAME_BYTES and not self._rest:
            frames.append(audio)
            return frames
        return frames + self._cut(audio)

    def _hole(self, timestamp_ms: int) -> int:
        """Return how many bytes were lost before ``timestamp_ms`` although no number is missing.

        Whole frames only. A clock that was put back is followed without a word.
        """
        taken_ms = self._bytes / _BYTES_PER_MS
        if self._zero_ms is None:
            self._zero_ms = timestamp_ms - taken_ms
            return 0
        ahead_ms = timestamp_ms - self._zero_ms - taken_ms
        if ahead_ms >= _HOLE_MS:
            return int(ahead_ms * _BYTES_PER_MS) // FRAME_BYTES * FRAME_BYTES
        if ahead_ms <= -_HOLE_MS:
            self._zero_ms += ahead_ms
        else:
            self._zero_ms += max(-_SKEW_MS, min(_SKEW_MS, ahead_ms))
        return 0

    def _fill(self, size: int, now_s: float) -> list[bytes]:
        """Put in silence, but never more than the time the stream is up has room for."""
        up_s = now_s - (self._began_s or 0.0) + _SLACK_S
        room = int(up_s * SAMPLE_RATE_HZ) - self._bytes
        size = max(0, min(size, room // FRAME_BYTES * FRAME_BYTES))
        self.filled += size
        self._bytes += size
        return self._cut(bytes([SILENCE]) * size)

    def _cut(self, audio: bytes) -> list[bytes]:
        audio = self._rest + audio
        whole = len(audio) // FRAME_BYTES * FRAME_BYTES
        self._rest = audio[whole:]
        return [audio[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES)]
