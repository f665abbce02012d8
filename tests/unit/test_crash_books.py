"""How the crash harness counts: no request more than the witness can swear to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.benchmarks.crash.books import densest_second
from tests.benchmarks.crash.scenario import Scenario

NOW = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)


def _at(*seconds: float) -> list[datetime]:
    return [NOW + timedelta(seconds=second) for second in seconds]


def test_a_second_holds_what_came_within_it() -> None:
    assert len(densest_second(_at(0.0, 0.4, 0.9, 1.0, 1.5))) == 3
    assert len(densest_second(_at(0.0, 0.4, 0.9, 0.99))) == 4
    assert len(densest_second([])) == 0


def test_what_was_stamped_in_a_stall_may_have_come_at_its_beginning() -> None:
    times = _at(2.0, 2.3, 2.6, 2.9)
    stall = (NOW + timedelta(seconds=1.8), NOW + timedelta(seconds=1.99))
    assert len(densest_second(times)) == 4
    assert len(densest_second(times, [stall])) == 3
    long_before = (NOW, NOW + timedelta(seconds=0.2))
    after = (NOW + timedelta(seconds=2.95), NOW + timedelta(seconds=3.2))
    assert len(densest_second(times, [long_before, after])) == 4


def test_a_run_goes_on_until_enough_was_done_unless_nobody_is_to_be_killed() -> None:
    short = Scenario("s", 1, attempts=9, cap=9, cps=1.0, least_kills=2, least_downs=1)
    for kills, downs, is_tested in ((1, 1, False), (2, 0, False), (2, 1, True), (3, 2, True)):
        assert short.is_tested(kills=kills, downs=downs) is is_tested
    assert replace(short, with_kills=False).is_tested(kills=0, downs=0)
