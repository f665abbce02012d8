"""The embedded server against real Postgres programs and real processes."""

from __future__ import annotations

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.conftest import NewDatabase


async def test_each_new_database_is_empty_and_takes_sqlalchemy(new_database: NewDatabase) -> None:
    first, second = await new_database(), await new_database()
    assert first != second
    engine = create_async_engine(first)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE mine (id int)"))
        assert await connection.scalar(text("SHOW timezone")) == "UTC"
    await engine.dispose()
    other = await asyncpg.connect(second.replace("+asyncpg", ""))
    assert await other.fetchval("SELECT to_regclass('mine')") is None
    await other.close()
