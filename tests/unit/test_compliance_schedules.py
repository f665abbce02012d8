"""Schedules asked directly: the edges of days, of rules' dates and of how far is looked ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace as with_facts

from dialer.compliance.facts import Narrowing, Scrub
from dialer.compliance.packs import find_packs
from dialer.compliance.preferences import NO_PREFERENCES, Preferences, parse_verdict
from dialer.compliance.walltime import DAY_S, day_of
from dialer.compliance.windows import (
    WHOLE_DAY,
    PackWindows,
    Schedule,
    WindowRule,
    closed_now,
    closes_at,
    is_open,
    make_schedule,
    next_open,
    open_on,
)
from dialer.compliance.zones import find_zones
from tests.unit.compliance_facts import INDIA, NOON, PROMO, SERVICE, US, ask, india

HOUR = 3600
MONDAY = day_of(date(2026, 11, 23))
EVERY_DAY = frozenset(range(7))
UTC_ONLY = find_zones(["UTC"])
RULE = WindowRule(
    id="house.window",
    weekdays=EVERY_DAY,
    spans=WHOLE_DAY,
    holidays=frozenset(),
    on_holidays="same",
    bands=(),
    may_extend=False,
    from_day=0,
    to_day=MONDAY + 10_000,
)


def schedule(
    *rules: WindowRule,
    zones: tuple[str, ...] = ("UTC",),
    narrowing: Narrowing = Narrowing(),  # noqa: B008  # a value that cannot change
    preferences: Preferences = NO_PREFERENCES,
) -> Schedule:
    windows = (PackWindows("house", rules, defers=False),)
    return make_schedule(windows, find_zones(zones), preferences, narrowing)


def of_day(day: int, *, clock: float = 0) -> int:
    return day * DAY_S + int(clock * HOUR)


def test_a_rule_is_in_effect_from_its_first_day_through_its_last() -> None:
    one_day = replace(RULE, from_day=MONDAY, to_day=MONDAY)
    assert [one_day.is_in_effect(MONDAY + days) for days in (-1, 0, 1)] == [False, True, False]
    assert open_on(schedule(one_day), MONDAY) == ((of_day(MONDAY), of_day(MONDAY + 1)),)


def test_a_pack_that_leaves_days_to_its_parent_leaves_whole_days() -> None:
    deferring = (PackWindows("house", (), defers=True),)
    tuesdays = make_schedule(deferring, UTC_ONLY, NO_PREFERENCES, Narrowing(("tue",)))
    edges = [of_day(MONDAY + 1) - 1, of_day(MONDAY + 1), of_day(MONDAY + 2) - 1, of_day(MONDAY + 2)]
    assert [is_open(tuesdays, second) for second in edges] == [False, True, True, False]
    closed = (PackWindows("house", (), defers=False),)
    never = make_schedule(closed, UTC_ONLY, NO_PREFERENCES, Narrowing())
    assert not is_open(never, of_day(MONDAY))


def test_local_days_reach_over_the_ends_of_a_utc_day() -> None:
    """Closed but from 23:00 to 01:00, at 14 hours before and 11 hours behind Greenwich."""
    night = replace(RULE, spans=((0, HOUR), (23 * HOUR, DAY_S)))
    for zone, midnight in (("Pacific/Kiritimati", 10.0), ("Pacific/Pago_Pago", 11.0)):
        edges = (midnight - 1, midnight + 1)
        start, end = (of_day(MONDAY, clock=edge) for edge in edges)
        assert open_on(schedule(night, zones=(zone,)), MONDAY) == ((start, end),)
    assert open_on(schedule(night), MONDAY) == (
        (of_day(MONDAY), of_day(MONDAY, clock=1)),
        (of_day(MONDAY, clock=23), of_day(MONDAY + 1)),
    )


def test_all_zones_must_be_open_together() -> None:
    morning = replace(RULE, spans=((8 * HOUR, 20 * HOUR),))
    both = schedule(morning, zones=("Asia/Kolkata", "UTC"))
    open_from, open_until = of_day(MONDAY, clock=8), of_day(MONDAY, clock=14.5)
    assert open_on(both, MONDAY) == ((open_from, open_until),)
    assert next_open(both, of_day(MONDAY)) == open_from
    assert next_open(both, open_from + 5) == open_from + 5
    assert next_open(both, open_until - 1) == open_until - 1
    assert next_open(both, open_until) == of_day(MONDAY + 1, clock=8)


@pytest.mark.parametrize(("days", "found"), [(58, True), (59, True), (60, False)])
def test_an_opening_is_looked_for_in_sixty_days(days: int, found: bool) -> None:
    late = schedule(replace(RULE, from_day=MONDAY + days))
    opening = of_day(MONDAY + days) if found else None
    assert next_open(late, of_day(MONDAY)) == next_open(late, of_day(MONDAY, clock=12)) == opening


@pytest.mark.parametrize("closes_h", [1, 24, 7 * 24 + 23, 8 * 24])
def test_a_window_has_an_end_if_it_closes_within_eight_days(closes_h: int) -> None:
    start = of_day(MONDAY, clock=12)
    last, clock = divmod(start + closes_h * HOUR, DAY_S)
    rules = [replace(RULE, to_day=last - 1)]
    if clock:
        rules.append(replace(RULE, from_day=last, to_day=last, spans=((0, clock),)))
    closing = schedule(*rules)
    assert closes_at(closing, start) == start + closes_h * HOUR
    a_second_earlier = start + closes_h * HOUR if closes_h < 8 * 24 else None
    assert closes_at(closing, start - 1) == a_second_earlier


def test_a_window_closes_where_one_zone_closes() -> None:
    morning = replace(RULE, spans=((8 * HOUR, 12 * HOUR), (13 * HOUR, 20 * HOUR)))
    one = schedule(morning)
    assert closes_at(one, of_day(MONDAY, clock=8)) == of_day(MONDAY, clock=12)
    assert closes_at(one, of_day(MONDAY, clock=12) - 1) == of_day(MONDAY, clock=12)
    assert closes_at(one, of_day(MONDAY, clock=13)) == of_day(MONDAY, clock=20)
    days = schedule(replace(RULE, to_day=MONDAY + 1))
    assert closes_at(days, of_day(MONDAY, clock=5)) == of_day(MONDAY + 2)


@pytest.mark.parametrize(
    ("may_extend", "said", "spans"),
    [
        (True, "clear", ((10, 21),)),
        (True, "band_on:08-10", ((8, 21),)),
        (True, "band_on:21-24;band_on:06-08", ((6, 8), (10, 24))),
        (True, "band_on:00-06", ((10, 21),)),  # no band of this rule
        (True, "band_off:10-12;band_on:08-10", ((8, 10), (12, 21))),
        (False, "band_on:08-10", ((10, 21),)),
        (False, "band_off:12-14", ((10, 12), (14, 21))),
    ],
)
def test_bands_are_switched_on_and_off(
    may_extend: bool, said: str, spans: tuple[tuple[int, int], ...]
) -> None:
    bands = tuple((start * HOUR, end * HOUR) for start, end in ((6, 8), (8, 10), (21, 24)))
    rule = replace(RULE, spans=((10 * HOUR, 21 * HOUR),), bands=bands, may_extend=may_extend)
    wanted = tuple((start * HOUR, end * HOUR) for start, end in spans)
    assert rule.open_spans(MONDAY, parse_verdict(said)) == wanted


def test_a_rule_without_bands_does_not_mind_what_is_off() -> None:
    off = parse_verdict("band_off:10-12;day_off:mon")
    assert RULE.open_spans(MONDAY, off) == WHOLE_DAY


@pytest.mark.parametrize(
    ("said", "is_off"),
    [("clear", False), ("day_off:mon", True), ("day_off:tue", False), ("day_off:holiday", True)],
)
def test_a_day_is_off_by_its_name_or_as_a_holiday(said: str, is_off: bool) -> None:
    rule = replace(RULE, bands=((0, HOUR),), holidays=frozenset((MONDAY,)))
    preferences = parse_verdict(said)
    assert rule.is_day_off(MONDAY, preferences) is is_off
    assert rule.is_day_off(MONDAY + 7, preferences) is (said == "day_off:mon")


def test_a_closed_window_says_why_by_the_clock_of_each_zone() -> None:
    short = replace(RULE, spans=((9 * HOUR + 1800, 13 * HOUR), (14 * HOUR, 18 * HOUR + 300)))
    closed = schedule(short, zones=("Asia/Kolkata", "UTC"))
    second = of_day(MONDAY, clock=20) + 58 * 60 + 59
    assert [finding.detail for finding in closed_now(closed, second)] == [
        "Tue 2026-11-24 02:28:59 in Asia/Kolkata: calls are allowed 09:30-13:00 and 14:00-18:05.",
        "Mon 2026-11-23 20:58:59 in UTC: calls are allowed 09:30-13:00 and 14:00-18:05.",
    ]
    narrow = schedule(RULE, narrowing=Narrowing(("wed", "tue"), (("09:15", "10:00"),)))
    assert [
        (finding.code, finding.rule_id, finding.pack_id, finding.detail)
        for finding in closed_now(narrow, second)
    ] == [
        (
            "DAY_CLOSED",
            "campaign.hours",
            None,
            "Mon 2026-11-23 20:58:59 in UTC: the campaign calls on tue, wed only.",
        ),
        (
            "OUTSIDE_HOURS",
            "campaign.hours",
            None,
            "Mon 2026-11-23 20:58:59 in UTC: the campaign calls 09:15-10:00 only.",
        ),
    ]
    assert [*closed_now(schedule(RULE), second)] == []


def codes(rules: tuple[WindowRule, ...], clock: float, said: str = "clear") -> list[str]:
    closed = schedule(*rules, preferences=parse_verdict(said))
    return [found.code for found in closed_now(closed, of_day(MONDAY, clock=clock))]


def test_why_a_day_is_closed() -> None:
    holiday = replace(RULE, holidays=frozenset((MONDAY,)), on_holidays="closed")
    tuesdays = replace(RULE, weekdays=frozenset((1,)))
    assert codes((holiday,), 12) == ["HOLIDAY_CLOSED"]
    assert codes((holiday, holiday), 12) == ["HOLIDAY_CLOSED"], "once"
    assert codes((RULE, holiday), 12) == ["HOLIDAY_CLOSED"]
    assert codes((tuesdays,), 12) == ["DAY_CLOSED"]
    assert codes((tuesdays, RULE), 12) == []
    assert codes((replace(tuesdays, **_closed_on_monday()),), 12) == [
        "HOLIDAY_CLOSED",
        "DAY_CLOSED",
    ]
    assert codes((RULE, replace(tuesdays, **_closed_on_monday())), 12) == []
    assert codes((replace(RULE, to_day=MONDAY - 1),), 12) == [], "no rule, nothing to name"


def _closed_on_monday() -> dict[str, object]:
    return {"holidays": frozenset((MONDAY,)), "on_holidays": "closed"}


def test_why_a_subscriber_closed_it() -> None:
    banded = replace(RULE, bands=((0, DAY_S),))
    assert codes((banded,), 12, "band_off:12-14") == ["PREF_BAND_BLOCKED"]
    assert codes((banded,), 14, "band_off:12-14") == []
    assert codes((banded,), 11.99, "band_off:12-14") == []
    assert codes((banded,), 12, "day_off:mon") == ["PREF_DAY_BLOCKED"]
    assert codes((banded,), 12, "day_off:mon;band_off:12-14") == [
        "PREF_DAY_BLOCKED",
        "PREF_BAND_BLOCKED",
    ]


def test_a_window_may_be_dated_to_its_last_day() -> None:
    packs = india("effective_from = 2019-02-28", "effective_from = 2026-11-23")
    assert ask(PROMO, NOON, packs).allowed
    assert ask(PROMO, NOON - timedelta(days=1), packs).code == "NO_WINDOW_RULE"
    ends = india(
        "effective_from = 2019-02-28", "effective_from = 2019-02-28\neffective_to = 2026-11-23"
    )
    assert ask(PROMO, NOON, ends).allowed
    tomorrow = NOON + timedelta(days=1)
    fresh = with_facts(PROMO, scrub=Scrub(tomorrow, "clear"))
    assert ask(fresh, tomorrow, ends).code == "NO_WINDOW_RULE"
    assert ask(fresh, tomorrow, INDIA).allowed


def test_a_window_must_be_in_effect_in_every_zone() -> None:
    """At 20:00 UTC it is the 24th in India already, when the rule has ended."""
    ends = india(
        "effective_from = 2025-03-14", "effective_from = 2025-03-14\neffective_to = 2026-11-23"
    )
    facts = with_facts(
        SERVICE,
        category="government",
        entity="government",
        caller=with_facts(US.caller, series="1600") if US.caller else None,
    )
    at = datetime(2026, 11, 23, 20, tzinfo=UTC)
    assert ask(facts, NOON, ends).allowed
    assert ask(with_facts(facts, lead_zone="Europe/London"), at, ends).code == "NO_WINDOW_RULE"


def test_a_holiday_counts_as_the_day_it_is_called() -> None:
    """Boxing Day 2026 falls on a Saturday: its substitute is Monday the 28th."""
    packs = find_packs(["gb"])
    facts = with_facts(US, phone="+442079460958", category="marketing")
    monday = datetime(2026, 12, 28, 8, 30, tzinfo=UTC)
    facts = with_facts(facts, scrub=Scrub(monday, "clear"))
    assert ask(facts, monday, packs).rule_id == "gb.marketing.window.sunday"
    assert ask(facts, monday + timedelta(minutes=30), packs).allowed
    assert ask(facts, monday + timedelta(days=1), packs).allowed
