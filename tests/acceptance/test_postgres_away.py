"""Postgres goes away under a running campaign of several processes, and comes back.

Two web processes and a worker, as on a server. POSTGRES_AWAY_S says for how long (default 5 s).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from dialer.app.twin_place import AUTH_ID, AUTH_TOKEN
from dialer.app.witness import compare
from dialer.store import migrate
from dialer.store.carrier import save_carrier
from dialer.store.connect import create_engine
from dialer.store.embedded import EmbeddedPostgres, acquire
from dialer.store.embedded_postmaster import stop
from dialer.store.engine import Database
from tests.acceptance.far_end import twin_child
from tests.acceptance.line import CALLER_ID, DEFINITION, phone
from tests.acceptance.test_processes import environment, free_port

AWAY_S = float(os.environ.get("POSTGRES_AWAY_S", "5"))
POST_WITHIN_S = 2.0  # design §6.2: what is older than this is not dialed
API_KEY = "the-key-of-these-tests"
LEADS, CPS = 40, 4.0
AGAIN = ("completed", "failed", "no_answer")
RETRY = {"max_attempts": 9, "delays": {outcome: ["PT1S"] for outcome in AGAIN}}


async def test_a_campaign_goes_on_by_itself_when_postgres_is_back(tmp_path: Path) -> None:
    server = await asyncio.to_thread(acquire, tmp_path / "pg", durable=False)
    async with AsyncExitStack() as stack:
        stack.callback(server.release)
        db = Database(create_engine(server.cluster.dsn))
        stack.push_async_callback(db.dispose)
        await migrate.upgrade(db.engine)
        await db.run(lambda tx: save_carrier(tx, cap=20, cps=CPS))
        twin_url, _ = await stack.enter_async_context(twin_child(20, CPS, tmp_path, ()))
        twin = await stack.enter_async_context(httpx.AsyncClient(base_url=twin_url, timeout=30))
        env = fleet_environment(tmp_path, server.cluster.dsn, twin_url)
        for name, words in (("web", ["web", "--processes", "2"]), ("worker", ["worker", "--json"])):
            await stack.enter_async_context(process(words, env, tmp_path / f"{name}.log"))
        stats = await away_in_a_campaign(db, server, env, twin)
        both = await compare(db, twin_url)
    assert both.disagreements == 0, both
    assert (stats["done"], stats["leads"]) == ({"confirmed": LEADS}, LEADS)
    for name, processes in (("web", 2), ("worker", 1)):
        log = (tmp_path / f"{name}.log").read_text()
        assert "Traceback" not in log and "exc_info" not in log, log
        told = [log.count(word) for word in ("database_away", "database_back")]
        assert told[0] == told[1] <= processes, "one line when it goes, one when it is back"
    assert "database_back" in (tmp_path / "worker.log").read_text()


async def away_in_a_campaign(
    db: Database, server: EmbeddedPostgres, env: Mapping[str, str], twin: httpx.AsyncClient
) -> Any:
    """Start a campaign, take Postgres away in the middle, bring it back; return its last stats."""
    headers = {"authorization": f"Bearer {API_KEY}"}
    url = f"{env['DIALER_PUBLIC_URL']}/api/v1"
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        await until(lambda: is_ready(client))
        campaign = await launch(client, twin)
        await until(lambda: has_rung(twin, LEADS // 4))
        await asyncio.to_thread(stop, server.cluster.data_dir / "postgres")
        await asyncio.sleep(POST_WITHIN_S + 0.5)
        before = await asked(twin)
        await asyncio.sleep(max(0.0, AWAY_S - POST_WITHIN_S))
        assert await asked(twin) == before, "nothing is dialed on facts that nobody can check"
        assert (await client.get(f"/campaigns/{campaign}/stats")).status_code == 503
        await asyncio.to_thread(server.ensure_running)
        path = f"/campaigns/{campaign}/stats"
        return await until(lambda: stats_if_finished(client, path))


async def launch(client: httpx.AsyncClient, twin: httpx.AsyncClient) -> str:
    quick = {"ring_s": 5, "answer_after_s": 5, "reactions": [{"keys": "1", "after_s": 20}]}
    people = {phone(number): quick for number in range(LEADS)}
    (await twin.post("/twin/callees", json=people)).raise_for_status()
    sender = {
        "a2p": {"reference": "A2P-1", "declared_on": "2026-01-01", "objective": "reminders"},
        "caller_ids": [{"number": CALLER_ID, "series": "1601"}],
    }
    (await client.put("/sender", json=sender)).raise_for_status()
    rows = "".join(f"{number},Asha,inferred,2026-01-05\n" for number in people)
    csv = f"phone,name,consent_kind,consent_at\n{rows}".encode()
    leads = await client.post("/lists", files={"file": ("a.csv", csv)}, data={"name": "a"})
    body = {"name": "c", "list_id": leads.json()["id"], "definition": DEFINITION | {"retry": RETRY}}
    made = await client.post("/campaigns", json=body)
    made.raise_for_status()
    campaign = str(made.json()["id"])
    moved = await client.put(f"/campaigns/{campaign}/state", json={"state": "running"})
    assert moved.json()["state"] == "running", moved.text
    return campaign


async def until(look: Any, limit_s: float = 240.0) -> Any:
    async with asyncio.timeout(limit_s):
        while not (found := await look()):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)
    return found


async def is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get(client.base_url.join("/health/live"))).status_code == 200
    except httpx.TransportError:
        return False


async def has_rung(twin: httpx.AsyncClient, count: int) -> bool:
    return len((await twin.get("/twin/ledger")).json()["rings"]) >= count


async def asked(twin: httpx.AsyncClient) -> int:
    return len((await twin.get("/twin/ledger")).json()["rings"])


async def stats_if_finished(client: httpx.AsyncClient, path: str) -> Any:
    reply = await client.get(path)
    stats = reply.json()
    return stats if reply.status_code == 200 and stats["state"] == "finished" else None


def fleet_environment(data_dir: Path, dsn: str, twin_url: str) -> dict[str, str]:
    port = free_port()
    return environment(
        data_dir / "data",
        port,
        DATABASE_URL=dsn,
        DIALER_PUBLIC_URL=f"http://127.0.0.1:{port}",
        DIALER_API_KEY=API_KEY,
        PLIVO_AUTH_ID=AUTH_ID,
        PLIVO_AUTH_TOKEN=AUTH_TOKEN,
        PLIVO_API_URL=f"{twin_url}/v1",
        DEEPGRAM_URL=twin_url,
        OPENAI_BASE_URL=f"{twin_url}/v1",
        CARTESIA_URL=twin_url,
        ELEVENLABS_URL=twin_url,
    )


@asynccontextmanager
async def process(
    words: list[str], env: Mapping[str, str], log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one `dialer …` until the body is over; it ends in good order."""
    with log.open("ab") as file:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dialer", *words), env=dict(env), stdout=file, stderr=file
        )
    try:
        yield child
        child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(child.wait(), 120) == 0
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
