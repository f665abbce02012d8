"""People who are handed calls: so few calls are up that hardly anybody is handed to nobody."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.operators import (
    NOBODY_FREE,
    History,
    InFlight,
    expected,
    likely_most,
    most_expected,
    rates,
    room_beside_legs,
)


def test_more_people_take_more_calls_and_disproportionately() -> None:
    loads = [most_expected(free) for free in range(40)]
    assert loads[0] == 0.0
    assert loads == sorted(loads)
    assert all(load < free for free, load in enumerate(loads) if free)
    assert loads[30] / 30 > loads[3] / 3  # a large group is used better than a small one


@given(st.integers(1, 60))
def test_the_chance_that_nobody_is_free_stays_small(free: int) -> None:
    load = most_expected(free)
    at_most = sum(math.exp(n * math.log(load) - load - math.lgamma(n + 1)) for n in range(free + 1))
    assert 1 - at_most == pytest.approx(NOBODY_FREE, abs=1e-6)


@settings(max_examples=20)
@given(st.integers(1, 12), st.floats(0.05, 0.9), st.integers(0, 2**32))
def test_calls_that_are_handed_over_find_somebody(free: int, chance: float, seed: int) -> None:
    """Of real calls, each handed over or not, too many come at most as often as promised."""
    random, calls = Random(seed), int(most_expected(free) / chance)
    trials = 300
    missed = sum(sum(random.random() < chance for _ in range(calls)) > free for _ in range(trials))
    assert missed / trials <= NOBODY_FREE + 3.5 * math.sqrt(NOBODY_FREE / trials)


def test_rates_are_learnt_from_the_campaigns_own_calls() -> None:
    new = rates(History())
    assert (new.of_calls, new.of_talks) == pytest.approx((0.06, 0.2))
    eager = rates(History(calls=300, talks=200, handed_over=190))
    assert eager.of_talks == pytest.approx(0.93, abs=0.01)
    assert eager.of_calls == pytest.approx(0.61, abs=0.01)
    shy = rates(History(calls=300, talks=60, handed_over=0))
    assert shy.of_calls < 0.005


def test_a_call_that_is_answered_counts_more_than_one_that_rings() -> None:
    each = rates(History(calls=100, talks=30, handed_over=15))
    ringing, talking = expected(InFlight(unanswered=10), each), expected(InFlight(talking=10), each)
    assert ringing < talking < 10


@given(st.integers(-3, 80), st.floats(0.0, 20.0), st.floats(0.0, 1.0))
def test_lines_are_left_for_the_legs_that_are_likely(
    free: int, coming: float, of_calls: float
) -> None:
    room = room_beside_legs(free, coming, of_calls)
    assert 0 <= room <= max(0, free)
    if room:
        assert room + likely_most(coming + room * of_calls) <= free
    if room < free:
        assert room + 1 + likely_most(coming + (room + 1) * of_calls) > free
    assert room_beside_legs(free, 0.0, 0.0) == max(0, free)
