"""What tests of several parts share."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import hypothesis
import pytest

from dialer.store import embedded, migrate
from dialer.store.connect import create_engine

# One commit, one verdict: the suite draws the same examples every time. PROPERTY_EXAMPLES=10
# draws at random instead, and ten times as many.
_EFFORT = int(os.environ.get("PROPERTY_EXAMPLES", "1"))
hypothesis.settings.register_profile(
    "suite", max_examples=100 * _EFFORT, derandomize=_EFFORT == 1, deadline=None, database=None
)
hypothesis.settings.load_profile("suite")

_AUTOVACUUM_WITHIN_S = 20.0
_ROOM = 2 * 1024**3  # bytes; three servers take a third of it

# The longest takes 70 s where the machine has nothing else to do. 0: as long as they like.
_TEST_LIMIT_S = float(os.environ.get("TEST_LIMIT_S", str(300 * _EFFORT)))
_SAID_AGAIN_AFTER_S = 60  # to a test that took it for a failure of its own, and to what cleans up

# Twenty conversations in real time miss their times where others want the processor: they begin
# beside those that wait more than they work. The rest follows as it is found.
_FIRST = (
    *("test_conversations.py", "test_postgres_away.py", "test_calls.py", "test_call_failures.py"),
    *("test_twin_stream.py", "test_campaign_moves.py", "test_faulted_calls.py"),
)

NewDatabase = Callable[[], Awaitable[str]]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Collect without collecting garbage: what is made stays, and is not walked again later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    place = {name: number for number, name in enumerate(_FIRST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """End a test that hangs, its fixtures included, rather than the whole run with it."""

    def too_long(*_: object) -> None:
        faulthandler.dump_traceback(sys.__stderr__, all_threads=True)
        with suppress(RuntimeError):  # no loop runs
            for task in asyncio.all_tasks():
                task.print_stack()
        pytest.fail(f"not over within {_TEST_LIMIT_S:.0f} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, _TEST_LIMIT_S, _SAID_AGAIN_AFTER_S)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """A ``postgresql://`` address on a throw-away server, or on TEST_DATABASE_URL's."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url.replace("postgresql+asyncpg://", "postgresql://", 1)
        return
    folder = tempfile.mkdtemp(prefix="dialer-tests-", dir=_memory())
    try:
        server = embedded.acquire(Path(folder), durable=False)
        try:
            yield server.cluster.socket_dsn
        finally:
            server.release()
    finally:
        shutil.rmtree(folder)


def _memory() -> str | None:
    """A folder in memory with room for our databases, if there is one: on a disk each of their
    300 copies took 0.5 s, here 0.03."""
    folder = "/dev/shm"
    has_room = os.path.isdir(folder) and shutil.disk_usage(folder).free > _ROOM
    return folder if has_room else None


class Databases:
    """Creates databases for tests on one server, and drops each when its test is over."""

    def __init__(self, connection: asyncpg.Connection, dsn: str) -> None:
        self._connection, self._dsn = connection, dsn
        self._names: list[str] = []

    async def create(self, template: str = "template1", prefix: str = "test") -> str:
        """Copy ``template`` and return the copy's name."""
        name = f"{prefix}_{uuid4().hex}"
        await self._connection.execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
        )
        self._names.append(name)
        return name

    def url(self, name: str) -> str:
        """The address of a database in the form SQLAlchemy takes."""
        return urlunsplit(
            urlsplit(self._dsn)._replace(scheme="postgresql+asyncpg", path=f"/{name}")
        )

    async def drop_all(self) -> None:
        for name in self._names:
            await drop_database(self._connection, name)


async def drop_database(connection: asyncpg.Connection, name: str) -> None:
    """Drop a database and end who is still connected.

    An autovacuum worker is the server's own, which our role may not end: it is done in a moment.
    """
    async with asyncio.timeout(_AUTOVACUUM_WITHIN_S):
        while True:
            try:
                await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
                return
            except asyncpg.InsufficientPrivilegeError:
                await asyncio.sleep(0.05)


@pytest.fixture(scope="session")
async def administration(postgres_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """The one connection on which databases are made and dropped: another for each of 700 tests
    cost 10 ms of both sides' processor time."""
    connection = await asyncpg.connect(postgres_dsn)
    yield connection
    await connection.close()


@asynccontextmanager
async def _databases(connection: asyncpg.Connection, dsn: str) -> AsyncIterator[Databases]:
    databases = Databases(connection, dsn)
    yield databases
    await databases.drop_all()


@pytest.fixture(scope="session")
async def migrated_database(
    postgres_dsn: str, administration: asyncpg.Connection
) -> AsyncIterator[str]:
    """The name of a database at the newest schema, to be copied: faster than migrating anew."""
    async with _databases(administration, postgres_dsn) as databases:
        name = await databases.create(prefix="template")
        engine = create_engine(databases.url(name))
        await migrate.upgrade(engine)
        await engine.dispose()
        yield name


@pytest.fixture
async def new_database(
    postgres_dsn: str, administration: asyncpg.Connection
) -> AsyncIterator[NewDatabase]:
    """Create an empty database per call and return its URL for SQLAlchemy; dropped afterwards."""
    async with _databases(administration, postgres_dsn) as databases:

        async def create() -> str:
            return databases.url(await databases.create())

        yield create


@pytest.fixture
async def database_url(
    postgres_dsn: str, administration: asyncpg.Connection, migrated_database: str
) -> AsyncIterator[str]:
    """A database of this test's own, at the newest schema."""
    async with _databases(administration, postgres_dsn) as databases:
        yield databases.url(await databases.create(migrated_database))


@pytest.fixture(scope="module")
async def module_database_url(
    postgres_dsn: str, administration: asyncpg.Connection, migrated_database: str
) -> AsyncIterator[str]:
    """A database that the tests of one file share, at the newest schema."""
    async with _databases(administration, postgres_dsn) as databases:
        yield databases.url(await databases.create(migrated_database))
