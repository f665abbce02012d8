"""What tests of several parts share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from dialer.store import embedded

NewDatabase = Callable[[], Awaitable[str]]


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """A ``postgresql://`` address on a throw-away server, or on TEST_DATABASE_URL's."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url.replace("postgresql+asyncpg://", "postgresql://", 1)
        return
    folder = tempfile.mkdtemp(prefix="dialer-tests-")
    try:
        server = embedded.acquire(Path(folder), durable=False)
        try:
            yield server.cluster.dsn
        finally:
            server.release()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
async def new_database(postgres_dsn: str) -> AsyncIterator[NewDatabase]:
    """Create an empty database per call and return its URL for SQLAlchemy; dropped afterwards."""
    names: list[str] = []
    connection = await asyncpg.connect(postgres_dsn)

    async def create() -> str:
        name = f"test_{uuid4().hex}"
        await connection.execute(f'CREATE DATABASE "{name}"')
        names.append(name)
        parts = urlsplit(postgres_dsn)
        return urlunsplit(parts._replace(scheme="postgresql+asyncpg", path=f"/{name}"))

    try:
        yield create
    finally:
        for name in names:
            await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await connection.close()
