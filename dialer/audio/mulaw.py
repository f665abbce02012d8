"""G.711 mu-law, the telephone's own form, to and from 16-bit linear samples. Pure.

The tables are reckoned from ITU-T G.711 table 2: eight segments, each twice as wide as the one
before, sixteen steps in each. The standard counts in 14 bits; here a sample is its value times 4,
so the loudest is ±32124.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from sys import byteorder
from typing import Final

SAMPLE_RATE_HZ: Final = 8000
FRAME_BYTES: Final = 160  # one media message of the carrier (plivo.md §4.1)
FRAME_S: Final = FRAME_BYTES / SAMPLE_RATE_HZ
SILENCE: Final = 0xFF  # the byte of the sample 0; 0x7F is the same, written as minus zero
SILENT_FRAME: Final = bytes([SILENCE]) * FRAME_BYTES

_BIAS = 33 * 4
_LOUDEST = 8158 * 4  # the last magnitude below 8159, the end of the last segment


def _linear(code: int) -> int:
    bits = ~code & 0xFF
    segment, step = (bits >> 4) & 0x7, bits & 0xF
    magnitude = (((step << 3) + _BIAS) << segment) - _BIAS
    return -magnitude if bits & 0x80 else magnitude


def _code(sample: int) -> int:
    biased = min(abs(sample), _LOUDEST) + _BIAS
    segment = biased.bit_length() - 8  # 132 has eight bits: the first segment
    bits = (segment << 4) | ((biased >> (segment + 3)) & 0xF)
    return ~(bits | (0x80 if sample < 0 else 0)) & 0xFF


SAMPLES: Final = tuple(_linear(code) for code in range(256))
"""The linear sample of each code, -32124 to 32124."""

_LOW_BYTES = bytes(sample & 0xFF for sample in SAMPLES)
_HIGH_BYTES = bytes((sample >> 8) & 0xFF for sample in SAMPLES)


def _codes() -> Iterator[int]:
    """Yield the code of each 16-bit pattern, as an unsigned number reads it."""
    yield from map(_code, range(0x8000))
    yield from map(_code, range(-0x8000, 0))


_CODES = bytes(_codes())


def decode(mulaw: bytes | bytearray) -> bytes:
    """Return 16-bit little-endian samples: two bytes for each byte of ``mulaw``.

    Two table look-ups over the whole and one interleave, all in C: under 1 µs a frame, where a
    loop over samples takes 15.
    """
    linear = bytearray(2 * len(mulaw))
    linear[0::2] = mulaw.translate(_LOW_BYTES)
    linear[1::2] = mulaw.translate(_HIGH_BYTES)
    return bytes(linear)


def encode(linear: bytes | bytearray) -> bytes:
    """Return mu-law for 16-bit little-endian samples; an odd byte at the end is dropped.

    Each sample goes to the step it lies in, louder than the last step to the last one; no dither.
    """
    samples = array("H", bytes(linear[: len(linear) & ~1]))
    if byteorder == "big":
        samples.byteswap()
    return bytes(map(_CODES.__getitem__, samples))
