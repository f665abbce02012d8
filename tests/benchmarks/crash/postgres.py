"""The harness's own Postgres: started, killed in several ways, started again on its port."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

from dialer.store import embedded
from dialer.store.embedded_postmaster import read_pid_file, running

_GONE_WITHIN_S = 20.0


class OwnPostgres:
    """Durable: a commit that was acknowledged is there after any kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = embedded.acquire(folder)
        self._restarting: asyncio.Future[str] | None = None
        self.downs = 0  # how often it was away
        self.is_away = False

    @property
    def dsn(self) -> str:
        return self._held.cluster.dsn

    async def restart(self, dice: random.Random) -> str:
        """Take it away in one of four ways and bring it back; return which. Cancelled, it is
        brought back all the same."""
        self._restarting = asyncio.ensure_future(self._restart(dice))
        return await asyncio.shield(self._restarting)

    async def make_sure(self) -> None:
        """It runs, whatever was going on."""
        if self._restarting is not None:
            await self._restarting
        await asyncio.to_thread(self._held.ensure_running)

    async def _restart(self, dice: random.Random) -> str:
        how = dice.choice(("fast", "immediate", "killed", "backend killed"))
        self.downs += 1
        if how == "backend killed":  # the postmaster ends all others and recovers by itself
            self._kill_backend(dice)
            return how
        self.is_away = True
        try:
            await asyncio.to_thread(self._stop, how)
            await asyncio.sleep(dice.uniform(0.0, 4.0))
            await asyncio.to_thread(self._held.ensure_running)
        finally:
            self.is_away = False
        return how

    def release(self) -> None:
        self._held.release()

    def _stop(self, how: str) -> None:
        numbers = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "killed": signal.SIGKILL}
        cluster = self._folder.resolve() / "postgres"
        noted = running(cluster)
        if noted is None:
            return
        os.kill(noted.pid, numbers[how])
        for _ in range(int(_GONE_WITHIN_S / 0.05)):
            if running(cluster) is None:
                return
            time.sleep(0.05)
        raise TimeoutError(f"Postgres does not go ({how})")

    def _kill_backend(self, dice: random.Random) -> None:
        noted = read_pid_file(self._folder.resolve() / "postgres")
        backends = [] if noted is None else _client_backends(noted.pid)
        if backends:
            with suppress(ProcessLookupError):
                os.kill(dice.choice(backends), signal.SIGKILL)


def _client_backends(postmaster: int) -> list[int]:
    """The postmaster's children that serve a client."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError, IndexError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            title = (folder / "cmdline").read_bytes().split(b"\0")[0]
            if parent == postmaster and b"127.0.0.1" in title:
                found.append(int(folder.name))
    return found
