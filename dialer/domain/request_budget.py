"""How many REST requests the carrier may be sent, by all processes together. Pure.

Plivo takes 300 requests in 5 s of one account and answers 429 beyond (plivo.md §1). Each request
draws on one GCRA: a rate, and how far ahead of it a burst may run. What must not wait (asking for
a call, ending one) may use the whole burst; a look-up leaves the larger part of it alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW_S = 5.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """``per_s`` requests a second, ``burst`` at once; look-ups stop at ``lookup_burst``."""

    per_s: float
    burst: int
    lookup_burst: int

    @classmethod
    def within(cls, most: float) -> Allowance:
        """Return what keeps within ``most`` requests in any 5 s: 280 of 300.

        The rest is for calls, whose turns are taken up to 2 s before they are asked for, and for
        the way there, which takes one request longer than another.
        """
        return cls(
            per_s=most * 220 / 300 / WINDOW_S,
            burst=max(1, int(most * 60 / 300)),
            lookup_burst=max(1, int(most * 25 / 300)),
        )

    @property
    def each(self) -> timedelta:
        return timedelta(seconds=1 / self.per_s)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was granted. ``urgent_after_s``: how long each urgent request has to wait.

    ``lookups`` were granted for now; the others ask again after ``ask_again_s``.
    """

    until: datetime
    urgent_after_s: tuple[float, ...]
    lookups: int
    ask_again_s: float


def draw(
    until: datetime | None, now: datetime, *, urgent: int, lookups: int, of: Allowance
) -> Drawn:
    """Draw requests; ``until`` is when all that was drawn before has been paid for.

    Urgent ones are always granted, each for an instant at which it keeps the limit. Look-ups
    never draw on the future: whoever is urgent finds the burst as the look-ups left it.
    """
    at = now if until is None else max(now, until)
    waits = []
    for _ in range(urgent):
        at += of.each
        waits.append(max(0.0, (at - now - of.burst * of.each).total_seconds()))
    ahead = (at - now) / of.each
    granted = max(0, min(lookups, int(of.lookup_burst - ahead + 1e-6)))
    at += granted * of.each
    over = (at - now) / of.each + 1 - of.lookup_burst
    return Drawn(at, tuple(waits), granted, max(0.0, over * of.each.total_seconds()))
