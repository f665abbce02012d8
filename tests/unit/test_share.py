"""Shares: never more than is free, by weight, nothing idle while somebody wants it, nobody
starved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.share import Demand, Desk, share

ONE, TWO, THREE = (UUID(int=n) for n in (1, 2, 3))
weights = st.floats(0.1, 10.0)
demands = st.lists(
    st.tuples(weights, st.integers(0, 40), st.integers(0, 30)), min_size=0, max_size=6
).map(lambda rows: [Demand(UUID(int=i + 1), *row) for i, row in enumerate(rows)])
carries = st.lists(st.floats(-1.0, 1.0), min_size=6, max_size=6).map(
    lambda owed: {UUID(int=i + 1): calls for i, calls in enumerate(owed)}
)


def starts(free: int, wishes: Sequence[Demand]) -> dict[UUID, int]:
    return dict(share(free, wishes).starts)


@given(st.integers(-5, 60), demands, carries)
def test_a_share_gives_all_it_can_and_never_more(
    free: int, wishes: list[Demand], carry: dict[UUID, float]
) -> None:
    found = share(free, wishes, carry=carry)
    wanted = sum(wish.may_start for wish in wishes)
    assert sum(found.starts.values()) == max(0, min(free, wanted))
    for wish in wishes:
        assert 0 <= found.starts[wish.campaign_id] <= wish.may_start
        assert -1.0 <= found.carry[wish.campaign_id] <= 1.0


@given(st.integers(0, 60), demands, carries, st.data())
def test_what_one_leaves_goes_to_the_others_and_takes_from_none(
    free: int, wishes: list[Demand], carry: dict[UUID, float], data: st.DataObject
) -> None:
    if not wishes:
        return
    before = share(free, wishes, carry=carry).starts
    poor = data.draw(st.sampled_from(wishes))
    less = data.draw(st.integers(0, before[poor.campaign_id]))
    left = [Demand(w.campaign_id, w.weight, less, w.live) if w is poor else w for w in wishes]
    after = share(free, left, carry=carry).starts
    assert after[poor.campaign_id] == less
    for wish in wishes:
        if wish is not poor:
            assert after[wish.campaign_id] >= before[wish.campaign_id]


def test_a_share_follows_the_weights() -> None:
    assert starts(9, [Demand(ONE, 1.0, 50), Demand(TWO, 2.0, 50)]) == {ONE: 3, TWO: 6}
    assert starts(9, [Demand(ONE, 1.0, 50), Demand(TWO, 2.0, 2)]) == {ONE: 7, TWO: 2}


def test_calls_that_are_up_count_in_a_share() -> None:
    """With room for one call a pass, the campaign furthest below its share has its turn."""
    assert starts(1, [Demand(ONE, 1.0, 9, live=1), Demand(TWO, 1.0, 9)]) == {ONE: 0, TWO: 1}
    assert starts(1, [Demand(ONE, 4.0, 9, live=1), Demand(TWO, 1.0, 9)]) == {ONE: 1, TWO: 0}
    assert starts(4, [Demand(ONE, 1.0, 9, live=4), Demand(TWO, 1.0, 9)]) == {ONE: 0, TWO: 4}


@settings(max_examples=20)
@given(st.lists(weights, min_size=2, max_size=8), st.integers(1, 12))
def test_whole_lines_are_taken_in_turn_by_weight_however_few_they_are(
    weights_: list[float], cap: int
) -> None:
    """Every pass finds all lines free again: what a campaign gets in the long run is its share,
    and nobody waits for ever."""
    ids = [UUID(int=n + 1) for n in range(len(weights_))]
    got: Counter[UUID] = Counter()
    carry: dict[UUID, float] = {}
    passes = 150
    for _ in range(passes):
        found = share(
            cap, [Demand(i, w, 99) for i, w in zip(ids, weights_, strict=True)], carry=carry
        )
        got.update(found.starts)
        carry = dict(found.carry)
    for campaign_id, weight in zip(ids, weights_, strict=True):
        due = passes * cap * weight / sum(weights_)
        assert got[campaign_id] == pytest.approx(due, abs=len(ids))


@settings(max_examples=20)
@given(st.lists(weights, min_size=2, max_size=5), st.data())
def test_one_line_of_calls_of_any_length_starves_nobody(
    weights_: list[float], data: st.DataObject
) -> None:
    """One line that is free at any time: no campaign waits longer than its weight says."""
    ids = [UUID(int=n + 1) for n in range(len(weights_))]
    carry: dict[UUID, float] = {}
    last = dict.fromkeys(ids, 0)
    ends_in: dict[UUID, int] = {}
    turn = 0
    for _ in range(150):
        ends_in = {cid: left - 1 for cid, left in ends_in.items() if left > 1}
        if ends_in:
            continue
        wishes = [Demand(i, w, 9) for i, w in zip(ids, weights_, strict=True)]
        found = share(1, wishes, carry=carry)
        carry = dict(found.carry)
        (got,) = (cid for cid, calls in found.starts.items() if calls)
        turn += 1
        last[got] = turn
        ends_in[got] = data.draw(st.integers(1, 3))
        for cid, weight in zip(ids, weights_, strict=True):
            assert turn - last[cid] <= 2 * len(ids) + 2 * sum(weights_) / weight


def test_who_wanted_nothing_is_owed_nothing() -> None:
    found = share(10, [Demand(ONE, 1.0, 0), Demand(TWO, 1.0, 30)])
    assert found.carry[ONE] == 0.0


def test_people_who_are_busy_get_no_more_calls_and_the_lines_go_to_others() -> None:
    desks = {"+911": Desk(sure=1, load=0.5)}
    wishes = [
        Demand(ONE, 1.0, 20, desk="+911", load=0.2),
        Demand(TWO, 1.0, 20, desk="+911", load=0.2),
        Demand(THREE, 1.0, 20),
    ]
    found = share(30, wishes, desks)
    # One is sure to find somebody; beside it 0.5 - 0.2 leaves room for one more of 0.2.
    assert found.starts[ONE] + found.starts[TWO] == 2
    assert found.starts[THREE] == 20
    none = share(30, wishes, {"+911": Desk(sure=-3, load=-0.1)})
    assert none.starts == {ONE: 0, TWO: 0, THREE: 20}
