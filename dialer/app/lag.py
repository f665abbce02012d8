"""How late an event loop is: what a call on it would hear as holes."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_STEP_S = 0.05
_SPAN = 100  # samples: 5 s of the loop's time


@dataclass(slots=True)
class LoopLag:
    """Measures the loop it watches. ``limit_ms``: a p95 above it means overloaded.

    Lag is weighted by time: who stands still for a second is late by 1 s, by 0.95 s, … at each
    moment at which something might have been due, and not once.
    """

    limit_ms: float
    _late_s: deque[float] = field(default_factory=lambda: deque(maxlen=_SPAN))

    @property
    def p95_ms(self) -> float:
        """The lag that one moment in twenty of the last 5 s exceeded; 0 in the first 5 s."""
        if len(self._late_s) < _SPAN:
            return 0.0
        return 1000 * sorted(self._late_s)[math.ceil(0.95 * len(self._late_s)) - 1]

    @property
    def is_over(self) -> bool:
        return self.p95_ms > self.limit_ms

    def forget(self) -> None:
        """Begin anew: what was late while the process started says nothing about it."""
        self._late_s.clear()

    def add(self, late_s: float) -> None:
        """Note that something ran ``late_s`` after it was due."""
        for missed in range(min(_SPAN, int(late_s / _STEP_S)), -1, -1):
            self._late_s.append(max(0.0, late_s - missed * _STEP_S))

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Measure while the body runs."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            due = time.monotonic() + _STEP_S
            await asyncio.sleep(_STEP_S)
            self.add(time.monotonic() - due)
