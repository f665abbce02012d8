"""What a benchmark returns, and databases to run it on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from dialer.store.connect import create_engine
from dialer.store.engine import Database
from dialer.store.migrate import upgrade
from tests.conftest import drop_database


@dataclass(frozen=True, slots=True)
class Figure:
    """Both sides in ``unit``; ``against`` names the reference."""

    what: str
    ours: float
    reference: float
    unit: str
    against: str


@asynccontextmanager
async def fresh_database(dsn: str) -> AsyncIterator[Database]:
    """A migrated database of its own, dropped afterwards."""
    async with fresh_url(dsn) as url:
        engine = create_engine(url)
        try:
            yield Database(engine)
        finally:
            await engine.dispose()


@asynccontextmanager
async def fresh_url(dsn: str) -> AsyncIterator[str]:
    """The address of a migrated database of its own, dropped afterwards."""
    name = f"bench_{uuid4().hex}"
    admin = await asyncpg.connect(dsn)
    await admin.execute(f'CREATE DATABASE "{name}"')
    url = urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
    try:
        engine = create_engine(url)
        await upgrade(engine)
        await engine.dispose()
        yield url
    finally:
        await drop_database(admin, name)
        await admin.close()
