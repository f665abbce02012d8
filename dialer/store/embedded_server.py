"""Make the cluster of the embedded Postgres, and start its server or join the one that runs.

The caller holds the gate lock of `dialer.store.embedded` throughout.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from dialer.errors import Unavailable
from dialer.store.embedded_account import Account, child_environment
from dialer.store.embedded_binaries import Installation
from dialer.store.embedded_postmaster import (
    POLL_S,
    SOCKET_PREFIX,
    Postmaster,
    is_running,
    read_pid_file,
    remove_socket_dir,
    stop,
)

RETRY_S = 0.2
START_LIMIT_S = 60.0  # crash recovery replays the log before the server says it is ready
SOCKET_DIR_LIMIT_BYTES = 86  # macOS allows 103 with "/.s.PGSQL.65535", Linux 107
LOG_LIMIT_BYTES = 10_000_000
HERE = "/proc/self/cwd"
# Said by a server that lost a race it can win on the next try: for a port, or against the
# last children of a killed postmaster.
WORTH_ANOTHER_TRY = re.compile(r"could not create any TCP/IP sockets|is still in use")
ACCESS = """\
# Written by dialer. The superuser cannot log in; its password does not exist.
local all dialer scram-sha-256
host all dialer 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True, slots=True)
class Server:
    installation: Installation
    account: Account
    cluster: Path  # the folder Postgres calls its data directory
    log: Path
    durable: bool


def create_cluster(server: Server, password: str) -> None:
    """Make the cluster beside its place and move it in whole, so a crash leaves none or all."""
    parent = server.cluster.parent
    for left_by_a_crash in parent.glob("postgres.new-*"):
        shutil.rmtree(left_by_a_crash)
    staging = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=parent))
    os.chown(staging, server.account.uid, server.account.gid)
    address = _address(server, staging)
    _run(
        server,
        ["initdb", "-D", address, "-U", "postgres", "--encoding=UTF8", "--locale=C"]
        + ["--auth=reject", "--data-checksums", "--no-instructions"]
        + ([] if server.durable else ["--no-sync"]),
        cwd=staging,
    )
    # Written in place, so that the file stays the account's.
    (staging / "pg_hba.conf").write_text(ACCESS)
    single_user(server, staging, f"CREATE ROLE dialer LOGIN CREATEDB PASSWORD '{password}'")
    single_user(server, staging, "CREATE DATABASE dialer OWNER dialer")
    staging.rename(server.cluster)
    _sync_folder(parent)


def single_user(server: Server, cluster: Path, statement: str) -> None:
    """Run one statement without a server: no port, no password, nobody else can be there."""
    argv = ["postgres", "--single", "-D", _address(server, cluster)]
    fsync = [] if server.durable else ["-F"]
    _run(server, [*argv, *fsync, "postgres"], cwd=cluster, stdin=statement + "\n")


def start_or_join(
    server: Server, last_port: int = 0
) -> tuple[Postmaster, subprocess.Popen[bytes] | None]:
    """Return the ready server of the cluster, and the child if this call started it.

    last_port: where a new one listens unless that is taken; of a killed one its note says it.

    One loop meets every case: nothing runs, a live server whose owner died, one that still
    starts, recovers or stops, a stale pid file, a port that was taken in between.
    """
    deadline = time.monotonic() + START_LIMIT_S
    child: subprocess.Popen[bytes] | None = None
    log_start, socket_dir = 0, ""
    try:
        while time.monotonic() < deadline:
            noted = read_pid_file(server.cluster)
            if noted and is_running(noted.pid, server.cluster):
                if noted.status == "ready":
                    return noted, child if child and child.pid == noted.pid else None
            elif child is None or child.poll() is not None:
                if child is not None:
                    _raise_unless_worth_another_try(server, log_start)
                    time.sleep(RETRY_S)
                if noted:  # our own failed try removes the file, so its port is kept here
                    last_port = noted.port
                    _clear(server.cluster, noted)
                log_start = _rotate(server.log)
                socket_dir = socket_dir or _socket_dir(server)
                child = _spawn(server, last_port, socket_dir)
            time.sleep(POLL_S)
    except BaseException:  # Ctrl-C as well: in its own session the child would live on
        if child is not None:
            stop(server.cluster, child)
        remove_socket_dir(socket_dir)
        raise
    raise Unavailable(  # and it goes on: stopped now, a long recovery would never end
        f"the embedded Postgres was not ready after {START_LIMIT_S:.0f} s, it may be recovering "
        f"from a crash: try again in a minute (see {server.log}; or set DATABASE_URL)"
    )


