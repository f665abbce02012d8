"""Transactions on a real Postgres: the product clock, reruns, and what waits for the commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from dialer.errors import DatabaseAway, Unavailable
from dialer.store.admin_log import note
from dialer.store.connect import asyncpg_url, create_engine
from dialer.store.engine import ACCOUNT_ID, Database, Tx, product_now
from dialer.store.failures import RERUN_STATES, is_gone, must_rerun
from dialer.store.notify import DIAL
from dialer.store.tables import accounts, admin_log, carrier_accounts

CLOCK = sa.select(sa.func.clock_timestamp())


@pytest.fixture(scope="module")
async def migrated(module_database_url: str) -> AsyncIterator[Database]:
    engine = create_engine(module_database_url)
    yield Database(engine)
    await engine.dispose()


@pytest.fixture
async def database(migrated: Database) -> Database:
    """The database with its seeded account and nothing else."""
    async with migrated.begin() as tx:
        await tx.execute(sa.update(accounts).values(clock_offset_us=0, name="default"))
        await tx.execute(sa.delete(admin_log))
        await tx.execute(sa.delete(carrier_accounts))
    return migrated


async def shift(database: Database, by: timedelta) -> None:
    async with database.begin() as tx:
        microseconds = by // timedelta(microseconds=1)
        await tx.execute(sa.update(accounts).values(clock_offset_us=microseconds))


@pytest.mark.parametrize("by", [timedelta(0), timedelta(days=3, microseconds=1), -timedelta(1)])
async def test_product_time_is_the_databases_clock_plus_the_stored_offset(
    database: Database, by: timedelta
) -> None:
    await shift(database, by)
    before = await _clock(database)
    async with database.begin() as tx:
        assert tx.account_id == ACCOUNT_ID
        now = tx.now
    assert before <= now - by <= await _clock(database)


async def _clock(database: Database) -> datetime:
    async with database.engine.connect() as connection:
        clock: datetime = (await connection.execute(CLOCK)).scalar_one()
    return clock


async def test_times_are_aware_and_in_utc(database: Database) -> None:
    async with database.begin() as tx:
        assert tx.now.utcoffset() == timedelta(0)
        assert (await tx.scalar(sa.text("SHOW timezone"))) == "UTC"
        assert (await tx.scalar(CLOCK)).utcoffset() == timedelta(0)


async def test_now_stands_still_within_a_transaction_and_not_between_two(
    database: Database,
) -> None:
    async with database.begin() as tx:
        first = tx.now
        await tx.scalar(sa.select(sa.func.pg_sleep(0.002)))
        assert tx.now == first < await tx.scalar(CLOCK)
    async with database.begin() as tx:
        assert tx.now > first


async def driver_of(connection: Any) -> Any:
    return (await connection.get_raw_connection()).driver_connection


async def test_a_database_without_its_account_says_what_to_run(database: Database) -> None:
    async with database.engine.connect() as connection:
        with pytest.raises(Unavailable, match="dialer db upgrade"):
            await product_now(await driver_of(connection), uuid4())


async def test_what_is_left_for_after_the_commit_sees_it_and_keeps_its_order(
    database: Database,
) -> None:
    told: list[str] = []

    async def tell(name: str) -> None:
        async with database.begin() as tx:
            found = await tx.scalar(sa.select(accounts.c.name))
        told.append(f"{name}: {found}")

    async with database.begin() as tx:
        await tx.execute(sa.update(accounts).values(name="new"))
        tx.after_commit += [lambda: tell("one"), lambda: tell("two")]
        assert told == []
    assert told == ["one: new", "two: new"]


async def test_nothing_runs_after_a_transaction_that_failed(database: Database) -> None:
    told: list[str] = []

    async def tell() -> None:
        told.append("told")

    with pytest.raises(LookupError):
        async with database.begin() as tx:
            await tx.execute(sa.update(accounts).values(name="lost"))
            tx.after_commit.append(tell)
            raise LookupError
    async with database.begin() as tx:
        assert await tx.scalar(sa.select(accounts.c.name)) != "lost"
    assert told == []


async def test_a_commit_that_fails_runs_nothing_after_it(database: Database) -> None:
    """A deferred constraint speaks only at the commit."""
    told: list[str] = []

    async def tell() -> None:
        told.append("told")

    async def break_at_commit(tx: Tx) -> None:
        tx.after_commit.append(tell)
        await tx.execute(
            sa.text("CREATE TEMP TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
        )
        await tx.execute(sa.text("INSERT INTO once VALUES (1), (1)"))

    with pytest.raises(IntegrityError):
        await database.run(break_at_commit)
    assert told == []


async def test_a_deadlock_reruns_the_loser_and_both_are_kept(database: Database) -> None:
    """Two transactions lock two rows in opposite order, as no code of ours should."""
    turns = {"up": 0, "down": 0}
    both_hold_one = asyncio.Barrier(2)
    told: list[str] = []

    async def lock_both(tx: Tx, name: str, first: sa.Table, second: sa.Table) -> str:
        async def tell() -> None:
            told.append(name)

        turns[name] += 1
        tx.after_commit.append(tell)
        await note(tx, actor="test", action=name)
        await tx.execute(sa.select(first).with_for_update(key_share=True))
        if turns[name] == 1:
            await both_hold_one.wait()
        await tx.execute(sa.select(second).with_for_update(key_share=True))
        return name

    await _add_carrier(database)
    done = await asyncio.gather(
        database.run(lambda tx: lock_both(tx, "up", accounts, carrier_accounts)),
        database.run(lambda tx: lock_both(tx, "down", carrier_accounts, accounts)),
    )
    assert done == ["up", "down"]
    assert sorted(turns.values()) == [1, 2]
    assert sorted(told) == sorted(await _noted(database)) == ["down", "up"]


async def _add_carrier(database: Database) -> None:
    async with database.begin() as tx:
        row = {"account_id": tx.account_id, "carrier": "twin", "cap": 1, "cps": 1}
        await tx.execute(sa.insert(carrier_accounts).values(row))


async def _noted(database: Database) -> list[str]:
    async with database.begin() as tx:
        return [row.action for row in await tx.all(sa.select(admin_log.c.action))]


def raising(state: str) -> sa.TextClause:
    """A statement that fails with this SQLSTATE, as a server under load would."""
    return sa.text(f"DO $$ BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{state}'; END $$")


@pytest.mark.parametrize(("state", "runs"), [("40P01", 6), ("40001", 6), ("23505", 1)])
async def test_only_what_may_succeed_is_run_again_and_not_for_ever(
    database: Database, state: str, runs: int
) -> None:
    turns = 0

    async def fail(tx: Tx) -> None:
        nonlocal turns
        turns += 1
        await note(tx, actor="test", action="lost")
        await tx.execute(raising(state))

    with pytest.raises(DBAPIError) as caught:
        await database.run(fail)
    assert (turns, must_rerun(caught.value)) == (runs, state in RERUN_STATES)
    assert await _noted(database) == []


async def test_work_that_is_committed_is_never_run_again(database: Database) -> None:
    """A deadlock in what follows the commit is that action's own."""

    async def deadlock() -> None:
        async with database.begin() as tx:
            await tx.execute(raising("40P01"))

    async def work(tx: Tx) -> None:
        await note(tx, actor="test", action="once")
        tx.after_commit.append(deadlock)

    with pytest.raises(DBAPIError):
        await database.run(work)
    assert await _noted(database) == ["once"]


