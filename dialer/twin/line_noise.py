"""Sounds that are not speech: the noise of a line, and a voicemail's beep."""

from __future__ import annotations

import math
import random
from functools import lru_cache
from typing import Final

from dialer.twin.mulaw import CODES, SAMPLE_RATE_HZ

NOISE_DBFS: Final = -55.0
_LOOP_S: Final = 3.3  # the noise repeats; nobody hears it
BEEP_HZ: Final = 1000
BEEP_S: Final = 0.4
BEEP_DBFS: Final = -12.0


class LineNoise:
    """Endless noise of one line, the same for the same seed."""

    def __init__(self, seed: str) -> None:
        self._loop = _noise_loop()
        self._at = random.Random(seed).randrange(len(self._loop))

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes of mu-law; no more than a loop of 3.3 s."""
        if self._at + size > len(self._loop):
            self._at = 0
        taken = self._loop[self._at : self._at + size]
        self._at += size
        return taken


@lru_cache(maxsize=1)
def _noise_loop() -> bytes:
    rms = 32768 * 10 ** (NOISE_DBFS / 20)
    dice = random.Random("the noise of every line")
    levels = (round(dice.gauss(0, rms)) for _ in range(round(_LOOP_S * SAMPLE_RATE_HZ)))
    return bytes(CODES[level & 0xFFFF] for level in levels)


def _beep() -> bytes:
    peak = 32768 * 10 ** (BEEP_DBFS / 20) * math.sqrt(2)
    turn = 2 * math.pi * BEEP_HZ / SAMPLE_RATE_HZ
    count = round(BEEP_S * SAMPLE_RATE_HZ)
    samples = (round(peak * math.sin(turn * n)) for n in range(count))
    return bytes(CODES[sample & 0xFFFF] for sample in samples)


BEEP: Final = _beep()