def _spawn(server: Server, last_port: int, socket_dir: str) -> subprocess.Popen[bytes]:
    """Start the postmaster in a session of its own, so that Ctrl-C reaches us and not it."""
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(_free_port(last_port)),
        "unix_socket_directories": socket_dir,
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # LOG ranks above ERROR here: failed statements, which may hold a phone, stay out.
        "log_min_messages": "log",
        "log_error_verbosity": "terse",
    }
    if not server.durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    program = server.installation.bin_dir / "postgres"
    dropped = not server.account.is_ours
    with server.log.open("ab") as log:
        child = subprocess.Popen(
            [program, "-D", _address(server, server.cluster), *flags],
            cwd=server.cluster,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=server.account.uid if dropped else None,
            group=server.account.gid if dropped else None,
            extra_groups=[] if dropped else None,
        )
    # Another process may be the one to stop it; its exit status is ours to collect.
    threading.Thread(target=child.wait, name="embedded-postgres", daemon=True).start()
    return child


def _address(server: Server, cluster: Path) -> str:
    """How the server names its own folder.

    Root's account often cannot walk to it (a 0700 home above), though it owns the folder. We do
    not open other people's folders, and data does not belong elsewhere: root enters the folder
    before stepping down and the server calls it its working directory. Before version 16 the
    programs look up their working directory by path, which cannot work.
    """
    if server.account.reaches(cluster):
        return str(cluster)
    if sys.platform == "linux" and server.installation.major >= 16:
        return HERE
    blocked = next(
        folder for folder in reversed(cluster.parents) if not server.account.reaches(folder)
    )
    raise Unavailable(
        f"account {server.account.name!r}, which Postgres runs as for root, cannot enter "
        f"{blocked}: run `chmod o+x {blocked}`, set DIALER_DATA_DIR to a folder it can enter, "
        "or set DATABASE_URL"
    )


def _run(server: Server, argv: list[str], *, cwd: Path, stdin: str = "") -> None:
    program = server.installation.bin_dir / argv[0]
    done = server.account.run([program, *argv[1:]], cwd=cwd, stdin=stdin)
    trouble = [line for line in done.stderr.splitlines() if re.search(r"error|ERROR|FATAL", line)]
    if done.returncode != 0 or trouble:  # single-user mode reports an error and exits with 0
        last = trouble[0] if trouble else f"exit status {done.returncode}"
        raise Unavailable(f"making the embedded Postgres in {cwd.parent} failed: {last.strip()}")


def _raise_unless_worth_another_try(server: Server, log_start: int) -> None:
    with server.log.open("rb") as log:
        log.seek(log_start)
        said = log.read().decode(errors="replace")
    if not WORTH_ANOTHER_TRY.search(said):
        fatal = re.search(r"(?:FATAL|PANIC): +(.+)", said)
        raise Unavailable(
            f"the embedded Postgres did not start: {fatal[1] if fatal else 'it ended at once'} "
            f"(see {server.log}; or set DATABASE_URL)"
        )


def _clear(cluster: Path, stale: Postmaster) -> None:
    """Remove what a killed server left, so far as Postgres would not do it itself.

    It takes a dead pid for stale, but a pid reused by another process for a running server.
    """
    remove_socket_dir(stale.socket_dir)
    try:
        os.kill(stale.pid, 0)
    except ProcessLookupError:
        return  # the file also names the shared memory: Postgres checks that nobody is left in it
    except PermissionError:
        pass  # alive, and somebody else's
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _socket_dir(server: Server) -> str:
    """Beside the cluster when that is short and plain enough, else a private temporary folder."""
    beside = server.cluster.parent / "postgres.run"
    fits = len(os.fsencode(beside)) <= SOCKET_DIR_LIMIT_BYTES
    if fits and re.fullmatch(r"[\w./+-]+", str(beside)) and server.account.reaches(beside.parent):
        beside.mkdir(mode=0o700, exist_ok=True)
    else:
        beside = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir="/tmp"))
    os.chown(beside, server.account.uid, server.account.gid)
    return str(beside)


def _free_port(wanted: int) -> int:
    """The port of the killed predecessor if it is free, so that its clients find us again."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Unavailable("no free TCP port on 127.0.0.1 for the embedded Postgres")


def _rotate(log: Path) -> int:
    """Return the log's size in bytes, after moving a full one aside."""
    log.touch(mode=0o600)
    if log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))
        log.touch(mode=0o600)
    return log.stat().st_size


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
