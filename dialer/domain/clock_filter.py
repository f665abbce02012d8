"""When on this process's own clock an instant of product time is. Pure.

The server's clock is read over a socket, and nobody knows when between question and answer. A busy
process can wait for tens of milliseconds in between and take what it read for as much older. What
it books by that starts too early, and so closer to what was booked by a better look.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

BELIEVED_S = 10.0  # clocks that are steered drift apart by 0.5 ms a second at most


@dataclass(slots=True)
class ClockFilter:
    """Believes the look at the server's clock that was shortest on its way, of those of the last
    `BELIEVED_S`, as the clock filter of NTP does (RFC 5905, section 10)."""

    # When it was asked, and how far product time was ahead of our clock if the server read it
    # at once; the later ones are further. The first is believed.
    _looks: deque[tuple[float, float]] = field(default_factory=deque)

    def read_at(self, now: datetime, asked_at: float, answered_at: float) -> float:
        """Return the monotonic second of product time ``now``, which the server read between
        ``asked_at`` and ``answered_at``; it lies between them, too.

        A clock that was set contradicts what is believed: then the newest look is.
        """
        read = now.timestamp()
        ahead = read - asked_at
        looks = self._looks
        while looks and asked_at - looks[0][0] > BELIEVED_S:
            looks.popleft()
        if looks and looks[0][1] < read - answered_at:
            looks.clear()
        while looks and looks[-1][1] >= ahead:
            looks.pop()
        looks.append((asked_at, ahead))
        return read - looks[0][1]
