"""A process that starts, or imports, while Postgres is just coming back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.app import runtime
from dialer.app.runtime import open_database
from dialer.errors import DatabaseAway
from dialer.leads.load import import_leads
from dialer.settings import read_settings
from dialer.store.connect import create_engine
from dialer.store.embedded import EmbeddedPostgres, acquire
from dialer.store.engine import Database, Tx
from dialer.store.migrate import upgrade


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    held = acquire(tmp_path, durable=False)
    yield held
    held.release()


async def kill_a_backend(dsn: str) -> None:
    """The server ends all others then, and recovers for a moment.

    It may take connections until it has seen the death: a witness tells when it has.
    """
    killed, witness = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    os.kill(await killed.fetchval("SELECT pg_backend_pid()"), signal.SIGKILL)
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await witness.fetch("SELECT pg_sleep(60)")
    killed.terminate()


@pytest.mark.parametrize("when", ["before it asks", "once it was answered"])
async def test_a_start_waits_for_a_database_that_recovers(
    tmp_path: Path, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    dsn = server.cluster.dsn
    engine = create_engine(dsn)
    await upgrade(engine)
    await engine.dispose()
    answering = runtime._answering

    async def answering_once_more(asked: AsyncEngine) -> None:
        if when == "before it asks":
            await kill_a_backend(dsn)
        await answering(asked)
        if when == "once it was answered":
            await kill_a_backend(dsn)

    monkeypatch.setattr(runtime, "_answering", answering_once_more)
    settings = read_settings({"DATABASE_URL": dsn, "DIALER_DATA_DIR": str(tmp_path / "own")})
    for _ in range(3):
        async with open_database(settings, migrate=False) as db, db.begin() as tx:
            assert tx.now is not None


async def test_an_import_that_loses_its_database_says_so(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = Database(create_engine(server.cluster.dsn))
    await upgrade(db.engine)
    copy_csv = Tx.copy_csv

    async def cut(tx: Tx, *arguments: object) -> None:
        await kill_a_backend(server.cluster.dsn)
        await copy_csv(tx, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Tx, "copy_csv", cut)
    with pytest.raises(DatabaseAway):
        await db.run(lambda tx: import_leads(tx, name="lost", data=b"phone\n+919811111111\n"))
    monkeypatch.undo()

    async def again(tx: Tx) -> int:
        return (await import_leads(tx, name="lost", data=b"phone\n+919811111111\n")).loaded

    assert await db.run(again, patience_s=30) == 1
    await db.dispose()
