"""A call on disk: stereo WAV, 16 bit, 8 kHz, the callee left and the agent right.

Both sides are placed on one clock, in any order and with any gaps; a gap is silence. A window of
two seconds is kept in memory, everything older is on disk under a header that counts exactly what
is there: a process that dies leaves a file that plays.
"""

from __future__ import annotations

import os
import struct
from enum import IntEnum
from pathlib import Path
from typing import Final

from dialer.audio.mulaw import SAMPLE_RATE_HZ, SILENCE, decode

WINDOW_S: Final = 2.0
LONGEST_S: Final = 86_400.0  # no call is longer (plivo.md §1): 2.8 GB, below the format's 4

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_SIZES = ((4, _HEADER.size - 8), (_HEADER.size - 4, 0))  # offset, bytes counted beside the data
_SAMPLE_BYTES = 2
_BOTH_BYTES = 2 * _SAMPLE_BYTES
_WINDOW = int(WINDOW_S * SAMPLE_RATE_HZ)


class Side(IntEnum):
    CALLEE = 0
    AGENT = 1


class StereoWav:
    """One open recording. Disk errors are raised as they come (`OSError`)."""

    def __init__(self, path: Path) -> None:
        """Begin the file, for its owner only; one of that name is replaced."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        self._base = 0  # the sample the window begins at; all before it is on disk
        self._end = 0  # one past the last sample that was written
        self._window = _silent_window()
        self._pwrite(_header(), 0)

    @property
    def seconds(self) -> float:
        """How long it is so far: to the end of the later side."""
        return self._end / SAMPLE_RATE_HZ

    def write(self, side: Side, at_s: float, mulaw: bytes) -> None:
        """Put audio at ``at_s`` of the call clock, over what this side had there.

        What lies before 0 or after `LONGEST_S` is left out.
        """
        at = round(max(-LONGEST_S, min(at_s, LONGEST_S)) * SAMPLE_RATE_HZ)
        if at < 0:
            at, mulaw = 0, mulaw[-at:]
        mulaw = mulaw[: max(0, int(LONGEST_S * SAMPLE_RATE_HZ) - at)]
        if not mulaw:
            return
        self._end = max(self._end, at + len(mulaw))
        if at < self._base:
            self._patch(side, at, mulaw[: self._base - at])
            at, mulaw = self._base, mulaw[self._base - at :]
        while mulaw:
            if at >= self._base + _WINDOW:
                self._move(max(self._base + _WINDOW // 2, at - _WINDOW // 2))
            start = at - self._base
            part = mulaw[: _WINDOW - start]
            self._window[side][start : start + len(part)] = part
            at, mulaw = at + len(part), mulaw[len(part) :]

    def close(self) -> None:
        """Write what is left, and the final header. More than once does nothing."""
        if self._file < 0:
            return
        try:
            self._move(max(self._base, self._end))
        finally:
            os.close(self._file)
            self._file = -1

    def _move(self, base: int) -> None:
        """Write the window's samples before ``base`` and let it begin there."""
        size = min(base - self._base, _WINDOW)
        known = min(size, max(0, self._end - self._base))
        self._pwrite(
            _interleave(*(side[:known] for side in self._window)), self._offset(self._base)
        )
        for side in self._window:
            side[:] = side[size:] + bytes([SILENCE]) * size
        self._base = base
        self._count(min(base, self._end))

    def _patch(self, side: Side, at: int, mulaw: bytes) -> None:
        """Late audio, whose place is on disk already: change this side of it only."""
        size = len(mulaw) * _BOTH_BYTES
        there = bytearray(os.pread(self._file, size, self._offset(at)).ljust(size, b"\0"))
        linear = decode(mulaw)
        for byte in range(_SAMPLE_BYTES):
            there[side * _SAMPLE_BYTES + byte :: _BOTH_BYTES] = linear[byte::_SAMPLE_BYTES]
        self._pwrite(there, self._offset(at))

    def _count(self, samples: int) -> None:
        """Bring the header up to what is on disk. A gap was never written: it reads as zeros,
        which is silence, and takes no room."""
        size = samples * _BOTH_BYTES
        if os.fstat(self._file).st_size < _HEADER.size + size:
            os.ftruncate(self._file, _HEADER.size + size)
        for offset, besides in _SIZES:
            self._pwrite(struct.pack("<I", besides + size), offset)

    def _pwrite(self, data: bytes | bytearray, offset: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, offset)
            view, offset = view[written:], offset + written

    @staticmethod
    def _offset(sample: int) -> int:
        return _HEADER.size + sample * _BOTH_BYTES


def mend(path: Path) -> float:
    """Cut what a process that died wrote beyond the header's count; return the seconds left, 0 for
    what is no recording."""
    with path.open("r+b") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size or header[:4] != b"RIFF":
            return 0.0
        size: int = struct.unpack_from("<I", header, _HEADER.size - 4)[0]
        held = file.seek(0, os.SEEK_END) - _HEADER.size
        if held > size:
            file.truncate(_HEADER.size + size)
        return min(size, held) / _BOTH_BYTES / SAMPLE_RATE_HZ


def _silent_window() -> tuple[bytearray, bytearray]:
    return bytearray([SILENCE]) * _WINDOW, bytearray([SILENCE]) * _WINDOW


def _interleave(left: bytes | bytearray, right: bytes | bytearray) -> bytearray:
    both = bytearray(_BOTH_BYTES * len(left))
    for side, mulaw in enumerate((left, right)):
        linear = decode(mulaw)
        for byte in range(_SAMPLE_BYTES):
            both[side * _SAMPLE_BYTES + byte :: _BOTH_BYTES] = linear[byte::_SAMPLE_BYTES]
    return both


def _header() -> bytes:
    """The 44 bytes of a PCM WAV with no samples yet."""
    return _HEADER.pack(
        b"RIFF",
        _HEADER.size - 8,
        b"WAVE",
        b"fmt ",
        16,  # bytes of this part
        1,  # PCM
        2,  # channels
        SAMPLE_RATE_HZ,
        SAMPLE_RATE_HZ * _BOTH_BYTES,
        _BOTH_BYTES,
        8 * _SAMPLE_BYTES,
        b"data",
        0,
    )
