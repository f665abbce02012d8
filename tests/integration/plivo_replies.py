"""A small Plivo on loopback that answers as a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from dialer.providers.plivo_rest import PlivoRest

AUTH_ID, TOKEN = "MA" + "X" * 18, "secret"
BASE = f"/v1/Account/{AUTH_ID}"
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def rest_at(
    reply: Reply, *, timeout_s: float = 5.0
) -> AsyncIterator[tuple[PlivoRest, list[web.Request]]]:
    """A Plivo that answers every request by ``reply``, and the list of what it was asked."""
    asked: list[web.Request] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        await request.read()
        return await reply(request)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/"
        yield PlivoRest(AUTH_ID, TOKEN, url, request_timeout_s=timeout_s), asked
    finally:
        await runner.cleanup()


def always(status: int, body: Any = None, text: str | None = None, **headers: str) -> Reply:
    async def reply(_: web.Request) -> web.StreamResponse:
        if text is not None or body is None:
            return web.Response(status=status, text=text or "", headers=headers)
        return web.json_response(body, status=status, headers=headers)

    return reply
