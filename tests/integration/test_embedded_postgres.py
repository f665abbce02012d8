"""The embedded server: real Postgres programs, real processes, real kills."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from dialer.errors import Unavailable
from dialer.store.connect import create_engine, follow
from dialer.store.embedded import EmbeddedPostgres, acquire
from dialer.store.embedded_postmaster import is_running, read_pid_file
from tests.conftest import NewDatabase

Hold = Callable[..., EmbeddedPostgres]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a cluster that nobody runs; making one takes most of a second."""
    data_dir = tmp_path_factory.mktemp("stopped")
    acquire(data_dir, durable=False).release()
    return data_dir


@pytest.fixture
def data_dir(stopped: Path, tmp_path: Path) -> Path:
    """A copy of ``stopped`` with its owners; see `stopped`."""
    subprocess.run(["cp", "-a", stopped, tmp_path / "data"], check=True)
    return tmp_path / "data"


@pytest.fixture
def hold() -> Iterator[Hold]:
    """`acquire`, released at the end of the test whatever happens."""
    held: list[EmbeddedPostgres] = []

    def take(folder: Path, *, durable: bool = False) -> EmbeddedPostgres:
        held.append(acquire(folder, durable=durable))
        return held[-1]

    yield take
    for one in reversed(held):
        one.release()


HOLDER = """
import sys
from pathlib import Path
from dialer.store.embedded import acquire
held = acquire(Path(sys.argv[1]), durable=False)
print(held.cluster.dsn, flush=True)
sys.stdin.readline()
held.release()
"""


def start_holder(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def dsn_of(holder: subprocess.Popen[str]) -> str:
    assert holder.stdout is not None
    return holder.stdout.readline().strip()


def let_go(holder: subprocess.Popen[str]) -> None:
    holder.communicate("\n")
    assert holder.returncode == 0


def server_pid(folder: Path) -> int:
    noted = read_pid_file(folder / "postgres")
    assert noted is not None and is_running(noted.pid, folder / "postgres")
    return noted.pid


async def ask(dsn: str, query: str, **how: str) -> object:
    connection = await asyncpg.connect(dsn, port=urlsplit(dsn).port, **how)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_a_fresh_start_is_private_and_utf8(tmp_path: Path, hold: Hold) -> None:
    left_by_a_crash = tmp_path / "postgres.new-dead"
    (left_by_a_crash / "base").mkdir(parents=True)
    cluster = hold(tmp_path).cluster

    assert not left_by_a_crash.exists()
    assert stat.S_IMODE((tmp_path / "postgres.password").stat().st_mode) == 0o600
    facts = "SELECT concat_ws(' ', encoding, datcollate) FROM pg_database WHERE datname = 'dialer'"
    assert await ask(cluster.dsn, facts) == "6 C"  # 6 is UTF8
    assert await ask(cluster.dsn, "SHOW timezone", host=cluster.socket_dir) == "UTC"
    for stranger in ({"password": "guess"}, {"user": "postgres"}):
        for host in ("127.0.0.1", cluster.socket_dir):
            with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
                await ask(cluster.dsn, "SELECT 1", host=host, **stranger)
    # Its own session: Ctrl-C in a terminal must not reach it before us.
    assert os.getsid(server_pid(tmp_path)) == server_pid(tmp_path)


async def test_its_socket_is_used_while_it_is_there(tmp_path: Path, hold: Hold) -> None:
    cluster = hold(tmp_path).cluster
    engine = create_engine(cluster.socket_dsn)
    follow(engine, lambda: cluster.socket_dsn)

    async def came_from() -> str | None:
        async with engine.connect() as connection:
            found: str | None = await connection.scalar(text("SELECT host(inet_client_addr())"))
            return found

    assert await came_from() is None
    await engine.dispose()
    os.unlink(f"{cluster.socket_dir}/.s.PGSQL.{urlsplit(cluster.dsn).port}")
    assert await came_from() == "127.0.0.1"
    await engine.dispose()


async def test_two_simultaneous_starts_share_one_server_and_the_last_stops_it(
    data_dir: Path,
) -> None:
    with start_holder(data_dir) as first, start_holder(data_dir) as second:
        dsn = dsn_of(first)
        assert dsn == dsn_of(second) != ""
        pid = server_pid(data_dir)
        let_go(first)
        assert await ask(dsn, "SELECT 1") == 1
        let_go(second)
    assert not is_running(pid, data_dir / "postgres")
    assert read_pid_file(data_dir / "postgres") is None


async def test_the_server_of_a_killed_owner_is_adopted(data_dir: Path) -> None:
    with start_holder(data_dir) as owner:
        dsn = dsn_of(owner)
        owner.kill()
    pid = server_pid(data_dir)
    adopted = acquire(data_dir, durable=False)
    assert adopted.cluster.dsn == dsn
    assert server_pid(data_dir) == pid
    adopted.release()
    assert not is_running(pid, data_dir / "postgres")


async def test_a_killed_server_comes_back_with_every_commit_on_its_port(
    data_dir: Path, hold: Hold
) -> None:
    held = hold(data_dir, durable=True)
    dsn = held.cluster.dsn
    assert await ask(dsn, "SHOW fsync") == "on"
    await ask(dsn, "CREATE TABLE kept AS SELECT 42 AS n")
    killed = server_pid(data_dir)
    # Its busy child outlives it for a moment, and the new server must wait for that.
    busy = asyncio.create_task(ask(dsn, "SELECT count(*) FROM generate_series(1, 5000000)"))
    await asyncio.sleep(0.1)
    os.kill(killed, signal.SIGKILL)
    assert (await asyncio.to_thread(held.ensure_running)).dsn == dsn
    await asyncio.wait([busy])
    busy.exception()
    assert server_pid(data_dir) != killed
    assert await ask(dsn, "SELECT n FROM kept") == 42


@pytest.fixture
def stranger(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the server's account that is no server."""
    owner = (data_dir / "postgres").stat()
    account = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], **account) as process:
        yield process
        process.kill()


