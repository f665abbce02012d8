"""Pacing: the cap and the CPS are never crossed, and no campaign starves."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.pacing import (
    HORIZON_S,
    Pace,
    Starts,
    Turnstile,
    Use,
    free_calls,
    free_slots,
    gap_s,
    is_within_horizon,
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
    assert starts == [0.0, 0.51, 1.02, 1.53]


def test_a_process_that_stood_still_past_its_slots_does_not_burst() -> None:
    turnstile = Turnstile()
    on_time = [turnstile.turn(slot, 0.5) for slot in (10.0, 10.5, 11.0)]
    assert on_time == [10.0, 10.5, 11.0]
    # Slots at 11.5, 12.0 and 12.5 all come at 14.0; the one at 15.5 is on time again.
    late = [turnstile.turn(14.0, 0.5) for _ in range(3)] + [turnstile.turn(15.5, 0.5)]
    assert late == [14.0, 14.5, 15.0, 15.5]


def test_a_little_lateness_does_not_add_up() -> None:
    turnstile = Turnstile()
    turns = [turnstile.turn(slot + late, 0.5) for slot, late in ((1.0, 0.1), (1.5, 0.1), (2.0, 0))]
    assert turns == [1.1, 1.6, 2.1]


def test_slots_already_booked_leave_less_room() -> None:
    assert free_slots(next_slot_at=None, cps=2.0, now=NOW) == 4
    assert free_slots(next_slot_at=NOW - timedelta(hours=1), cps=2.0, now=NOW) == 4
    assert free_slots(next_slot_at=NOW + timedelta(seconds=1.5), cps=2.0, now=NOW) == 1
    assert free_slots(next_slot_at=NOW + timedelta(seconds=2), cps=2.0, now=NOW) == 0
    assert not is_within_horizon(NOW + timedelta(seconds=HORIZON_S), NOW)


@given(st.floats(0.5, 60.0))
def test_one_start_more_than_the_cps_never_fits_a_second(cps: float) -> None:
    """Not even when the way to the carrier varies by 20 ms."""
    assert math.ceil(cps) * gap_s(cps) >= 1.02 - 1e-9


def test_a_schedule_keeps_the_accounts_pace_and_each_campaigns() -> None:
    slow, fast = UUID(int=1), UUID(int=2)
    starts = [Starts(slow, 3, Pace(cps=1.0)), Starts(fast, 3)]
    booked, account, paces = schedule(Pace(cps=4.0), starts, NOW)
    seconds = [((at - NOW).total_seconds(), campaign) for campaign, at in booked]
    assert seconds == [(0.0, slow), (0.255, fast), (0.51, fast), (0.765, fast), (1.02, slow)]
    assert account.next_at == NOW + timedelta(seconds=1.275)
    assert paces[slow].next_at == NOW + timedelta(seconds=2.04)
