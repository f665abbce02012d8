"""Tries that are spread: another part of the day, another day, never outside the hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.attempt import Outcome
from dialer.domain.retry import RetryPlan, after_call
from dialer.domain.spread import Calendar, Spread, next_try

INDIA = ZoneInfo("Asia/Kolkata")
HOUR = timedelta(hours=1)


def ist(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in November 2026; the 23rd is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=INDIA)


def opens_at(at: datetime) -> datetime | None:
    """09:00 to 21:00, never on a Sunday."""
    local = at.astimezone(INDIA)
    if local.hour >= 21:
        local = datetime.combine(local.date() + timedelta(days=1), time(9), INDIA)
    if local.weekday() == 6:
        local = datetime.combine(local.date() + timedelta(days=1), time(9), INDIA)
    return max(local, datetime.combine(local.date(), time(9), INDIA)).astimezone(UTC)


def tried(
    due: datetime, spread: Spread | None, *tries: datetime, ends_at: datetime | None = None
) -> datetime:
    calendar = Calendar(opens_at, INDIA, tries)
    return next_try(due, spread, calendar, ends_at=ends_at).astimezone(INDIA)


def test_a_retry_due_at_night_waits_for_the_morning() -> None:
    assert tried(ist(23, 22), None, ist(23, 20)) == ist(24, 9)
    assert tried(ist(28, 21), None, ist(28, 20)) == ist(30, 9)  # a Saturday
    assert tried(ist(23, 10), None, ist(23, 9)) == ist(23, 10)


def test_tries_go_through_the_parts_of_the_day() -> None:
    tries = [ist(23, 10)]
    for expected in (ist(23, 12), ist(23, 17), ist(24, 9), ist(24, 12)):
        tries.append(tried(tries[-1] + HOUR, "dayparts", *tries))
        assert tries[-1] == expected


def test_the_pause_is_kept_whatever_part_it_ends_in() -> None:
    assert tried(ist(23, 18), "dayparts", ist(23, 10)) == ist(23, 18)
    assert tried(ist(23, 11), "dayparts", ist(23, 18), ist(22, 13)) == ist(23, 11)


def test_each_day_is_tried_once_before_any_again() -> None:
    assert tried(ist(23, 11), "days", ist(23, 10)) == ist(24, 9)
    assert tried(ist(27, 11), "days", ist(27, 10), ist(28, 10)) == ist(30, 9)


def test_both_wants_another_day_and_another_part_of_it() -> None:
    assert tried(ist(23, 11), "both", ist(23, 10)) == ist(24, 12)
    assert tried(ist(24, 13), "both", ist(23, 10), ist(24, 12)) == ist(25, 17)


def test_what_the_campaign_has_no_time_for_is_not_insisted_on() -> None:
    end = ist(23, 21)
    assert tried(ist(23, 19), "days", ist(23, 18), ends_at=end) == ist(23, 19)
    assert tried(ist(23, 13), "dayparts", ist(23, 12), ends_at=ist(23, 16)) == ist(23, 13)


def test_hours_in_one_part_alone_are_used_again() -> None:
    def mornings(at: datetime) -> datetime:
        local = at.astimezone(INDIA)
        day = local.date() + timedelta(days=local.hour >= 11)
        return max(local, datetime.combine(day, time(10), INDIA))

    calendar = Calendar(mornings, INDIA, [ist(23, 10)])
    assert next_try(ist(23, 10, 30), "dayparts", calendar, ends_at=None) == ist(23, 10, 30)
    assert next_try(ist(23, 11, 30), "dayparts", calendar, ends_at=None) == ist(24, 10)


def test_a_lead_that_is_never_open_is_left_to_the_law() -> None:
    calendar = Calendar(lambda at: None, INDIA, [ist(23, 10)])
    assert next_try(ist(23, 11), "days", calendar, ends_at=None) == ist(23, 11)


@pytest.mark.parametrize("spread", ["dayparts", "days", "both", None])
@given(due_h=st.integers(0, 400), tries_h=st.lists(st.integers(-300, 0), max_size=6).map(sorted))
def test_no_try_is_outside_the_hours_or_before_its_pause(
    spread: Spread | None, due_h: int, tries_h: Sequence[int]
) -> None:
    due = ist(23, 9) + due_h * HOUR
    at = tried(due, spread, *(ist(23, 9) + h * HOUR for h in tries_h))
    assert at >= due and at == opens_at(at)


def test_a_plan_spreads_its_retries() -> None:
    plan = RetryPlan(3, {Outcome.BUSY: [HOUR]}, "dayparts")
    step = after_call(
        outcome=Outcome.BUSY,
        disposition=None,
        callback_at=None,
        attempts=1,
        plan=plan,
        now=ist(23, 10),
        ends_at=None,
        calendar=Calendar(opens_at, INDIA, [ist(23, 10)]),
    )
    assert step.due_at == ist(23, 12)
