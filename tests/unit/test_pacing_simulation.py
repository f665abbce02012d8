"""The pure functions together, in simulated time: full lines, no refusal, no burst, fair."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.benchmarks.pacing import CASES, INDIA, simulate
from tests.benchmarks.pacing_model import ON_THE_WAY_S, Dialed, Model, World

INDIAN = [name for name in CASES if name.startswith("India")]


@pytest.mark.parametrize("name", INDIAN)
def test_an_indian_account_is_kept_full_and_never_refuses_us(name: str) -> None:
    found = simulate(CASES[name](7))
    assert found.seen.refused == 0
    assert found.seen.most_up <= INDIA.cap
    assert found.seen.most_per_s <= INDIA.cps
    assert found.use >= 0.95
    assert found.fairness >= 0.95


def test_short_calls_are_started_as_fast_as_the_account_may() -> None:
    found = simulate(CASES["short calls: CPS is the limit"](7))
    assert (found.seen.refused, found.seen.most_per_s) == (0, 2)
    assert found.use >= 0.95


def test_a_process_that_stands_still_gives_its_slots_up_and_never_makes_up_for_them() -> None:
    case = CASES["India, 4 workers, one stands still for 4 s"]
    found = [simulate(case(seed)).seen for seed in range(1, 6)]
    assert sum(seen.late + seen.stale for seen in found) > 0
    assert max(seen.most_per_s for seen in found) <= 2


def test_weights_hold_while_calls_come_and_go() -> None:
    campaigns = tuple(Dialed(UUID(int=n), weight) for n, weight in ((1, 1.0), (2, 2.0), (3, 4.0)))
    found = simulate(replace(INDIA, campaigns=campaigns, seconds=600.0))
    assert found.fairness >= 0.99  # of calls started by weight


def test_a_single_line_serves_every_campaign() -> None:
    world = replace(INDIA, cap=1, cps=1.0, seconds=3600.0, ring_out_s=10.0, talk_s=10.0)
    seen = Model(world).run()
    each = Counter(cid for _, cid in seen.starts)
    assert seen.most_up == 1
    assert max(each.values()) - min(each.values()) <= 3 and len(each) == 3


worlds = st.builds(
    World,
    seconds=st.just(90.0),
    campaigns=st.lists(
        st.tuples(
            st.floats(0.2, 5.0),
            st.none() | st.integers(1, 20),
            st.none() | st.sampled_from([0.5, 1.0, 3.0]),
        ),
        min_size=1,
        max_size=4,
    ).map(lambda rows: tuple(Dialed(UUID(int=n), *row) for n, row in enumerate(rows))),
    answers=st.floats(0.0, 1.0).map(lambda share: lambda _: share),
    cap=st.integers(1, 60),
    cps=st.integers(1, 20).map(float),
    workers=st.integers(1, 4),
    ring_out_s=st.floats(2.0, 30.0),
    talk_s=st.floats(2.0, 60.0),
    has_hints=st.booleans(),
    stalls=st.lists(
        st.tuples(st.integers(0, 3), st.floats(1.0, 60.0), st.floats(0.05, 8.0)), max_size=6
    ).map(lambda rows: tuple((worker, at, at + long) for worker, at, long in rows)),
    changes=st.lists(
        st.tuples(st.integers(2, 80).map(float), st.integers(1, 60), st.integers(1, 20).map(float)),
        max_size=2,
        unique_by=lambda row: row[0],
    ).map(tuple),
    seed=st.integers(0, 2**16),
)


SOON_AGAIN = World(
    seconds=90.0,
    campaigns=(Dialed(UUID(int=0), 1.0, None, None),),
    answers=lambda _: 0.0,
    cap=1,
    cps=1.0,
    workers=1,
    ring_out_s=2.0,
    talk_s=2.0,
    stalls=((0, 1.0, 2.0), (0, 1.625, 3.8125)),
    changes=((12.0, 2, 1.0), (14.0, 1, 1.0)),
    seed=0,
)


@settings(max_examples=12, deadline=None)
@given(worlds)
@example(SOON_AGAIN)
def test_no_stall_and_no_change_of_limits_ever_goes_over_them(world: World) -> None:
    """Several processes stand still and go on, caps and CPS change under way: the carrier never
    sees a call above its cap, a start above its CPS, or a campaign above its own cap."""
    seen = Model(world).run()
    assert seen.refused == 0
    limits = [(0.0, world.cps), *((at, cps) for at, _, cps in sorted(world.changes))]
    times = [at for at, _ in seen.starts]
    for n, at in enumerate(times):
        in_force = [
            cps
            for (since, cps), (until, _) in zip(limits, [*limits[1:], (999.0, 0.0)], strict=True)
            if since <= at and until + ON_THE_WAY_S >= at - 1.0
        ]
        assert sum(at - 1.0 < other <= at for other in times[: n + 1]) <= max(in_force)
    for one in world.campaigns:
        if one.max_concurrent is not None:
            assert seen.most_of[one.campaign_id] <= one.max_concurrent
