"""The ticks. APScheduler only says when; each job is harmless when it fires on every node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger(__name__)

Job = Callable[[], Awaitable[Any]]


_LAST_RUNS_S = 3.0


@dataclass(slots=True)
class Ticks:
    """The running schedule."""

    _scheduler: AsyncIOScheduler = field(default_factory=lambda: AsyncIOScheduler(timezone="UTC"))
    _running: set[asyncio.Task[Any]] = field(default_factory=set)

    def start(self, jobs: Mapping[str, tuple[float, Job]]) -> None:
        """Run each named job every so many seconds; a job that is still running is not started
        twice. One that fails is logged and tried again at its next tick: the truth is in the rows.
        """
        for name, (every_s, job) in jobs.items():
            self._scheduler.add_job(
                self._guarded(name, job),
                "interval",
                seconds=every_s,
                id=name,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )
        self._scheduler.start()

    async def stop(self) -> None:
        """Start nothing more and let what runs come to its end: a transaction that is cancelled
        in its commit is done or not, and nobody knows."""
        self._scheduler.pause()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_RUNS_S):
                while self._running:
                    await asyncio.wait(set(self._running))
        self._scheduler.shutdown(wait=False)

    def _guarded(self, name: str, job: Job) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            task = asyncio.current_task()
            assert task is not None
            self._running.add(task)
            try:
                await job()
            except Exception as error:
                # A broken tick must not end the ticking; the next may find the world repaired.
                log.error("tick_failed", extra={"job": name}, exc_info=error)
            finally:
                self._running.discard(task)

        return run
