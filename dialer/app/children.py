"""Several web processes on one port: a parent that holds the socket and watches its children."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys

from dialer.app.serve import DRAIN_LIMIT_S, Stop

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.25
_RESTART_AFTER_S = 1.0
_END_LIMIT_S = DRAIN_LIMIT_S + 15.0


async def serve_by_children(count: int, sock: socket.socket, stop: Stop) -> int:
    """Run ``count`` web processes until a signal; one that dies is started again."""
    children = [_start(sock) for _ in range(count)]
    try:
        while not stop.asked.is_set():
            await asyncio.sleep(_LOOK_EVERY_S)
            for index, child in enumerate(children):
                if child.poll() is not None and not stop.asked.is_set():
                    log.error("web_process_died", extra={"code": child.returncode})
                    await asyncio.sleep(_RESTART_AFTER_S)
                    children[index] = _start(sock)
    finally:
        await _end(children, stop)
    return 0


def _start(sock: socket.socket) -> subprocess.Popen[bytes]:
    number = sock.fileno()
    return subprocess.Popen(
        [sys.executable, "-m", "dialer", "web", "--socket", str(number)],
        pass_fds=[number],
        start_new_session=True,  # Ctrl-C reaches the parent alone; it tells them
    )


async def _end(children: list[subprocess.Popen[bytes]], stop: Stop) -> None:
    for child in children:
        child.send_signal(signal.SIGTERM)
    waited_s, told_at_once = 0.0, False
    while any(child.poll() is None for child in children) and waited_s < _END_LIMIT_S:
        await asyncio.sleep(_LOOK_EVERY_S)
        waited_s += _LOOK_EVERY_S
        if stop.at_once.is_set() and not told_at_once:
            told_at_once = True
            for child in children:
                child.send_signal(signal.SIGTERM)
    for child in children:
        if child.poll() is None:
            child.kill()
        child.wait()


async def stop_with_parent(stop: Stop) -> None:
    """In a child: stop when the parent is gone, however it went."""
    parent = os.getppid()
    while not stop.asked.is_set():
        await asyncio.sleep(_LOOK_EVERY_S * 4)
        if os.getppid() != parent:
            stop.signal()
