"""The customer's system that is told of everything, and does not always answer."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from aiohttp import web

_NOT_TAKEN = {503: 0.02, 500: 0.01}  # status → share of what is heard for the first time
_CUT_OFF = 0.02  # taken in, and the connection closed without an answer


@dataclass
class Crm:
    """``taken``: events by ``webhook-id``, how often each was taken in."""

    url: str
    dice: random.Random
    taken: Counter[UUID] = field(default_factory=Counter)
    refused: Counter[UUID] = field(default_factory=Counter)

    async def on_post(self, request: web.Request) -> web.Response:
        await request.read()
        event_id = UUID(request.headers["webhook-id"])
        if event_id not in self.taken and event_id not in self.refused:
            for status, share in _NOT_TAKEN.items():
                if self.dice.random() < share:
                    self.refused[event_id] += 1
                    return web.Response(status=status)
            if self.dice.random() < _CUT_OFF:
                self.taken[event_id] += 1
                assert request.transport is not None
                request.transport.close()
                return web.Response()
        self.taken[event_id] += 1
        return web.Response()


@asynccontextmanager
async def open_crm(seed: int) -> AsyncIterator[Crm]:
    crm = Crm("", random.Random(f"{seed} crm"))
    app = web.Application()
    app.router.add_post("/hooks", crm.on_post)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        crm.url = "http://{}:{}/hooks".format(*runner.addresses[0][:2])
        yield crm
    finally:
        await runner.cleanup()
