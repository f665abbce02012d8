"""The ticks. APScheduler only says when; each job is harmless when it fires on every node."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from dialer.errors import DatabaseAway

log = logging.getLogger(__name__)

Job = Callable[[], Awaitable[Any]]


_LAST_RUNS_S = 3.0
_SHORTEST_REST_S, _LONGEST_REST_S = 0.1, 0.25


@dataclass(eq=False, slots=True)
class _Run:
    """One job of this process. It runs once at a time; asked for meanwhile, once more after."""

    name: str
    job: Job
    is_running: bool = False
    is_wanted: bool = False


@dataclass(slots=True)
class Ticks:
    """The running schedule."""

    _scheduler: AsyncIOScheduler = field(default_factory=lambda: AsyncIOScheduler(timezone="UTC"))
    _runs: dict[str, _Run] = field(default_factory=dict)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _is_ending: bool = False

    def start(self, jobs: Mapping[str, tuple[float, Job]]) -> None:
        """Run each named job every so many seconds, and when it is prompted. One that fails is
        logged and tried again at its next tick: the truth is in the rows."""
        for name, (every_s, job) in jobs.items():
            self._runs[name] = run = _Run(name, job)
            self._scheduler.add_job(
                self._tick,
                "interval",
                args=[run],
                seconds=every_s,
                id=name,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )
        self._scheduler.start()

    def prompt(self, name: str) -> None:
        """Run a job now, or once more right after the run that is under way: that one may have
        read its rows before they changed."""
        run = self._runs[name]
        run.is_wanted = True
        self._start(run)

    async def stop(self) -> None:
        """Start nothing more and let what runs come to its end: a transaction that is cancelled
        in its commit is done or not, and nobody knows."""
        self._is_ending = True
        self._scheduler.pause()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_RUNS_S):
                while self._tasks:
                    await asyncio.wait(set(self._tasks))
        self._scheduler.shutdown(wait=False)

    async def _tick(self, run: _Run) -> None:
        self._start(run)

    def _start(self, run: _Run) -> None:
        if not run.is_running and not self._is_ending:
            run.is_running = True
            task = asyncio.create_task(self._run(run))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, run: _Run) -> None:
        try:
            while True:
                run.is_wanted, began = False, time.monotonic()
                await self._guarded(run)
                # Half of the time at most, and never twice for news that come in a bunch: what is
                # asked for without end leaves room for calls.
                took_s = time.monotonic() - began
                await asyncio.sleep(min(_LONGEST_REST_S, max(_SHORTEST_REST_S, took_s)))
                if not run.is_wanted or self._is_ending:
                    return
        finally:
            run.is_running = False

    async def _guarded(self, run: _Run) -> None:
        try:
            await run.job()
        except DatabaseAway:
            pass  # told once, by the database; the next tick may find it back
        except Exception as error:
            # A broken tick must not end the ticking; the next may find the world repaired.
            log.error("tick_failed", extra={"job": run.name}, exc_info=error)
