"""The running server, as Postgres itself notes it in `postmaster.pid`.

No note of ours says what runs: a crash could leave that wrong, and this file as well, so a pid
is believed only while the process behind it works in our folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from dialer.errors import Unavailable

FAST_STOP_LIMIT_S = 20.0
IMMEDIATE_STOP_LIMIT_S = 10.0  # the postmaster kills stuck children itself after 5 s
POLL_S = 0.01
SOCKET_PREFIX = "dialer-pg-"


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What `postmaster.pid` says; port and socket folder are empty while the server starts."""

    pid: int
    port: int
    socket_dir: str
    status: str  # starting, ready, stopping


def parse_pid_file(text: str) -> Postmaster | None:
    """Lines: pid, data folder, start, port, socket folder, address, shared memory, status."""
    lines = [line.strip() for line in text.splitlines()] + [""] * 8
    if not lines[0].isdigit():
        return None
    port = int(lines[3]) if lines[3].isdigit() else 0
    return Postmaster(int(lines[0]), port, lines[4], lines[7])


def read_pid_file(cluster: Path) -> Postmaster | None:
    try:
        return parse_pid_file((cluster / "postmaster.pid").read_text())
    except FileNotFoundError:
        return None


def is_running(pid: int, cluster: Path) -> bool:
    """Whether ``pid`` is a live postmaster of ``cluster``, not a zombie or a reused number.

    A postmaster's working directory is its cluster, whatever it was called with.
    """
    if sys.platform == "linux":
        try:
            return os.readlink(f"/proc/{pid}/cwd") == str(cluster)
        except OSError:  # gone, a zombie, or somebody else's
            return False
    shown = subprocess.run(
        ["ps", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return str(cluster) in shown and not shown.lstrip().startswith("Z")


def running(cluster: Path) -> Postmaster | None:
    postmaster = read_pid_file(cluster)
    return postmaster if postmaster and is_running(postmaster.pid, cluster) else None


def stop(cluster: Path, child: subprocess.Popen[bytes] | None = None) -> None:
    """End the server of ``cluster`` if one runs; it is gone with all its children on return.

    child: the server if this process started it, to find it also without its pid file: it has
        not written it yet, or its folder was deleted.
    """
    postmaster = running(cluster)
    for number, limit_s in (
        (signal.SIGINT, FAST_STOP_LIMIT_S),
        (signal.SIGQUIT, IMMEDIATE_STOP_LIMIT_S),
    ):
        if postmaster is not None and is_running(postmaster.pid, cluster):
            os.kill(postmaster.pid, number)
        if child is not None:
            child.send_signal(number)  # does nothing once it has ended
        deadline = time.monotonic() + limit_s
        while _lives(postmaster, child, cluster) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if not _lives(postmaster, child, cluster):
            return
    raise Unavailable(f"the embedded Postgres in {cluster} does not stop: end its processes")


def _lives(
    postmaster: Postmaster | None, child: subprocess.Popen[bytes] | None, cluster: Path
) -> bool:
    if child is not None and child.poll() is None:
        return True
    return postmaster is not None and is_running(postmaster.pid, cluster)


def remove_socket_dir(socket_dir: str) -> None:
    """Remove a stopped server's socket folder if it is one of our temporary ones."""
    folder = Path(socket_dir)
    if folder.parent == Path("/tmp") and folder.name.startswith(SOCKET_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
