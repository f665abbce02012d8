"""The ticks. APScheduler only says when; each job is harmless when it fires on every node."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger(__name__)

Job = Callable[[], Awaitable[Any]]


def start_ticks(jobs: Mapping[str, tuple[float, Job]]) -> AsyncIOScheduler:
    """Run each named job every so many seconds; a job that is still running is not started twice.

    A job that fails is logged and tried again at its next tick: the truth is in the rows.
    """
    scheduler = AsyncIOScheduler(timezone="UTC")
    for name, (every_s, job) in jobs.items():
        scheduler.add_job(
            _guarded(name, job),
            "interval",
            seconds=every_s,
            id=name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
    scheduler.start()
    return scheduler


def _guarded(name: str, job: Job) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        try:
            await job()
        except Exception as error:
            # A broken tick must not end the ticking; the next one may find the world repaired.
            log.error("tick_failed", extra={"job": name}, exc_info=error)

    return run