async def test_a_database_error_shows_no_parameters(database: Database) -> None:
    async with database.begin() as tx:
        with pytest.raises(DBAPIError) as caught:
            await tx.execute(sa.text("SELECT CAST(:phone AS text) / 0"), {"phone": "+919876543210"})
    assert "9876543210" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["postgres://u@h/d", "postgresql://u@h/d", "postgresql+asyncpg://u@h/d"]
)
def test_every_form_of_a_postgres_address_is_taken(url: str) -> None:
    assert asyncpg_url(url) == "postgresql+asyncpg://u@h/d"


@pytest.mark.parametrize("url", ["mysql://u@h/d", "sqlite:///d", "h/d", ""])
def test_only_postgres_is_taken(url: str) -> None:
    with pytest.raises(Unavailable, match="DATABASE_URL"):
        asyncpg_url(url)


def test_an_option_that_the_driver_does_not_know_is_named() -> None:
    with pytest.raises(Unavailable, match=r"^DATABASE_URL: unknown option 'frob'"):
        create_engine("postgresql://u@127.0.0.1/d?sslmode=disable&frob=1")


async def test_a_connection_that_the_server_dropped_meanwhile_is_replaced_unseen(
    database: Database,
) -> None:
    async with database.begin() as one, database.begin() as other:
        pids = [(await tx.fetch("SELECT pg_backend_pid()"))[0][0] for tx in (one, other)]
    async with database.begin() as tx:
        (mine,) = (await tx.fetch("SELECT pg_backend_pid()"))[0]
        for pid in pids:
            if pid != mine:
                await tx.fetch("SELECT pg_terminate_backend($1)", pid)
    for _ in range(2):
        async with database.begin() as tx, database.begin() as beside:
            assert await tx.fetch("SELECT 1") == await beside.fetch("SELECT 1")


