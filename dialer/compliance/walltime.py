"""Wall clocks in whole seconds: instants are seconds since 1970 UTC, wall times the same scale
shifted by the zone's offset, days are counted from 1970-01-01. A second's fraction never matters
here, because every boundary of a rule is a whole second and windows are half-open.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from math import floor
from zoneinfo import ZoneInfo

DAY_S = 86_400
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_THURSDAY = 3  # 1970-01-01
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

Span = tuple[int, int]
"""Half-open: the first second inside, the first second after."""


def parse_span(span: tuple[str, str] | list[str]) -> Span:
    """Return ``("10:00", "24:00")`` as seconds of the day; `ValueError` names what is wrong."""
    start_s, end_s = (_parse_clock(text) for text in span)
    if start_s >= end_s:
        raise ValueError(f"{span[0]}-{span[1]} ends before it starts")
    return start_s, end_s


def _parse_clock(text: str) -> int:
    hours, colon, minutes = text.partition(":")
    digits = hours + minutes
    if not (colon and len(hours) == len(minutes) == 2 and digits.isascii() and digits.isdigit()):
        raise ValueError(f"{text!r} is no time of day; write it as HH:MM")
    second = int(hours) * 3600 + int(minutes) * 60
    if int(minutes) > 59 or second > DAY_S:
        raise ValueError(f"{text!r} is no time of day; 00:00 to 24:00")
    return second


def epoch_s(at: datetime) -> int:
    """Whole seconds since 1970 of an aware instant: of the second it lies in."""
    return floor(at.timestamp())


def instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def day_of(on: date) -> int:
    """Days since 1970-01-01."""
    return on.toordinal() - _EPOCH_ORDINAL


def date_of(day: int) -> date:
    return date.fromordinal(day + _EPOCH_ORDINAL)


def weekday_of(day: int) -> int:
    """0 is Monday."""
    return (day + _THURSDAY) % 7


@lru_cache(maxsize=65_536)
def pieces(zone: ZoneInfo, utc_day: int) -> tuple[tuple[int, int, int], ...]:
    """Cut one UTC day where the zone's offset changes: (from, until, offset) in seconds.

    No zone changes twice within one UTC day, so the change is found by halving.
    """
    start, end = utc_day * DAY_S, (utc_day + 1) * DAY_S
    before, after = _offset(zone, start), _offset(zone, end - 1)
    if before == after:
        return ((start, end, before),)
    low, high = start, end
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return ((start, high, before), (high, end, after))


def _offset(zone: ZoneInfo, second: int) -> int:
    offset = instant(second).astimezone(zone).utcoffset()
    assert offset is not None  # a ZoneInfo always knows
    return int(offset.total_seconds())


def wall_s(zone: ZoneInfo, second: int) -> int:
    """Wall-clock seconds in ``zone`` at an instant."""
    for start, end, offset in pieces(zone, second // DAY_S):
        if start <= second < end:
            return second + offset
    raise AssertionError("the pieces of a day cover it")


def day_begins(zone: ZoneInfo, day: int) -> int:
    """The first instant whose local date is ``day`` or later (midnight need not exist)."""
    for utc_day in (day - 1, day):
        for start, end, offset in pieces(zone, utc_day):
            if end + offset > day * DAY_S:
                return max(start, day * DAY_S - offset)
    raise AssertionError("offsets are under a day")


def intersect(one: Iterable[Span], other: Iterable[Span]) -> tuple[Span, ...]:
    """Both inputs sorted and disjoint; so is the result."""
    right = tuple(other)
    cuts = ((max(a, c), min(b, d)) for a, b in one for c, d in right)
    return tuple((start, end) for start, end in cuts if start < end)


def unite(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sorted, disjoint, touching spans joined."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def subtract(spans: Iterable[Span], holes: Iterable[Span]) -> tuple[Span, ...]:
    left = tuple(spans)
    for hole_start, hole_end in holes:
        halves = (
            half for a, b in left for half in ((a, min(b, hole_start)), (max(a, hole_end), b))
        )
        left = tuple((a, b) for a, b in halves if a < b)
    return left
