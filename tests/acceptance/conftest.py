"""The whole service in this process, on a real Postgres, spoken to through its API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import update

from dialer.dialing.law import Law
from dialer.dialing.loop import DialingLoop
from dialer.dialing.place import CallbackUrls, Placing
from dialer.keys import Keys
from dialer.providers.plivo import PlivoCarrier
from dialer.store.connect import create_engine
from dialer.store.engine import Database
from dialer.store.tables import accounts
from dialer.twin.config import TwinConfig
from dialer.twin.server import RunningTwin, start_twin
from dialer.web.context import Context
from dialer.web.server import build_web

API_KEY = "an-operators-key-for-tests"
TWIN = TwinConfig(port=0, time_scale=0.02, cps=1000, cap=1000)
ASHA, RAVI = "+919876543210", "+919123456789"
LEADS = f"""phone,name,external_id,clinic,consent_kind,consent_at
{ASHA},Asha,A1,Eye Centre,inferred,2026-01-05
{RAVI},Ravi,A2,Green Leaf,inferred,2026-01-06
"""
SENDER = {
    "a2p": {"reference": "OAP-1", "declared_on": "2025-10-01"},
    "caller_ids": [{"number": "+911601200001", "series": "1601"}],
}


def definition() -> dict[str, Any]:
    """A lawful campaign's tables, to be changed by a test."""
    return {
        "campaign": {
            "name": "Reminder",
            "kind": "notification",
            "category": "service",
            "entity": "other",
            "rule_packs": ["in"],
        },
        "dialing": {"caller_ids": ["+911601200001"]},
        "notification": {
            "message": "Hello {first_name}, {clinic} calls.",
            "keys": {"9": "opted_out"},
        },
    }


@dataclass
class Service:
    """``client`` sends the operator's key; what it posts comes back as the product answers."""

    client: httpx.AsyncClient
    db: Database
    context: Context
    twin: RunningTwin
    app: Litestar

    async def upload(self, csv: str, name: str = "diwali", **form: str) -> dict[str, Any]:
        """Import a list and return it."""
        reply = await self.client.post(
            "/lists", data={"name": name, **form}, files={"file": ("leads.csv", csv.encode())}
        )
        assert reply.status_code == 201, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def campaign(self, name: str = "reminder", csv: str = LEADS) -> dict[str, Any]:
        """Create a draft for a list of its own and return it."""
        made = await self.upload(csv, name=f"list of {name}")
        body = {"name": name, "list_id": made["id"], "definition": definition()}
        reply = await self.client.post("/campaigns", json=body)
        assert reply.status_code == 201, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def lawful_campaign(self, hour: int = 12) -> dict[str, Any]:
        """Create a draft whose sender is declared, with the product clock at that hour in India."""
        async with self.db.begin() as tx:
            local = tx.now + timedelta(hours=5, minutes=30)
            target = local.replace(year=2027, month=6, day=1, hour=hour, minute=0)
            offset_us = int((target - local) / timedelta(microseconds=1))
            later = accounts.c.clock_offset_us + offset_us
            await tx.execute(update(accounts).values(clock_offset_us=later))
        reply = await self.client.put("/sender", json=SENDER)
        assert reply.status_code == 200, reply.text
        return await self.campaign()

    async def get(self, path: str, **query: Any) -> Any:
        """GET what must be there."""
        reply = await self.client.get(path, params=query)
        assert reply.status_code == 200, reply.text
        return reply.json()


@cache
def _app() -> Litestar:
    """The application, built once: all that one of ours is told apart by is its context."""
    return build_web(cast(Context, None))


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    async with AsyncExitStack() as stack:
        db = Database(create_engine(database_url))
        stack.push_async_callback(db.dispose)
        twin = await start_twin(TWIN)
        stack.push_async_callback(twin.stop)
        carrier = await stack.enter_async_context(
            PlivoCarrier(TWIN.auth_id, TWIN.auth_token, twin.api_url)
        )
        keys = Keys.derive("a secret for tests")
        law = Law(keys=keys, engine_version="test", host="test")
        urls = CallbackUrls("http://127.0.0.1:9", keys)  # nobody listens: callbacks are lost
        loop = DialingLoop(Placing(db, carrier, urls, "test"), law)
        context = Context(
            db=db,
            keys=keys,
            law=law,
            carrier=carrier,
            carrier_token=TWIN.auth_token,
            urls=urls,
            loop=loop,
            api_key=API_KEY,
            data_dir=tmp_path,
        )
        stack.push_async_callback(context.background.drain, 10.0)
        stack.push_async_callback(loop.drain, 10.0)
        app = _app()
        app.state.context = context
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://dialer/api/v1",
                headers={"Authorization": f"Bearer {API_KEY}"},
            )
        )
        yield Service(client, db, context, twin, app)
