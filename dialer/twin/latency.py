"""How long a vendor takes: drawn from a seeded distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Final

_Z_95: Final = 1.6449  # of the normal distribution
_Z_75: Final = 0.6745


@dataclass(frozen=True, slots=True)
class Latency:
    """Log-normal: most are near the median, a few far above it, none is negative.

    With a median of 247 ms and a 95th percentile of 298 its 99th is 322, as Deepgram's is (326
    measured, providers.md §5).
    """

    median_s: float
    spread: float  # standard deviation of the logarithm

    def draw(self, random: Random) -> float:
        return self.median_s * math.exp(self.spread * random.gauss(0.0, 1.0))


def by_p95(median_ms: float, p95_ms: float) -> Latency:
    """Return the latency of this median and 95th percentile; constant unless that is above it."""
    if not 0.0 < median_ms < p95_ms:
        return Latency(median_ms / 1000, 0.0)
    return Latency(median_ms / 1000, math.log(p95_ms / median_ms) / _Z_95)


def by_quartiles(median_ms: float, range_ms: float) -> Latency:
    """Return the latency of this median and distance between its quartiles."""
    if median_ms <= 0.0:
        return Latency(median_ms / 1000, 0.0)
    return Latency(median_ms / 1000, math.asinh(range_ms / (2 * median_ms)) / _Z_75)
