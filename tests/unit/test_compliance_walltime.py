"""Wall clocks, spans and durations, against clocks and calendars worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from dialer.compliance.walltime import (
    DAY_S,
    date_of,
    day_begins,
    day_of,
    epoch_s,
    instant,
    intersect,
    pieces,
    subtract,
    unite,
    wall_s,
    weekday_of,
)
from dialer.compliance.zones import find_zone

HOUR = 3600


def utc(text: str) -> int:
    return epoch_s(datetime.fromisoformat(text).replace(tzinfo=UTC))


def test_a_second_holds_its_fractions_before_1970_too() -> None:
    assert epoch_s(datetime(1970, 1, 1, 0, 0, 1, 999_999, tzinfo=UTC)) == 1
    assert epoch_s(datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC)) == -2
    assert instant(86_399) == datetime(1970, 1, 1, 23, 59, 59, tzinfo=UTC)


def test_days_are_counted_from_a_thursday() -> None:
    assert [day_of(date(1970, 1, 1)), day_of(date(1970, 2, 1))] == [0, 31]
    assert date_of(365) == date(1971, 1, 1)
    assert [weekday_of(day) for day in (-3, 0, 3, 4)] == [0, 3, 6, 0]
    assert weekday_of(day_of(date(2026, 11, 23))) == 0  # a Monday


@pytest.mark.parametrize(
    ("name", "day", "changes_at", "before_h", "after_h"),
    [
        ("Asia/Kolkata", "2026-11-23", None, 5.5, 5.5),
        ("Europe/London", "2026-03-29", "2026-03-29T01:00", 0, 1),
        ("Europe/London", "2026-10-25", "2026-10-25T01:00", 1, 0),
        ("Europe/London", "2026-03-28", None, 0, 0),
        ("Europe/London", "2026-03-30", None, 1, 1),
        ("America/New_York", "2026-11-01", "2026-11-01T06:00", -4, -5),
        ("Australia/Lord_Howe", "2026-04-04", "2026-04-04T15:00", 11, 10.5),
        # India's standard time began with 1906, behind Madras time: clocks went on to the second.
        ("Asia/Kolkata", "1905-12-31", "1905-12-31T18:38:50", 5 + 21 / 60 + 10 / 3600, 5.5),
        # Jerusalem's clock changes as a UTC day begins: neither day is cut.
        ("Asia/Jerusalem", "2026-03-26", None, 2, 2),
        ("Asia/Jerusalem", "2026-03-27", None, 3, 3),
    ],
)
def test_a_day_is_cut_where_the_clock_is_changed(
    name: str, day: str, changes_at: str | None, before_h: float, after_h: float
) -> None:
    zone = find_zone(name)
    assert zone is not None
    start = utc(day)
    end = start + 24 * HOUR
    before, after = round(before_h * HOUR), round(after_h * HOUR)
    cut = end if changes_at is None else utc(changes_at)
    wanted = [(start, cut, before), *([] if changes_at is None else [(cut, end, after)])]
    assert [*pieces(zone, start // DAY_S)] == wanted
    assert wall_s(zone, start) == start + before
    assert wall_s(zone, cut - 1) == cut - 1 + before
    assert changes_at is None or wall_s(zone, cut) == cut + after


@pytest.mark.parametrize(
    ("name", "day", "begins"),
    [
        ("Asia/Kolkata", date(2026, 11, 23), "2026-11-22T18:30"),
        ("UTC", date(2026, 11, 23), "2026-11-23T00:00"),
        ("Pacific/Kiritimati", date(2026, 11, 23), "2026-11-22T10:00"),
        ("Pacific/Pago_Pago", date(2026, 11, 23), "2026-11-23T11:00"),
        ("America/New_York", date(2026, 3, 9), "2026-03-09T04:00"),
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00"),  # the first of two midnights
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00"),  # begins at 01:00
        # At midnight Cairo's clock goes back to 23:00: the day begins an hour later.
        ("Africa/Cairo", date(2026, 10, 30), "2026-10-29T22:00"),
        # Samoa left out a day: from it on is from the next one on.
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00"),
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00"),
    ],
)
def test_a_day_begins_with_its_first_instant(name: str, day: date, begins: str) -> None:
    zone = find_zone(name)
    assert zone is not None
    assert day_begins(zone, day_of(day)) == utc(begins)


def test_spans_are_half_open_sets_of_seconds() -> None:
    assert intersect([(0, 10), (20, 30)], [(5, 25), (28, 40)]) == ((5, 10), (20, 25), (28, 30))
    assert intersect([(0, 10)], [(10, 20)]) == ()
    assert unite([(20, 30), (0, 10), (10, 12), (11, 15), (22, 25)]) == ((0, 15), (20, 30))
    assert unite([(0, 10), (11, 12)]) == ((0, 10), (11, 12))
    assert subtract([(0, 10), (20, 30)], [(5, 22)]) == ((0, 5), (22, 30))
    assert subtract([(0, 10)], [(2, 3), (5, 6)]) == ((0, 2), (3, 5), (6, 10))
    assert subtract([(0, 10)], [(0, 5)]) == ((5, 10),)
    assert subtract([(0, 10)], [(5, 10)]) == ((0, 5),)
    assert subtract([(0, 10)], [(0, 10)]) == ()
