"""When a process is late."""

from __future__ import annotations

import asyncio
import time

from dialer.app.lag import LoopLag


def test_a_loop_in_time_is_not_over_and_a_late_one_is() -> None:
    lag = LoopLag(limit_ms=20)
    for _ in range(100):
        lag.add(0.004)
    assert (lag.p95_ms, lag.is_over) == (4.0, False)
    for _ in range(6):
        lag.add(0.03)
    assert (lag.p95_ms, lag.is_over) == (30.0, True)
    for _ in range(95):
        lag.add(0.0)
    assert not lag.is_over, "it recovers within its 5 s"


def test_a_second_of_standing_still_weighs_a_second() -> None:
    lag = LoopLag(limit_ms=20)
    for _ in range(100):
        lag.add(0.0)
    lag.add(1.0)
    assert lag.p95_ms > 500


def test_a_start_is_no_overload() -> None:
    lag = LoopLag(limit_ms=20)
    lag.add(2.0)
    assert not lag.is_over, "a moment is no p95"
    lag.add(10.0)
    assert lag.is_over
    lag.forget()
    assert (lag.p95_ms, lag.is_over) == (0.0, False)


def test_who_has_no_calls_is_not_late_by_its_neighbours() -> None:
    """A loop that waits for a processor is late to its calls; without any, it may begin one."""
    talks = 0
    lag = LoopLag(limit_ms=20, calls=lambda: talks)
    for _ in range(100):
        lag.add(0.04, 0.038)
    assert (round(lag.p95_ms), round(lag.own_p95_ms), lag.is_over) == (40, 2, False)
    talks = 1
    assert lag.is_over


async def test_it_measures_its_own_loop() -> None:
    lag = LoopLag(limit_ms=20)
    async with lag.watching():
        await asyncio.sleep(0.06)
        time.sleep(2.0)  # noqa: ASYNC251 - the fault
        async with asyncio.timeout(20):
            while not lag.is_over:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
