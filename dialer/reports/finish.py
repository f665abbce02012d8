"""How fast a running campaign goes, and when it will be through. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dialer.domain.campaign import CampaignState
from dialer.domain.retry import EnrolmentState
from dialer.store.reports import Placed, Places

ASSUMPTION: Final = "each waiting lead takes one call at this rate, in calling hours"
RATE_SPAN: Final = timedelta(minutes=5)
# A call placed this moment is not yet a rate: the shortest time it is spread over.
_LEAST_SPAN: Final = timedelta(seconds=10)
_MINUTE: Final = timedelta(minutes=1)

#: Returns when so many seconds of open calling window have passed; None: not in sight.
Worked = Callable[[float], datetime | None]


@dataclass(frozen=True, slots=True)
class Rates:
    """A minute, over the last 5 minutes of product time, two decimals. calls: asked of the
    carrier. net: leads that came to their end, whatever it took."""

    calls: float
    net: float


def rates(placed: Placed, settled_lately: int, now: datetime) -> Rates:
    """A campaign that began, or went on after a pause, within them is measured from its first
    call in view on."""
    if placed.first_at is None:
        return Rates(0.0, 0.0)
    minutes = max(now - placed.first_at, _LEAST_SPAN) / _MINUTE
    return Rates(round(placed.count / minutes, 2), round(settled_lately / minutes, 2))


@dataclass(frozen=True, slots=True)
class Finish:
    """at: when the campaign is through, None where nothing honest can be said. left_over: leads
    that its end leaves uncalled at the present rate."""

    at: datetime | None = None
    left_over: int = 0


def finish(
    state: CampaignState,
    places: Sequence[Places],
    *,
    rate: float,
    worked: Worked,
    ends_at: datetime | None,
    now: datetime,
) -> Finish:
    """Estimate when a running campaign is through.

    Assumes that every waiting lead is called once more, at the present rate, in the calling hours
    of one of them; never before the last due time, never after ``ends_at``. Leads that wait for
    facts end with ``ends_at`` alone.
    """
    if state is not CampaignState.RUNNING:
        return Finish()
    waiting = [place for place in places if place.state == EnrolmentState.WAITING]
    left = sum(place.count for place in waiting)
    if any(place.undated for place in waiting):
        return Finish(ends_at)
    if left and rate <= 0:
        return Finish()
    called_at = worked(left / rate * 60) if left else now
    if ends_at is not None and (called_at is None or called_at > ends_at):
        return Finish(ends_at, left - _called_until(ends_at, left, rate, worked))
    if called_at is None:
        return Finish()
    due = [place.latest_due_at for place in waiting if place.latest_due_at is not None]
    through = max([called_at, *due])
    return Finish(through if ends_at is None else min(through, ends_at))


def _called_until(ends_at: datetime, left: int, rate: float, worked: Worked) -> int:
    """Return how many leads fit before ``ends_at``."""

    def is_too_late(count: int) -> bool:
        at = worked(count / rate * 60)
        return at is None or at > ends_at

    return max(0, bisect_right(range(1, left + 1), False, key=is_too_late))
