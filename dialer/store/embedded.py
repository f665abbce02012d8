"""The Postgres that comes with us, for whoever has set no DATABASE_URL.

Any number of processes share the one server of a data folder. Each holds a shared lock while it
uses it; whoever finds itself the last one stops the server. Starting, joining and leaving happen
under one exclusive lock, so simultaneous starts make one server and nobody joins a dying one.
Locks die with their holder: after a kill -9 of everyone the next one adopts the server.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit, urlunsplit

from dialer.errors import Unavailable
from dialer.store.embedded_account import server_account
from dialer.store.embedded_binaries import Installation, find_installation
from dialer.store.embedded_postmaster import remove_socket_dir, stop
from dialer.store.embedded_server import Server, create_cluster, start_or_join

LOCK_LIMIT_S = 90.0  # longer than a start or a stop takes at worst


@dataclass(frozen=True, slots=True)
class Cluster:
    dsn: str  # postgresql://dialer:<password>@127.0.0.1:<port>/dialer
    socket_dir: str
    version: str  # of the programs, as "18.4"
    data_dir: Path

    @property
    def socket_dsn(self) -> str:
        """The same database by its Unix socket, where a round trip costs a quarter less; ``dsn``
        where somebody has tidied the socket away."""
        parts = urlsplit(self.dsn)
        if not Path(self.socket_dir, f".s.PGSQL.{parts.port}").exists():
            return self.dsn
        login, _, _ = parts.netloc.rpartition("@")
        query = urlencode({"host": self.socket_dir, "port": parts.port})
        return urlunsplit(parts._replace(netloc=f"{login}@", query=query))


def acquire(data_dir: Path, *, durable: bool = True) -> EmbeddedPostgres:
    """Start the server of ``data_dir`` or join it; blocks until it takes connections.

    First use makes the cluster (about 1 s), later ones take well under that, a crash recovery
    as long as it needs up to a minute. ``durable=False`` gives up safety against power loss for
    speed, for tests. Raises `Unavailable` with the fix in the message.
    """
    data_dir = data_dir.absolute()
    with _disk_trouble(data_dir), ExitStack() as undo:
        # Root's account passes through to its own folder; nobody else can list ours.
        data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        data_dir = data_dir.resolve()
        gate = _open_lock(data_dir / "postgres.gate.lock")
        undo.callback(os.close, gate)
        users = _open_lock(data_dir / "postgres.users.lock")
        undo.callback(os.close, users)
        with _exclusive(gate):
            fcntl.flock(users, fcntl.LOCK_SH)  # the gate keeps everyone from holding it alone
            shared = EmbeddedPostgres(data_dir, gate, users, durable=durable)
        undo.pop_all()
        return shared


class EmbeddedPostgres:
    """One user's hold on the server of a data folder; made by `acquire`."""

    def __init__(self, data_dir: Path, gate: int, users: int, *, durable: bool) -> None:
        self._data_dir, self._gate, self._users = data_dir, gate, users
        self._durable, self._released = durable, False
        self._child: subprocess.Popen[bytes] | None = None
        self._port = 0  # the last one: a server that was stopped in good order leaves no note
        self.cluster = self._running_cluster()

    def ensure_running(self) -> Cluster:
        """Start the server again if it was killed; on its old port unless that is taken."""
        if self._released:
            raise Unavailable("this hold on the embedded Postgres was released: acquire it again")
        with _disk_trouble(self._data_dir), _exclusive(self._gate):
            self.cluster = self._running_cluster()
        return self.cluster

    def release(self) -> None:
        """Leave; the last one to leave stops the server. Harmless when repeated."""
        if self._released:
            return
        self._released = True
        try:
            with _exclusive(self._gate):
                if _is_last(self._users):
                    stop(self._data_dir / "postgres", self._child)
                    remove_socket_dir(self.cluster.socket_dir)
                # Unlocked by hand: a forked child may hold a copy of the handle.
                fcntl.flock(self._users, fcntl.LOCK_UN)
        finally:
            os.close(self._users)
            os.close(self._gate)

    def _running_cluster(self) -> Cluster:
        """Under the gate lock: the cluster made if need be and its server ready."""
        folder = self._data_dir / "postgres"
        account = server_account(folder)
        installation = find_installation(account, self._data_dir)
        server = Server(
            installation, account, folder, self._data_dir / "postgres.log", self._durable
        )
        is_new = not folder.exists()
        password = _password(self._data_dir / "postgres.password", may_create=is_new)
        if is_new:
            create_cluster(server, password)
        check_major(folder, installation)
        postmaster, child = start_or_join(server, self._port)
        self._child, self._port = child or self._child, postmaster.port
        dsn = f"postgresql://dialer:{password}@127.0.0.1:{postmaster.port}/dialer"
        return Cluster(dsn, postmaster.socket_dir, installation.version, self._data_dir)


def check_major(folder: Path, installation: Installation) -> None:
    """Refuse the files of another major version: Postgres cannot read them."""
    try:
        found = (folder / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise Unavailable(
            f"{folder} holds no PostgreSQL data: move it away, or set DIALER_DATA_DIR to a "
            "fresh folder"
        ) from None
    if found != str(installation.major):
        raise Unavailable(
            f"{folder} holds data of PostgreSQL {found}, the programs here are version "
            f"{installation.major}: set DATABASE_URL to a PostgreSQL {found} server that serves "
            "this data, or set DIALER_DATA_DIR to a fresh folder"
        )


def _password(path: Path, *, may_create: bool) -> str:
    """The role's password, made and kept before the cluster that will know it."""
    try:
        if kept := path.read_text().strip():
            return kept
    except FileNotFoundError:
        pass
    if not may_create:
        raise Unavailable(
            f"{path} is missing, so the data beside it cannot be opened: put it back, or set "
            "DIALER_DATA_DIR to a fresh folder"
        )
    password = secrets.token_urlsafe(32)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(password)
        file.flush()
        os.fsync(file.fileno())
    return password


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


@contextmanager
def _exclusive(lock: int) -> Iterator[None]:
    deadline = time.monotonic() + LOCK_LIMIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Unavailable(
                    "another process has been starting or stopping the embedded Postgres for "
                    f"{LOCK_LIMIT_S:.0f} s: end it and try again"
                ) from None
            time.sleep(0.02)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _disk_trouble(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise Unavailable(
            f"the data directory {data_dir} cannot be used "
            f"({problem.strerror or problem}: {problem.filename or data_dir}): make it writable "
            "for this account, or set DIALER_DATA_DIR to another folder"
        ) from problem
