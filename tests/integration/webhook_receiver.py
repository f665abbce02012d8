"""A customer's system that is told of events: it checks signatures as the standard says, and
answers as a test wants."""

from __future__ import annotations

import asyncio
import hmac
import json
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

from aiohttp import web

from dialer.domain.events import CallEnded, Event, ListImported


@dataclass
class Receiver:
    """``heard``: bodies by ``webhook-id``, each as often as it came. ``status``: what it says.
    ``is_open``: it answers nobody while this is not set."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    heard: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    def types(self) -> list[str]:
        return sorted(body["type"] for bodies in self.heard.values() for body in bodies)

    async def asked(self) -> None:
        """Wait until somebody has sent something."""
        async with asyncio.timeout(20):
            await self._asked.wait()

    async def on_post(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self.requests.append(({k.lower(): v for k, v in request.headers.items()}, raw))
        self.heard[request.headers["webhook-id"]].append(json.loads(raw))
        self._asked.set()
        await self.is_open.wait()
        return web.Response(status=self.status, headers=self.headers, text="x" * 100_000)


def is_signed(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Verify as a receiver does, from the text of the standard."""
    key = b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = b64encode(hmac.new(key, signed, sha256).digest()).decode()
    return f"v1,{wanted}" in headers["webhook-signature"].split(" ")


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.is_open.set()
    app = web.Application()
    app.router.add_post("/hooks", receiver.on_post)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    try:
        await site.start()
        host, port = runner.addresses[0][:2]
        receiver.url = f"http://{host}:{port}/hooks"
        yield receiver
    finally:
        receiver.is_open.set()
        await runner.cleanup()


def event_of(kind: str, number: int) -> Event:
    """Something that happened; ``number`` tells it from others."""
    if kind == "list.imported":
        return ListImported(list_id=UUID(int=number), name="leads", counts={"rows": number})
    assert kind == "call.ended", kind
    return CallEnded(
        call_id=UUID(int=number),
        campaign_id=UUID(int=1),
        lead_id=UUID(int=number),
        external_id=None,
        is_test=False,
        outcome="busy",
        is_supposed=False,
        is_correction=False,
        disposition=None,
        hangup_code=3000,
        hangup_cause="Busy",
        placed_at=None,
        answered_at=None,
        ended_at=None,
        talk_s=None,
        cost_usd=None,
    )
