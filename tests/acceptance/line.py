"""The product as it runs, in this process: web, ticks and carrier adapter against a twin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import select

from dialer.app.runtime import Runtime, open_runtime
from dialer.app.serve import bind, serving, ticking
from dialer.app.witness import Comparison, compare
from dialer.dialing import lifecycle
from dialer.domain.campaign import CampaignState
from dialer.domain.definition_parse import parse_tables
from dialer.leads.load import import_leads
from dialer.providers.tls import tls_context
from dialer.settings import read_settings
from dialer.store import campaigns
from dialer.store.callers import upsert_callers, upsert_sender
from dialer.store.carrier import save_carrier
from dialer.store.engine import Tx
from dialer.store.tables import attempts, enrolments
from dialer.twin.config import TwinConfig
from dialer.twin.server import RunningTwin, start_twin
from dialer.web.context import Context
from dialer.web.live_streams import Talk

API_KEY = "the-key-of-these-tests"
CALLER_ID = "+911601200001"
BOUNDS = "placing=2,first_absence=2,absence=1,lookup=2"
DEFINITION: dict[str, Any] = {
    "campaign": {
        "name": "line",
        "kind": "notification",
        "category": "service",
        "entity": "other",
        "rule_packs": ["in"],
    },
    "dialing": {"caller_ids": [CALLER_ID], "ring_timeout_s": 20},
    "retry": {"max_attempts": 2, "delays": {"busy": ["PT1S"], "no_answer": ["PT1S"]}},
    "notification": {
        "message": "Hello {name}. Press 1 to confirm, 2 to move it, 9 to stop calls.",
        "keys": {"1": "confirmed", "2": "reschedule", "9": "opted_out"},
    },
}


def phone(number: int) -> str:
    return f"+9198765{number:05d}"


async def start_campaign(
    runtime: Runtime, tables: Mapping[str, Any], phones: Iterable[str], *, name: str
) -> UUID:
    """Start a campaign to these phones by a sender who may; return its id."""
    csv = "phone,name,consent_kind,consent_at\n" + "".join(
        f"{number},Asha,inferred,2026-01-05\n" for number in phones
    )

    async def work(tx: Tx) -> UUID:
        await upsert_sender(
            tx,
            peid="1",
            tmid="2",
            reference="A2P-1",
            declared_on=date(2026, 1, 1),
            objective="reminders",
        )
        await upsert_callers(tx, [(CALLER_ID, "1601")])
        leads = await import_leads(tx, name=f"leads of {name}", data=csv.encode())
        made = await lifecycle.create(
            tx,
            runtime.law,
            definition=parse_tables(tables, source="test"),
            list_id=leads.list_id,
            name=name,
        )
        await lifecycle.change_state(tx, made.id, CampaignState.RUNNING, actor="test")
        return made.id

    return await runtime.db.run(work)


@dataclass
class Line:
    """A running product. ``client`` speaks the REST API with all scopes."""

    runtime: Runtime
    twin: RunningTwin
    client: httpx.AsyncClient
    url: str

    async def launch(
        self, people: Mapping[str, object], *, name: str = "line", **changes: Any
    ) -> UUID:
        """Start a campaign to scripted people (phone → script or preset); return its id."""
        self.twin.set_callees(people)
        return await start_campaign(self.runtime, DEFINITION | changes, people, name=name)

    async def finished(self, campaign_id: UUID, limit_s: float = 60.0) -> None:
        """Wait until the campaign has finished by itself."""
        async with asyncio.timeout(limit_s):
            while True:
                async with self.runtime.db.begin() as tx:
                    state = (await campaigns.get(tx, campaign_id)).state
                if state is CampaignState.FINISHED:
                    return
                await asyncio.sleep(0.1)

    async def attempts(self, number: str | None = None, *, with_stale: bool = False) -> list[Any]:
        """Return the attempts, oldest first, of one phone or of all: without those for which a busy
        machine came too late, so that the carrier was never asked; their leads wait again."""
        a = attempts.c
        query = select(attempts).order_by(a.id)
        if not with_stale:
            query = query.where(a.refusal.is_distinct_from("stale"))
        if number is not None:
            query = query.where(a.phone == number)
        async with self.runtime.db.begin() as tx:
            return list(await tx.all(query))

    async def lead(self, number: str) -> Any:
        """Return the enrolment of a phone."""
        async with self.runtime.db.begin() as tx:
            query = select(enrolments).where(enrolments.c.phone == number)
            return await tx.one_or_none(query)

    async def compare(self) -> Comparison:
        return await compare(self.runtime.db, self.twin.url)

    def rings(self, number: str) -> int:
        return sum(1 for ring in self.twin.ledger.report()["rings"] if ring["to"] == number)


@asynccontextmanager
async def running_line(
    database_url: str,
    data_dir: Path,
    *,
    dials: bool = True,
    talk: Callable[[Context], Talk] | None = None,
    **twin: Any,
) -> AsyncIterator[Line]:
    """Yield the running product; product time starts on a Monday at 11:00 IST.

    talk: makes what serves streams in place of the product's own sessions.
    """
    settings_of_twin = {"port": 0, "time_scale": 0.05, "cps": 20.0, "cap": 100, **twin}
    fake = await start_twin(TwinConfig(**settings_of_twin))
    sock = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    settings = read_settings(
        {
            "DATABASE_URL": database_url,
            "DIALER_PUBLIC_URL": url,
            "DIALER_DATA_DIR": str(data_dir),
            "DIALER_API_KEY": API_KEY,
            "DIALER_CLOCK_START": "2026-11-23T11:00:00+05:30",
            "DIALER_RECOVERY": BOUNDS,
            "DIALER_MAX_LAG_MS": "1000",  # the twin and the test itself run on this loop too
            "PLIVO_AUTH_ID": fake.exchange.config.auth_id,
            "PLIVO_AUTH_TOKEN": fake.exchange.config.auth_token,
            "PLIVO_API_URL": fake.api_url,
            "DEEPGRAM_URL": fake.url,
            "OPENAI_BASE_URL": f"{fake.url}/v1",
            "CARTESIA_URL": fake.url,
            "ELEVENLABS_URL": fake.url,
        }
    )
    try:
        async with open_runtime(settings, migrate=False) as runtime:
            if talk is not None:
                context = replace(runtime.context, talk=talk(runtime.context))
                runtime = replace(runtime, context=context)
            await _set_limits(runtime, fake)
            async with serving(runtime, sock):
                headers = {"authorization": f"Bearer {API_KEY}"}
                async with httpx.AsyncClient(
                    base_url=url, headers=headers, timeout=60, verify=tls_context()
                ) as client:
                    line = Line(runtime, fake, client, url)
                    if dials:
                        async with ticking(runtime):
                            yield line
                        await fake.stop()  # ends the requests that it still holds
                        await runtime.context.loop.drain(10)
                    else:
                        yield line
    finally:
        sock.close()
        await fake.stop()


async def _set_limits(runtime: Runtime, fake: RunningTwin) -> None:
    """Tell both sides the same: the product the twin's limits, the twin the product's time."""
    config = fake.exchange.config
    await runtime.db.run(lambda tx: save_carrier(tx, cap=config.cap, cps=config.cps))
    async with httpx.AsyncClient(base_url=fake.url, verify=tls_context()) as admin:
        micros = round(runtime.offset.total_seconds() * 1_000_000)
        (await admin.post("/twin/clock", json={"offset_us": micros})).raise_for_status()
