"""The product in this process against a twin in a process of its own, as `dialer up` has it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from dialer.app.runtime import Runtime, open_runtime
from dialer.app.serve import bind, serving, short_collections, ticking
from dialer.app.twin_place import AUTH_ID, AUTH_TOKEN
from dialer.settings import read_settings
from dialer.store.carrier import save_carrier
from tests.acceptance.line import BOUNDS, start_campaign

CPS = 3.0  # more is more than the twin's one voice has time for; 40 lines in India get 1.6
_LEGS = 20  # of colleagues, who count at the carrier like callees
_START_LIMIT_S = 120.0
_STOP_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Floor:
    """``admin`` speaks the twin's own routes; ``product_url`` is where the product listens."""

    runtime: Runtime
    admin: httpx.AsyncClient
    product_url: str
    twin_pid: int

    async def set_callees(self, people: Mapping[str, object]) -> None:
        (await self.admin.post("/twin/callees", json=people)).raise_for_status()

    async def launch(self, definition: dict[str, Any], phones: list[str]) -> UUID:
        """Start a campaign to these phones; return its id."""
        name = definition["campaign"]["name"]
        return await start_campaign(self.runtime, definition, phones, name=name)

    async def talk(self, call_uuid: str) -> dict[str, Any]:
        """The twin's witness of one call."""
        reply = await self.admin.get(f"/twin/talks/{call_uuid}")
        reply.raise_for_status()
        found: dict[str, Any] = reply.json()
        return found


@asynccontextmanager
async def running_floor(
    database_url: str,
    data_dir: Path,
    *,
    at_once: int,
    cps: float = CPS,
    options: tuple[str, ...] = (),
) -> AsyncIterator[Floor]:
    """Yield the running product; product time starts on Monday, 23 November 2026, 11:00 IST.

    at_once: calls up at a time. options: of the twin's command line.
    """
    async with twin_child(at_once, cps, data_dir, options) as (twin_url, pid):
        sock = bind("127.0.0.1", 0)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        settings = read_settings(
            {
                "DATABASE_URL": database_url,
                "DIALER_PUBLIC_URL": url,
                "DIALER_DATA_DIR": str(data_dir),
                "DIALER_API_KEY": "the-key-of-these-tests",
                "DIALER_CLOCK_START": "2026-11-23T11:00:00+05:30",
                "DIALER_RECOVERY": BOUNDS,
                "DIALER_MAX_LAG_MS": "1000",  # every call is wanted, however busy the machine
                "PLIVO_AUTH_ID": AUTH_ID,
                "PLIVO_AUTH_TOKEN": AUTH_TOKEN,
                "PLIVO_API_URL": f"{twin_url}/v1",
                "DEEPGRAM_URL": twin_url,
                "OPENAI_BASE_URL": f"{twin_url}/v1",
                "CARTESIA_URL": twin_url,
                "ELEVENLABS_URL": twin_url,
            }
        )
        async with (
            open_runtime(settings, migrate=False) as runtime,
            httpx.AsyncClient(base_url=twin_url, timeout=30) as admin,
        ):
            await runtime.db.run(lambda tx: save_carrier(tx, cap=at_once, cps=cps))
            micros = round(runtime.offset.total_seconds() * 1_000_000)
            (await admin.post("/twin/clock", json={"offset_us": micros})).raise_for_status()
            async with serving(runtime, sock), ticking(runtime):
                with short_collections():
                    yield Floor(runtime, admin, url, pid)


@asynccontextmanager
async def twin_child(
    at_once: int, cps: float, data_dir: Path, options: tuple[str, ...]
) -> AsyncIterator[tuple[str, int]]:
    """Yield the URL and the pid of a twin with its default vendor delays."""
    data_dir.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - at once
    with (data_dir / "twin.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dialer.twin", "--bind", "127.0.0.1:0", "--json", "--owned"),
            *("--auth-id", AUTH_ID, "--auth-token", AUTH_TOKEN, "--time-scale", "0.1"),
            *("--cap", str(at_once + _LEGS), "--cps", str(cps), *options),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _START_LIMIT_S)
        url = str(json.loads(line)["url"])
        async with (
            httpx.AsyncClient(base_url=url, timeout=30) as owner,
            owner.stream("GET", "/twin/owner"),  # a test that is killed leaves no twin behind
        ):
            yield url, process.pid
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_LIMIT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