async def test_a_pid_reused_by_another_process_is_not_taken_for_the_server(
    data_dir: Path, hold: Hold, stranger: subprocess.Popen[bytes]
) -> None:
    (data_dir / "postgres" / "postmaster.pid").write_text(
        f"{stranger.pid}\n{data_dir}\n0\n5432\n\n127.0.0.1\n1 1\nready   \n"
    )
    assert await ask(hold(data_dir).cluster.dsn, "SELECT 1") == 1
    assert stranger.poll() is None


async def test_a_server_whose_folder_was_deleted_is_stopped_all_the_same(data_dir: Path) -> None:
    held = acquire(data_dir, durable=False)
    pid = server_pid(data_dir)
    shutil.rmtree(data_dir)
    held.release()
    assert os.path.basename(held.cluster.socket_dir) not in os.listdir("/tmp")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_data_of_another_major_version_is_refused(data_dir: Path) -> None:
    (data_dir / "postgres" / "PG_VERSION").write_text("14\n")
    with pytest.raises(
        Unavailable, match=r"PostgreSQL 14.* version \d\d: set DATABASE_URL"
    ) as told:
        acquire(data_dir)
    assert "\n" not in str(told.value)
    assert read_pid_file(data_dir / "postgres") is None


@pytest.fixture
def deep_data_dir(data_dir: Path) -> Path:
    return data_dir.rename(data_dir.parent / ("long" * 30))


async def test_a_path_too_long_for_a_socket_works(deep_data_dir: Path, hold: Hold) -> None:
    held = hold(deep_data_dir)
    cluster = held.cluster
    assert await ask(cluster.dsn, "SELECT 1", host=cluster.socket_dir) == 1
    held.release()
    assert os.path.basename(cluster.socket_dir) not in os.listdir("/tmp")


@pytest.mark.parametrize("where", ["taken", "taken/below"])
def test_an_unusable_data_directory_is_one_clear_line(tmp_path: Path, where: str) -> None:
    (tmp_path / "taken").write_text("a file stands where the folder should")
    with pytest.raises(Unavailable, match=r"taken.*set DIALER_DATA_DIR") as told:
        acquire(tmp_path / where)
    assert "\n" not in str(told.value)


def test_a_lost_password_is_said_and_not_replaced(data_dir: Path) -> None:
    (data_dir / "postgres.password").unlink()
    with pytest.raises(Unavailable, match=r"postgres\.password is missing"):
        acquire(data_dir)
    assert not (data_dir / "postgres.password").exists()


async def test_values_of_failed_statements_stay_out_of_the_log(data_dir: Path, hold: Hold) -> None:
    dsn = hold(data_dir).cluster.dsn
    await ask(dsn, "CREATE TABLE people AS SELECT '+919812345678' AS phone")
    await ask(dsn, "ALTER TABLE people ADD UNIQUE (phone)")
    with pytest.raises(asyncpg.UniqueViolationError):
        await ask(dsn, "INSERT INTO people VALUES ('+919812345678')")
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await ask(dsn, "SELECT 'call +919812345678'::int")
    log = (data_dir / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "9812345678" not in log


async def test_each_new_database_is_empty_and_takes_sqlalchemy(new_database: NewDatabase) -> None:
    first, second = await new_database(), await new_database()
    assert first != second
    engine = create_async_engine(first)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE mine (id int)"))
    await engine.dispose()
    assert await ask(second.replace("+asyncpg", ""), "SELECT to_regclass('mine')") is None
