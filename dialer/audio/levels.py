"""How loud mu-law audio is, in dB re full scale. Pure.

Full scale is the square wave at ±32768, so that the loudest sine of mu-law reads about -3 dBFS
and its loudest square wave -0.2.
"""

from __future__ import annotations

import math
from typing import Final

from dialer.audio.mulaw import SAMPLES

QUIETEST_DBFS: Final = -96.0  # what digital silence reads: below the last of 16 bits
_FULL_SCALE: Final = 32768.0
_SQUARES: Final = tuple(sample * sample for sample in SAMPLES)


def rms_dbfs(mulaw: bytes) -> float:
    """Return the effective level, `QUIETEST_DBFS` to 0; empty audio is silent."""
    if not mulaw:
        return QUIETEST_DBFS
    mean_square = sum(map(_SQUARES.__getitem__, mulaw)) / len(mulaw)
    return _dbfs(math.sqrt(mean_square))


def _dbfs(value: float) -> float:
    if value < 1:
        return QUIETEST_DBFS
    return 20 * math.log10(value / _FULL_SCALE)
