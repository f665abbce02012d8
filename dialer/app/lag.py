"""How late an event loop is: what a call on it would hear as holes."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

_STEP_S = 0.05
_SPAN = 100  # samples: 5 s of the loop's time


def _samples() -> deque[float]:
    return deque(maxlen=_SPAN)


@dataclass(slots=True)
class LoopLag:
    """Measures the loop it watches. ``limit_ms``: a p95 above it means overloaded.

    Lag is weighted by time: who stands still for a second is late by 1 s, by 0.95 s, … at each
    moment at which something might have been due, and not once. ``calls``: how many talks there
    are to be protected. Without any, a loop is late only by its own doing: what it waits for a
    processor is the machine's, and a dialer that dials nothing because of its neighbours helps
    nobody.
    """

    limit_ms: float
    calls: Callable[[], int] = lambda: 0
    _late_s: deque[float] = field(default_factory=_samples)
    _own_s: deque[float] = field(default_factory=_samples)

    @property
    def p95_ms(self) -> float:
        """The lag that one moment in twenty of the last 5 s exceeded; 0 in the first 5 s."""
        return _p95_ms(self._late_s)

    @property
    def own_p95_ms(self) -> float:
        """The same without what the loop waited for a processor."""
        return _p95_ms(self._own_s)

    @property
    def is_over(self) -> bool:
        return (self.p95_ms if self.calls() else self.own_p95_ms) > self.limit_ms

    def forget(self) -> None:
        """Begin anew: what was late while the process started says nothing about it."""
        self._late_s.clear()
        self._own_s.clear()

    def add(self, late_s: float, waited_s: float = 0.0) -> None:
        """Note that something ran ``late_s`` after it was due; ``waited_s`` of it, the loop was
        ready to run and had no processor."""
        _spread(self._late_s, late_s)
        _spread(self._own_s, max(0.0, late_s - waited_s))

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
        was_over, waited_s = False, _waited_s()
        while True:
            due = time.monotonic() + _STEP_S
            await asyncio.sleep(_STEP_S)
            before, waited_s = waited_s, _waited_s()
            self.add(time.monotonic() - due, waited_s - before)
            if self.is_over is not was_over:
                was_over = not was_over
                said = "takes_no_new_calls" if was_over else "takes_calls_again"
                log.warning(said, extra={"loop_lag_p95_ms": round(self.p95_ms, 1)})


def _spread(samples: deque[float], late_s: float) -> None:
    for missed in range(min(_SPAN, int(late_s / _STEP_S)), -1, -1):
        samples.append(max(0.0, late_s - missed * _STEP_S))


def _p95_ms(samples: deque[float]) -> float:
    if len(samples) < _SPAN:
        return 0.0
    return 1000 * sorted(samples)[math.ceil(0.95 * len(samples)) - 1]


def _waited_s() -> float:
    """How long this thread has been ready to run without running so far, as Linux tells it; 0
    where nobody does."""
    try:
        told = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text()
        return int(told.split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