async def test_what_a_cancelled_transaction_did_is_undone_and_its_connection_is_whole(
    database: Database,
) -> None:
    async def work() -> None:
        async with database.begin() as tx:
            await note(tx, actor="a", action="lost")
            await tx.fetch("SELECT pg_sleep(60)")

    task = asyncio.create_task(work())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.begin() as tx:
        assert await tx.scalar(sa.select(sa.func.count()).select_from(admin_log)) == 0


async def test_an_error_of_a_plain_statement_is_sqlalchemys_and_holds_no_values(
    database: Database,
) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.begin() as tx:
            await tx.fetch("SELECT 1 / $1::int, $2::text", 0, "+919876500001")
    assert "+919876500001" not in str(caught.value)
    assert getattr(caught.value.orig, "sqlstate", None) == "22012"


@pytest.mark.parametrize("way", ["driver", "sqlalchemy"])
async def test_a_server_that_goes_in_the_middle_of_a_transaction_is_away(
    database: Database, way: str
) -> None:
    with pytest.raises(DatabaseAway):
        async with database.begin() as tx:
            pid = await tx.scalar(sa.select(sa.func.pg_backend_pid()))
            async with database.begin() as other:
                await other.execute(sa.select(sa.func.pg_terminate_backend(pid)))
            await asyncio.sleep(0.1)
            await (tx.fetch("SELECT 1") if way == "driver" else tx.execute(CLOCK))
    async with database.begin() as tx:
        assert await tx.scalar(CLOCK), "the next transaction has another connection"


def test_a_connection_whose_end_is_half_read_is_gone() -> None:
    assert is_gone(asyncpg.InternalClientError("cannot switch to state 12"))


async def test_connections_that_are_kept_ready_leave_some_to_hints(
    module_database_url: str,
) -> None:
    database = Database(create_engine(module_database_url, pool_size=2))
    heard = asyncio.Event()
    try:
        async with database.begin(), database.begin(), database.begin():
            pass  # as many as there may be
        async with asyncio.timeout(5):
            await database.hints.send([DIAL])
            async with database.hints.listening():
                with database.hints.on(DIAL, heard.set):
                    await heard.wait()
    finally:
        await database.dispose()


async def test_whoever_waits_for_a_connection_has_its_turn(module_database_url: str) -> None:
    database = Database(create_engine(module_database_url, pool_size=1))
    order: list[str] = []

    async def use(name: str) -> None:
        for _ in range(5):
            async with database.begin():
                order.append(name)

    try:
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            for name in ("one", "two", "three"):
                tasks.create_task(use(name))
    finally:
        await database.engine.dispose()
    # Without turns the one that has just given its connection back takes it again, five times.
    assert order[:6] == ["one", "two", "three"] * 2
