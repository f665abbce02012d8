"""The twin as a child in its own session: started, adopted after a crash, stopped (design §1).

The product knows the twin only as a process that prints a line and answers on loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from dialer.app.twin_place import AUTH_ID, AUTH_TOKEN, noted_url
from dialer.errors import Unavailable

_START_LIMIT_S = 15.0
_STOP_LIMIT_S = 5.0


@dataclass(slots=True)
class Twin:
    """A twin we own: while ``_owner`` is open it stays, and 60 s longer."""

    url: str
    pid: int
    note: Path
    _process: subprocess.Popen[bytes] | None
    _session: aiohttp.ClientSession
    _owner: aiohttp.ClientResponse

    async def stop(self) -> None:
        """Let go; stop the twin unless another process owns it too."""
        owners = 1
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            owners = (await _health(self._session, self.url))["owners"]
        self._owner.close()
        await self._session.close()
        if owners <= 1:
            self.note.unlink(missing_ok=True)
            await _end(self.pid, self._process)


async def own_twin(data_dir: Path, offset: timedelta, *, cap: int, cps: float) -> Twin:
    """Adopt the live twin of this data folder, or start one."""
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=2))
    try:
        note = data_dir / "twin.json"
        url = noted_url(data_dir)
        process = None
        health = None if url is None else await _try_health(session, url)
        if url is None or health is None:
            url, process = await _start(data_dir, offset, cap=cap, cps=cps)
            pid = process.pid
            note.write_text(json.dumps({"pid": pid, "url": url}) + "\n")
        else:
            pid = int(health["pid"])
        owner = await session.get(f"{url}/twin/owner")
        await _set_offset(session, url, offset)
        return Twin(url, pid, note, process, session, owner)
    except BaseException:
        await session.close()
        raise


async def _start(
    data_dir: Path, offset: timedelta, *, cap: int, cps: float
) -> tuple[str, subprocess.Popen[bytes]]:
    command = [
        *(sys.executable, "-m", "dialer.twin", "--bind", "127.0.0.1:0", "--owned", "--json"),
        *("--auth-id", AUTH_ID, "--auth-token", AUTH_TOKEN),
        *("--cap", str(cap), "--cps", str(cps)),
        *("--ledger", str(data_dir / "twin-ledger.jsonl")),
        f"--clock-offset-us={offset // timedelta(microseconds=1)}",
    ]
    with (data_dir / "twin.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - forks at once; asyncio's would reap it
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), _START_LIMIT_S)
        return str(json.loads(line)["url"]), process
    except (TimeoutError, ValueError, KeyError):
        process.kill()
        process.wait()
        raise Unavailable(
            f"the twin did not start; its own words are in {data_dir / 'twin.log'}"
        ) from None
    finally:
        process.stdout.close()


async def _health(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    timeout = aiohttp.ClientTimeout(total=2)
    async with session.get(f"{url}/twin/health", timeout=timeout) as reply:
        reply.raise_for_status()
        health: dict[str, Any] = await reply.json()
        return health


async def _try_health(session: aiohttp.ClientSession, url: str) -> dict[str, Any] | None:
    try:
        health = await _health(session, url)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
    # Some other server may have taken the port since.
    return health if health.get("auth_id") == AUTH_ID and "pid" in health else None


async def _set_offset(session: aiohttp.ClientSession, url: str, offset: timedelta) -> None:
    body = {"offset_us": offset // timedelta(microseconds=1)}
    async with session.post(f"{url}/twin/clock", json=body) as reply:
        reply.raise_for_status()


async def _end(pid: int, process: subprocess.Popen[bytes] | None) -> None:
    """Ask the twin to stop, wait, then insist. It is our child, or one we adopted."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(int(_STOP_LIMIT_S / 0.05)):
            await asyncio.sleep(0.05)
            if _is_gone(pid) if process is None else process.poll() is not None:
                return
        os.kill(pid, signal.SIGKILL)
        if process is not None:
            process.wait()


def _is_gone(pid: int) -> bool:
    """True once an adopted twin runs no more, whether or not anyone has reaped it."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except ProcessLookupError:
        return True
    except OSError:
        return False
