"""Budgets count what is known, and stop before calls in flight could cross them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.budget import Budget, Spent, price_of_call
from dialer.domain.costs import Price

D = Decimal


def budget(usd: str, known: str = "0", dearest: str | None = None, unknown: int = 0) -> Budget:
    return Budget(D(usd), Spent(D(known), None if dearest is None else D(dearest), unknown))


@pytest.mark.parametrize(
    ("known", "in_flight", "may_start"),
    [("0", 0, 20), ("0", 20, 0), ("0.5", 0, 10), ("0.5", 4, 6), ("0.96", 0, 0), ("2", 0, 0)],
)
def test_no_more_start_than_the_dearest_call_so_far_could_pay_for(
    known: str, in_flight: int, may_start: int
) -> None:
    assert budget("1", known, "0.05").may_start(in_flight) == may_start


@given(
    costs=st.lists(st.integers(0, 100), min_size=1, max_size=200),
    usd=st.integers(100, 2000),
    width=st.integers(1, 50),
)
def test_whatever_calls_cost_up_to_the_dearest_known_the_budget_holds(
    costs: list[int], usd: int, width: int
) -> None:
    known, dearest, live = D(0), D(100), 0
    waiting = [D(cost) for cost in costs]
    while True:
        now = Budget(D(usd), Spent(known, dearest))
        start = min(now.may_start(live), width - live, len(waiting) - live)
        live += max(0, start)
        if live == 0:
            break
        known, live = known + waiting.pop(), live - 1
    assert known <= usd


def test_an_unknown_price_is_not_taken_for_nothing() -> None:
    """A call or so at a time, until one has told."""
    assert budget("0.02").may_start(0) == 1 and budget("0.02").may_start(1) == 0
    assert budget("100").may_start(0) == 100
    assert budget("0.02", "0.02").may_start(0) == 0
    assert "does not know yet" in (budget("0.02").doubts() or "")
    assert "3 calls" in (budget("1", unknown=3).doubts() or "")
    assert budget("1", "0.1", "0.05").doubts() is None


def test_a_budget_is_used_up_once_nothing_in_flight_can_change_that() -> None:
    assert budget("1", "0.98", "0.05").is_used_up(0)
    assert not budget("1", "0.98", "0.05").is_used_up(1)  # nor may any start
    assert budget("1", "1.01", "0.05").is_used_up(7)
    assert not budget("1").is_used_up(0)
    assert "0.98 of 1 USD" in budget("1", "0.98", "0.05").in_words()


def test_the_price_list_serves_until_a_call_has_ended() -> None:
    minute = Price(D("0.004"), "started_minute")
    assert price_of_call([minute], 90) == D("0.008")
    assert price_of_call([minute, None], 90) is None
    by_price = Budget(D("0.02"), Spent(), D("0.008"))
    assert by_price.may_start(0) == 2 and by_price.doubts() is None
