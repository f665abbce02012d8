"""ISO 8601 durations as rule packs write them: ``PT30M``, ``P31D``, ``P18M``, ``P10BD``."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_SHAPE = re.compile(
    r"P(?=.)(?:(?P<years>[0-9]+)Y)?(?:(?P<months>[0-9]+)M)?(?:(?P<weeks>[0-9]+)W)?"
    r"(?:(?P<days>[0-9]+)D)?(?:(?P<business_days>[0-9]+)BD)?"
    r"(?:T(?=.)(?:(?P<hours>[0-9]+)H)?(?:(?P<minutes>[0-9]+)M)?(?:(?P<seconds>[0-9]+)S)?)?"
)


@dataclass(frozen=True, slots=True)
class Duration:
    """Calendar months beside exact time. ``business_days`` is our word for ``P10BD``."""

    months: int = 0
    days: int = 0
    seconds: int = 0
    business_days: int = 0

    @property
    def is_whole_days(self) -> bool:
        return self.days > 0 and not (self.months or self.seconds or self.business_days)


@lru_cache(maxsize=256)
def parse_duration(text: str) -> Duration:
    """Raise `ValueError` for anything that is no duration or is zero."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no duration; write it like P31D, PT30M or P18M")
    part = {name: int(value or 0) for name, value in found.groupdict().items()}
    duration = Duration(
        months=part["years"] * 12 + part["months"],
        days=part["weeks"] * 7 + part["days"],
        seconds=part["hours"] * 3600 + part["minutes"] * 60 + part["seconds"],
        business_days=part["business_days"],
    )
    if duration == Duration():
        raise ValueError(f"{text!r} is zero; a duration must be longer")
    return duration


def after(at: datetime, duration: Duration) -> datetime:
    """Return the first instant at which something of ``at`` is ``duration`` old, in UTC.

    A month that lacks the day ends on its last one: 31 August plus P6M is 28 February.
    """
    moved = at.astimezone(UTC)
    if duration.months:
        year, month = divmod(moved.year * 12 + moved.month - 1 + duration.months, 12)
        last = calendar.monthrange(year, month + 1)[1]
        moved = moved.replace(year=year, month=month + 1, day=min(moved.day, last))
    return moved + timedelta(days=duration.days, seconds=duration.seconds)
