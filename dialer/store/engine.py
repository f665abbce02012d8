"""The database: one engine a process, one transaction a request or job, one product clock.

While Postgres is away every transaction raises `DatabaseAway`, and the log has one line when it
goes and one when it is back, however many transactions meet it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import IO, Any, TypeVar
from uuid import UUID

import asyncpg
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

from dialer.domain.clock_filter import ClockFilter
from dialer.domain.erasure import mark
from dialer.errors import DatabaseAway, Unavailable
from dialer.store.connect import most_connections
from dialer.store.failures import (
    DRIVER_ERRORS,
    cannot_connect,
    commit,
    is_gone,
    must_rerun,
    roll_back,
    wrapped,
)
from dialer.store.notify import Hints
from dialer.store.rows import fetch

log = logging.getLogger(__name__)

T = TypeVar("T")

# One account is seeded; every table is keyed by it so that many can live side by side.
ACCOUNT_ID = UUID("01900000-0000-7000-8000-000000000001")

_MOST_RUNS = 6
_LOOK_AGAIN_S = 0.25  # while a transaction waits for Postgres to come back
_MOST_STALE = 100  # more than a pool holds
_MANY_ROWS = 1000  # fewer are joined in no time, however it is planned
_TURN_WITHIN_S = 30.0  # for a connection, when all are busy
_OF_THE_SERVER = (DBAPIError, asyncpg.PostgresError, asyncpg.InternalClientError, OSError)
_FOR_HINTS = 2  # one hears them, one sends them
_ALL_BUSY = "all connections to the database are busy; try again"

#: An erased person's number → what the do-not-call list keeps of it (`domain.erasure.mark`).
MarkOf = Callable[[str], str]


@dataclass(slots=True)
class Tx:
    """One open transaction.

    ``now`` is the product time read when it began, ``read_at`` the monotonic time of that: an
    instant of product time that lies ``s`` seconds after ``now`` is ``read_at + s``.
    """

    connection: AsyncConnection
    driver: Any  # asyncpg's own connection, in the same transaction
    account_id: UUID
    mark_of: MarkOf
    clock: ClockFilter
    read_at: float = 0.0
    after_commit: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    hints: set[str] = field(default_factory=set)
    grown: set[str] = field(default_factory=set)  # tables
    _now: datetime | None = None

    @property
    def now(self) -> datetime:
        assert self._now is not None, "this transaction reads the clock with its first statement"
        return self._now

    def hint(self, topic: str) -> None:
        """Wake those who wait for ``topic`` (`store.notify`) once this is committed."""
        self.hints.add(topic)

    def grew(self, *tables: str, rows: int) -> None:
        """Have Postgres count tables anew once this is committed, if they grew by many rows.

        It does so by itself within a minute. Until then it takes them for nearly empty and joins
        100,000 leads with as many consents pair by pair, for minutes.
        """
        if rows >= _MANY_ROWS:
            self.grown.update(tables)

    async def read_clock(self) -> None:
        """Read product time (again): for whoever waited for a lock and decides about instants."""
        asked_at = time.monotonic()
        self._now = await product_now(self.driver, self.account_id)
        self.read_at = self.clock.read_at(self._now, asked_at, time.monotonic())

    def set_clock(self, row: Any, asked_at: float) -> None:
        """Take product time from a statement's row: clock, clock_offset_us, and clock_waited, how
        long the server had been at it by then, waiting for locks.

        asked_at: monotonic, just before the statement was sent.
        """
        self._now = row.clock + timedelta(microseconds=row.clock_offset_us)
        begun_at = asked_at + row.clock_waited.total_seconds()
        self.read_at = self.clock.read_at(self._now, begun_at, time.monotonic())

    async def fetch(self, sql: str, *values: Any) -> Sequence[Any]:
        """Run one statement as it stands, on the driver: for those that every call runs.

        It costs a fifth of the processor time of `execute`. ``$1`` stands for ``values[0]``; the
        rows are `rows.Row`. Errors are SQLAlchemy's, as everywhere.
        """
        try:
            return await fetch(self.driver, sql, values)
        except DRIVER_ERRORS as error:
            raise wrapped(error, self.driver) from error

    async def copy_csv(self, table: str, columns: Sequence[str], source: IO[bytes]) -> None:
        """Append rows of CSV to a table; errors as of `fetch`."""
        copying = self.driver.copy_to_table(table, source=source, columns=columns, format="csv")
        await self._driven(copying)

    async def copy_rows(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        """Append rows to a table; errors as of `fetch`."""
        await self._driven(self.driver.copy_records_to_table(table, records=rows, columns=columns))

    async def _driven(self, work: Awaitable[object]) -> None:
        try:
            await work
        except DRIVER_ERRORS as error:
            raise wrapped(error, self.driver) from error

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        return await self.connection.execute(statement, parameters)

    async def one_or_none(self, statement: Any) -> Any:
        return (await self.connection.execute(statement)).one_or_none()

    async def all(self, statement: Any) -> Any:
        return (await self.connection.execute(statement)).all()

    async def scalar(self, statement: Any) -> Any:
        return (await self.connection.execute(statement)).scalar()


def unkeyed_mark(phone: str) -> str:
    """Stands in for the keyed hash where nobody was ever erased: a database just made."""
    return mark(sha256(phone.encode()).hexdigest())


@dataclass(slots=True)
class _Asking:
    """Raises `DatabaseAway` for what a server that is gone raises; once it ``is_answered``, only
    the loss of the connection means that."""

    db: Database
    is_answered: bool = False

    def __enter__(self) -> _Asking:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, PoolTimeout):
            raise DatabaseAway(_ALL_BUSY) from error
        if not isinstance(error, _OF_THE_SERVER):
            return
        if is_gone(error) if self.is_answered else cannot_connect(error):
            self.db.went_away(error)
            raise DatabaseAway("the database does not answer; start it, then try again") from error


class Database:
    """Opens transactions. Everything else is functions that take a `Tx`."""

    def __init__(
        self, engine: AsyncEngine, account_id: UUID = ACCOUNT_ID, *, mark_of: MarkOf = unkeyed_mark
    ) -> None:
        self.engine = engine
        self.account_id = account_id
        self.mark_of = mark_of
        self.hints = Hints(engine, account_id)
        self._clock = ClockFilter()
        self._away_since: float | None = None  # on the monotonic clock
        # The pool gives a connection that comes back to whoever asks next, not to who waits
        # longest: one could wait for ever beside busy others. Turns are taken here, in order.
        assert isinstance(engine.pool, QueuePool)
        size = engine.pool.size()
        self._turns = asyncio.Semaphore(most_connections(size))
        # The driver begins and commits, with a third of the round trips.
        self._connections = engine.execution_options(isolation_level="AUTOCOMMIT")
        # The pool takes as long as two statements: most stay out of it, and some in, for hints.
        self._most_ready = max(size, most_connections(size) - _FOR_HINTS)
        self._ready: list[tuple[AsyncConnection, Any]] = []
        event.listen(engine.sync_engine, "engine_disposed", self._drop_ready)

    @property
    def is_away(self) -> bool:
        """True from the first transaction that Postgres failed to the next that it served."""
        return self._away_since is not None

    async def fetch(self, sql: str, *values: Any) -> Sequence[Any]:
        """Run one statement that is a transaction by itself, as `Tx.fetch` runs one of several."""
        with _Asking(self):
            await self._turn()
            try:
                connection, driver = await self._take()
                try:
                    return await fetch(driver, sql, values)
                except DRIVER_ERRORS as error:
                    raise wrapped(error, driver) from error
                finally:
                    await self._give_back(connection, driver)
            finally:
                self._turns.release()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Tx]:
        """Open one transaction; commit at the end, then run what was left for after it."""
        async with self._transaction() as tx:
            yield tx
        await self._finish(tx)

    @asynccontextmanager
    async def _transaction(self, *, reads_clock: bool = True) -> AsyncIterator[Tx]:
        """Hold a connection in a transaction of the driver's; commit at the end."""
        with _Asking(self) as asking:
            await self._turn()
            try:
                connection, driver, transaction = await self._open()
                try:
                    tx = Tx(connection, driver, self.account_id, self.mark_of, self._clock)
                    if reads_clock:
                        await tx.read_clock()
                    self._answered()
                    asking.is_answered = True
                    yield tx
                    await commit(driver, transaction)
                except BaseException:
                    await roll_back(driver, transaction)
                    raise
                finally:
                    await self._give_back(connection, driver)
            finally:
                self._turns.release()

    def _answered(self) -> None:
        if self._away_since is not None:
            away_s = round(time.monotonic() - self._away_since, 1)
            self._away_since = None
            log.warning("database_back", extra={"away_s": away_s})

    def went_away(self, error: Exception) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            cause = getattr(error, "orig", None) or error
            log.error("database_away", extra={"error": type(cause).__name__})

    async def _turn(self) -> None:
        """Take a turn, which whoever took it gives back."""
        if not self._turns.locked():  # mostly; a time limit costs as much as all of the rest
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(_TURN_WITHIN_S):
                await self._turns.acquire()
        except TimeoutError as error:
            raise DatabaseAway(_ALL_BUSY) from error

    async def _give_back(self, connection: AsyncConnection, driver: Any) -> None:
        if driver.is_closed() or driver.is_in_transaction():
            await connection.invalidate()  # nobody is given it again
            await connection.close()
            return
        if connection.in_transaction():  # in name: what SQLAlchemy ran in ours
            await connection.rollback()
        if len(self._ready) < self._most_ready:
            self._ready.append((connection, driver))
        else:
            await connection.close()

    def _drop_ready(self, _: object) -> None:
        ready, self._ready = self._ready, []
        for connection, _driver in ready:
            connection.sync_connection.invalidate()  # type: ignore[union-attr]
            connection.sync_connection.close()  # type: ignore[union-attr]

    async def _take(self) -> tuple[AsyncConnection, Any]:
        if self._ready:
            return self._ready.pop()
        connection = await self._connections.connect()
        return connection, (await connection.get_raw_connection()).driver_connection

    async def _open(self) -> tuple[AsyncConnection, Any, Any]:
        """Take a connection and begin. One that the server has dropped meanwhile is found out by
        that, and replaced: nothing was asked on it yet."""
        for turn in range(_MOST_STALE + 1):
            connection, driver = await self._take()
            try:
                transaction = driver.transaction()
                await transaction.start()
            except BaseException as error:
                await connection.invalidate()
                await connection.close()
                if not isinstance(error, DRIVER_ERRORS):
                    raise
                if turn == _MOST_STALE:
                    raise wrapped(error, driver) from error
            else:
                return connection, driver, transaction
        raise AssertionError("unreachable")

    async def run(
        self,
        work: Callable[[Tx], Awaitable[T]],
        *,
        patience_s: float = 0.0,
        reads_clock: bool = True,
    ) -> T:
        """Run ``work`` in a transaction of its own, again after a deadlock (design §6.0).

        patience_s: how long to wait for a database that is away before raising `DatabaseAway`.
        With it ``work`` must bear to be run again though its first commit was done. reads_clock:
        False where the first statement of ``work`` does that (`Tx.set_clock`).
        """
        until = time.monotonic() + patience_s
        turn = 1
        while True:
            try:
                async with self._transaction(reads_clock=reads_clock) as tx:
                    result = await work(tx)
            except DBAPIError as error:
                if not must_rerun(error) or turn == _MOST_RUNS:
                    raise
                await asyncio.sleep(0.01 * turn * turn)
                turn += 1
            except DatabaseAway:
                if time.monotonic() + _LOOK_AGAIN_S >= until:
                    raise
                await asyncio.sleep(_LOOK_AGAIN_S)
            else:  # committed: whatever fails from here on must not run the work again
                await self._finish(tx)
                return result

    async def _finish(self, tx: Tx) -> None:
        """Do what was left for after the commit; hints are only that, and fail silently."""
        await self.hints.send(tx.hints)
        for table in sorted(tx.grown):
            await self._count_anew(table)
        for action in tx.after_commit:
            await action()

    async def _count_anew(self, table: str) -> None:
        """Where it fails, or the role does not own the table, Postgres does it by itself, later."""
        try:
            await self.fetch(f"ANALYZE {table}")
        except (DBAPIError, DatabaseAway) as error:
            log.warning("not_counted", extra={"table": table, "error": type(error).__name__})

    async def dispose(self) -> None:
        await self.engine.dispose()


async def product_now(driver: Any, account_id: UUID) -> datetime:
    """Read the product clock: the database's own clock plus the stored offset (design §4)."""
    try:
        row = await driver.fetchrow(
            "SELECT clock_timestamp(), clock_offset_us FROM accounts WHERE id = $1", account_id
        )
    except DRIVER_ERRORS as error:
        raise wrapped(error, driver) from error
    if row is None:
        raise Unavailable("the database has no account row; run `dialer db upgrade`")
    return row[0] + timedelta(microseconds=row[1])  # type: ignore[no-any-return]
