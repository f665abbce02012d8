"""Pacing: the cap and the CPS are never crossed, and no campaign starves."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.pacing import (
    HORIZON_S,
    ON_TIME_S,
    SHORTEST_AHEAD_S,
    Pace,
    Slot,
    Slots,
    Starts,
    Use,
    free_calls,
    free_slots,
    gap_s,
    is_within_horizon,
    repaced,
    schedule,
)

NOW = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)


def test_inbound_takes_the_larger_of_live_and_reserve() -> None:
    assert free_calls(cap=50, inbound_reserve=5, use=Use(live=10, transfer_legs=2)) == 33
    assert free_calls(cap=50, inbound_reserve=5, use=Use(live=10, inbound=8)) == 32
    assert free_calls(cap=2, inbound_reserve=0, use=Use(live=5)) == 0


def test_a_stall_is_never_made_up_by_a_burst() -> None:
    pace = Pace(cps=2.0, next_at=NOW - timedelta(minutes=10))
    starts = []
    for _ in range(4):
        at = pace.slot(NOW)
        starts.append((at - NOW).total_seconds())
        pace = pace.after(at)
    assert starts == pytest.approx([0.0, 0.515, 1.03, 1.545])


def _with(*slots: float) -> Slots:
    made = Slots()
    for at in slots:
        made.add(Slot(at))
    return made


def test_a_process_that_stood_still_past_its_slots_does_not_burst() -> None:
    """Whoever is late takes the next slot; those after it move by one, the last books anew."""
    slots = _with(11.5, 12.0, 12.5)
    assert [slots.take(at) for at in (11.5 + ON_TIME_S, 11.6, 12.2, 12.3)] == [
        Slot(11.5),
        Slot(12.0),
        Slot(12.5),
        None,
    ]


def test_a_call_is_made_ready_for_the_first_slot_that_it_can_reach() -> None:
    slots = _with(10.0, 10.5, 11.0)
    assert slots.near(9.5) == (None, pytest.approx(10.0 - SHORTEST_AHEAD_S - 9.5))
    assert slots.near(9.9) == (Slot(10.0), 0.0)
    assert slots.near(10.49)[0] is None  # too near for it: left to one that is ready
    assert slots.take(10.49) == Slot(10.5)
    assert slots.near(10.9) == (Slot(11.0), 0.0)
    assert slots.near(10.9) == (None, math.inf)


def test_where_making_ready_takes_long_it_begins_early() -> None:
    slots = Slots()
    for took_s, ahead_s in ((0.01, SHORTEST_AHEAD_S), (0.4, 0.6), (5.0, 1.0)):
        slots.ready_s.append(took_s)
        assert slots.ahead_s == pytest.approx(ahead_s)


def test_slots_of_a_busy_process_are_longer_and_lie_as_much_further_apart() -> None:
    slots = Slots()
    for late_s, busy_s in ((0.002, 0.0), (0.04, 0.048), (0.4, 0.08)):
        slots.late_s.extend([late_s] * 16)
        assert slots.busy_s == pytest.approx(busy_s)
    slots.late_s.extend([0.002] * 14)
    assert slots.busy_s == 0.0  # one wake-up among many says nothing
    pace = Pace(cps=2.0, busy_s=0.08).after(NOW)
    assert pace.next_at is not None
    assert (pace.next_at - NOW).total_seconds() == pytest.approx(gap_s(2.0) + 0.08)
    assert Slot(1.0, ON_TIME_S + 0.08).is_on_time(1.0 + ON_TIME_S + 0.079)


def test_who_was_late_once_gets_a_slot_long_enough_not_to_be_late_again() -> None:
    slots = Slots()
    assert slots.again_s == 0.05
    for late_s, again_s in ((0.06, 0.09), (0.001, 0.09), (3.0, 0.15)):
        slots.late_s.append(late_s)
        assert slots.again_s == pytest.approx(again_s)


def test_a_start_that_comes_to_nothing_leaves_its_slot_to_another() -> None:
    slots = _with(2.0, 1.0)  # the second of an intent that was refused
    assert [slots.take(0.9), slots.take(1.9)] == [Slot(1.0), Slot(2.0)]


@given(st.floats(0.1, 60.0), st.floats(0.1, 60.0))
def test_a_new_cps_counts_from_the_last_start(old: float, new: float) -> None:
    last = NOW + timedelta(seconds=1)
    next_at = repaced(Pace(old).after(last).next_at, old_cps=old, new_cps=new)
    assert next_at is not None
    assert (next_at - last).total_seconds() == pytest.approx(gap_s(new), abs=1e-5)
    assert repaced(None, old_cps=old, new_cps=new) is None


def test_slots_already_booked_leave_less_room() -> None:
    assert free_slots(next_slot_at=None, cps=2.0, now=NOW) == 3
    assert free_slots(next_slot_at=NOW - timedelta(hours=1), cps=2.0, now=NOW) == 3
    assert free_slots(next_slot_at=NOW + timedelta(seconds=1.2), cps=2.0, now=NOW) == 1
    assert free_slots(next_slot_at=NOW + timedelta(seconds=1.5), cps=2.0, now=NOW) == 0
    assert not is_within_horizon(NOW + timedelta(seconds=HORIZON_S), NOW)


@given(st.floats(0.5, 60.0))
def test_one_start_more_than_the_cps_never_fits_a_second(cps: float) -> None:
    """Not even when the way to the carrier varies by 18 ms."""
    assert math.ceil(cps) * gap_s(cps) >= 1.03 - 1e-9


def test_a_schedule_keeps_the_accounts_pace_and_each_campaigns() -> None:
    slow, fast = UUID(int=1), UUID(int=2)
    starts = [Starts(slow, 3, Pace(cps=1.0)), Starts(fast, 3)]
    booked, account, paces = schedule(Pace(cps=4.0), starts, NOW)
    seconds = [((at - NOW).total_seconds(), campaign) for campaign, at in booked]
    gap = 1.03 / 4
    assert [at for at, _ in seconds] == pytest.approx([n * gap for n in range(5)])
    assert [campaign for _, campaign in seconds] == [slow, fast, fast, fast, slow]
    assert account.next_at is not None and paces[slow].next_at is not None
    assert (account.next_at - NOW).total_seconds() == pytest.approx(5 * gap)
    assert (paces[slow].next_at - NOW).total_seconds() == pytest.approx(2.06)
