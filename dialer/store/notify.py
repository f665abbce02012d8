"""Hints between processes: `NOTIFY` says that a row may be worth a look, and nothing more.

The row comes first. A hint may come twice, late, or never; whoever waits for one looks again
after a second by itself. Hints are sent after the commit, on the connection that listens: a
`NOTIFY` inside a transaction would have all such commits wait for each other's disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

log = logging.getLogger(__name__)

CHANNEL = "dialer"
DIAL = "dial"  # a dial pass may find something to do: leads are due, or capacity is free

_NOTIFY = "select pg_notify($1, topic) from unnest($2::text[]) as topic"
_TRY_AGAIN_S = 0.5
_ASK_EVERY_S = 15.0  # whether a silent connection is one still
_ANSWER_WITHIN_S = 5.0
_AWAY = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


def call_topic(attempt_id: UUID) -> str:
    """What the session of a live call listens to."""
    return f"call {attempt_id}"


class Hints:
    """The hints of one process and account: sent from anywhere, heard while `listening`."""

    def __init__(self, engine: AsyncEngine, account_id: UUID) -> None:
        self._engine, self._prefix = engine, f"{account_id} "
        self._wakers: defaultdict[str, set[Callable[[], None]]] = defaultdict(set)
        self._driver: Any = None  # asyncpg's connection while it listens
        self._unsent: set[str] = set()
        self._sending: asyncio.Task[None] | None = None
        self._speaks = asyncio.Lock()  # a connection does one thing at a time

    @property
    def is_listening(self) -> bool:
        return self._driver is not None

    @contextmanager
    def on(self, topic: str, wake: Callable[[], None]) -> Iterator[None]:
        """Call ``wake`` at each hint about ``topic`` while the body runs."""
        self._wakers[topic].add(wake)
        try:
            yield
        finally:
            self._wakers[topic].discard(wake)
            if not self._wakers[topic]:
                del self._wakers[topic]

    async def wait(self, topic: str, limit_s: float) -> None:
        """Wait for a hint about ``topic``, at most ``limit_s``."""
        heard = asyncio.Event()
        with self.on(topic, heard.set), suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await heard.wait()

    async def send(self, topics: Collection[str]) -> None:
        """Tell every process, this one at once; never raises for a database that is away."""
        if not topics:
            return
        for topic in topics:
            self._wake(topic)
        if self._driver is None:  # a command: it has no ear, and ends
            with suppress(*_AWAY):
                await self._send_once(topics)
            return
        self._unsent |= set(topics)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_unsent())

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear hints while the body runs, on a connection of its own; it comes back by itself
        after Postgres did."""
        task = asyncio.create_task(self._listen_on())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _wake(self, topic: str) -> None:
        for wake in tuple(self._wakers.get(topic, ())):
            wake()

    def _wake_all(self) -> None:
        """Nobody knows what was said while we were deaf."""
        for topic in tuple(self._wakers):
            self._wake(topic)

    async def _listen_on(self) -> None:
        while True:
            try:
                await self._listen_once()
            except _AWAY:
                pass  # who waits for a hint polls meanwhile, and tells that Postgres is away
            except Exception as error:
                log.error("not_listening", exc_info=error)
            await asyncio.sleep(_TRY_AGAIN_S)

    async def _listen_once(self) -> None:
        async with self._engine.connect() as connection:
            driver = await _detached(connection)
            is_over = asyncio.Event()
            driver.add_termination_listener(lambda _: is_over.set())
            await driver.add_listener(CHANNEL, self._heard)
            self._driver = driver
            self._wake_all()
            try:
                while not is_over.is_set():
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_ASK_EVERY_S):
                            await is_over.wait()
                            return
                    async with self._speaks:
                        await driver.execute("select 1", timeout=_ANSWER_WITHIN_S)
            finally:
                self._driver = None

    def _heard(self, driver: Any, pid: int, channel: str, payload: str) -> None:
        if payload.startswith(self._prefix) and pid != driver.get_server_pid():
            self._wake(payload.removeprefix(self._prefix))

    async def _send_unsent(self) -> None:
        """Send what has gathered; what comes meanwhile goes with the next statement."""
        try:
            async with self._speaks:
                while self._unsent and (driver := self._driver) is not None:
                    topics, self._unsent = self._unsent, set()
                    payloads = self._payloads(topics)
                    await driver.execute(_NOTIFY, CHANNEL, payloads, timeout=_ANSWER_WITHIN_S)
        except _AWAY:
            pass
        finally:
            self._sending = None

    async def _send_once(self, topics: Collection[str]) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(
                text("select pg_notify(:channel, topic) from unnest(:topics ::text[]) as topic"),
                {"channel": CHANNEL, "topics": self._payloads(topics)},
            )

    def _payloads(self, topics: Collection[str]) -> list[str]:
        return [f"{self._prefix}{topic}" for topic in sorted(topics)]


async def _detached(connection: AsyncConnection) -> Any:
    """Take a connection out of the pool for good and return the driver's own."""
    driver = (await connection.get_raw_connection()).driver_connection
    await connection.run_sync(lambda sync: sync.detach())
    return driver
