"""Which instant suits a lead's next try: inside its hours, and unlike the tries before. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Literal

Spread = Literal["dayparts", "days", "both"]

# Morning, afternoon and evening, on the lead's wall clock.
_PART_BEGINS = (time(0), time(12), time(17))
_DAYS_AHEAD = 14  # past any chain of closed days


def always(at: datetime) -> datetime | None:
    """The hours of a lead that may be called at any time."""
    return at


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a lead may be called, and when it was.

    opens_at: the first instant from the given one on inside its calling hours, None if none is
    in sight. zone: the lead's wall clock. tried_at: its calls so far, oldest first.
    """

    opens_at: Callable[[datetime], datetime | None] = always
    zone: tzinfo = UTC
    tried_at: Sequence[datetime] = ()

    def moved(self, at: datetime) -> datetime:
        """Return ``at``, moved to the next opening; unmoved where none is in sight, since the
        law says so when it is asked."""
        return self.opens_at(at) or at


def next_try(
    due: datetime, spread: Spread | None, calendar: Calendar, *, ends_at: datetime | None
) -> datetime:
    """Return when to try again, not before ``due`` and never outside the calling hours.

    ``dayparts``: in the part of the day tried least, and not that of the last try. ``days``: on a
    day without a try. What cannot be had before ``ends_at`` is not insisted on.
    """
    first = calendar.moved(due)
    if spread is None or not calendar.tried_at:
        return first
    local = [at.astimezone(calendar.zone) for at in calendar.tried_at]
    days, parts = {at.date() for at in local}, Counter(map(_part, local))
    last_part = _part(local[-1])

    def unlikeness(at: datetime) -> tuple[bool, int, bool, datetime]:
        there = at.astimezone(calendar.zone)
        by_day, by_part = spread in ("days", "both"), spread in ("dayparts", "both")
        return (
            by_day and there.date() in days,
            by_part * parts[_part(there)],
            by_part and _part(there) == last_part,
            at,
        )

    open_parts = [at for at in _openings(due, calendar) if ends_at is None or at < ends_at]
    return min(open_parts, key=unlikeness, default=first)


def _part(local: datetime) -> int:
    return sum(local.time() >= begins for begins in _PART_BEGINS) - 1


def _openings(due: datetime, calendar: Calendar) -> Iterator[datetime]:
    """Yield the first open instant from the beginning of each coming part of a day on."""
    today = due.astimezone(calendar.zone).date()
    for ahead in range(_DAYS_AHEAD + 1):
        for begins in _PART_BEGINS:
            part = datetime.combine(today + timedelta(days=ahead), begins, calendar.zone)
            at = calendar.opens_at(max(due, part.astimezone(UTC)))
            if at is not None:
                yield at
