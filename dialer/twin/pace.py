"""How many calls may start per second."""

from __future__ import annotations

import math
from collections import deque


class Pace:
    """At most ``cps`` starts within any rolling second (one per 1/cps seconds below 1 CPS).

    Times are seconds of one monotonic clock, given by the caller.
    """

    def __init__(self, cps: float) -> None:
        self._burst = max(1, math.floor(cps))
        self._window_s = self._burst / cps
        self._starts: deque[float] = deque(maxlen=self._burst)

    def earliest(self, now: float) -> float:
        """When the next call may start; ``now`` or later."""
        if len(self._starts) < self._burst:
            return now
        return max(now, self._starts[0] + self._window_s)

    def start(self, now: float) -> None:
        self._starts.append(now)


class RollingCount:
    """Events within the last ``window_s`` seconds, and the most there ever were."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._seen: deque[float] = deque()
        self.most = 0

    def add(self, now: float) -> int:
        """Count one event at ``now`` and return how many the window ending there holds."""
        while self._seen and self._seen[0] <= now - self._window_s:
            self._seen.popleft()
        self._seen.append(now)
        self.most = max(self.most, len(self._seen))
        return len(self._seen)
