"""Jobs of a process: ticked, prompted, never twice at a time."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dialer.dialing.schedule import Ticks
from dialer.errors import DatabaseAway

NEVER_S = 3600.0


async def test_what_is_asked_for_during_a_run_runs_once_more_after_it() -> None:
    """The run that is under way may have read its rows before they changed."""
    begun: list[asyncio.Event] = []
    go_on = asyncio.Semaphore(0)

    async def job() -> None:
        begun.append(asyncio.Event())
        begun[-1].set()
        await go_on.acquire()

    ticks = Ticks()
    ticks.start({"job": (NEVER_S, job)})
    for _ in range(3):
        ticks.prompt("job")
    await until(begun, 1)
    for _ in range(3):
        ticks.prompt("job")
    assert len(begun) == 1
    go_on.release()
    await until(begun, 2)
    go_on.release()
    await ticks.stop()
    ticks.prompt("job")
    await asyncio.sleep(0)
    assert len(begun) == 2, "six prompts, two runs, none after the end"


async def until(begun: list[asyncio.Event], count: int) -> None:
    async with asyncio.timeout(20):
        while len(begun) < count:  # noqa: ASYNC110 - the next event is not made yet
            await asyncio.sleep(0.005)


async def test_a_job_ticks_without_a_prompt_and_survives_its_failures(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs: list[int] = []
    enough = asyncio.Event()

    async def job() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise LookupError
        if len(runs) == 2:
            raise DatabaseAway("told elsewhere")
        enough.set()

    ticks = Ticks()
    with caplog.at_level(logging.INFO, logger="dialer"):
        ticks.start({"job": (0.01, job)})
        async with asyncio.timeout(20):
            await enough.wait()
        await ticks.stop()
    assert [record.message for record in caplog.records] == ["tick_failed"]
