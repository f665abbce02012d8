"""G.711 mu-law (ITU-T G.711, 8 kHz), the twin's own. PCM is 16 bit, little endian, mono."""

from __future__ import annotations

import math
import sys
from array import array
from typing import Final

SAMPLE_RATE_HZ: Final = 8000
SILENCE: Final = b"\xff"  # one sample of 0
QUIETEST_DBFS: Final = -120.0  # what digital silence is said to be

_BIAS: Final = 132
_MANTISSAS: Final = 16


def _positive_codes() -> bytes:
    """The code of each magnitude 0-32767: runs that double in length from segment to segment."""
    runs = (
        bytes([0xFF - (segment << 4 | mantissa)]) * (8 << segment)
        for segment in range(8)
        for mantissa in range(_MANTISSAS)
    )
    codes = b"".join(runs)
    return codes + codes[-1:] * (0x8000 - len(codes))


def _level(code: int) -> int:
    """The 16-bit sample of one code."""
    segment, mantissa = (~code & 0x70) >> 4, ~code & 0x0F
    magnitude = ((mantissa << 3) + _BIAS << segment) - _BIAS
    return magnitude if code & 0x80 else -magnitude


_POSITIVE: Final = _positive_codes()
_NEGATIVE: Final = bytes(code & 0x7F for code in _POSITIVE)
#: The code of a 16-bit sample, at index ``sample & 0xFFFF``.
CODES: Final = _POSITIVE + _NEGATIVE[-1:] + _NEGATIVE[:0:-1]
LEVELS: Final = tuple(_level(code) for code in range(256))
_PCM: Final = tuple(level.to_bytes(2, "little", signed=True) for level in LEVELS)
_POWERS: Final = tuple(level * level for level in LEVELS)


def decode(audio: bytes) -> bytes:
    """Mu-law as PCM."""
    return b"".join(map(_PCM.__getitem__, audio))


def encode(pcm: bytes) -> bytes:
    """PCM as mu-law; an odd last byte is dropped."""
    samples = array("H", pcm[: len(pcm) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    return bytes(map(CODES.__getitem__, samples))


def level_dbfs(audio: bytes) -> float:
    """RMS level of mu-law audio in dB re full scale (32768)."""
    power = sum(map(_POWERS.__getitem__, audio))
    if not power:
        return QUIETEST_DBFS
    return 10 * math.log10(power / len(audio) / 32768**2)
