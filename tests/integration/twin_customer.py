"""A customer of the twin: an account holder's REST client and the server its callbacks reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web

from dialer.twin.config import DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, TwinConfig
from dialer.twin.server import RunningTwin, start_twin
from dialer.twin.signature import signature_v3

CALLER = "+911601200001"
CALLEE = "+919800000001"
#: Fast enough for tests, slow enough that the order of things stays what it is.
FAST = TwinConfig(port=0, time_scale=0.02, cps=1000, cap=1000)

Answer = web.Response | str | int


@dataclass(slots=True)
class Received:
    path: str
    method: str
    params: dict[str, str]
    headers: dict[str, str]
    url: str

    def is_signed(self, token: str = DEFAULT_AUTH_TOKEN) -> bool:
        form = self.params if self.method == "POST" else {}
        nonce = self.headers["X-Plivo-Signature-V3-Nonce"]
        wanted = signature_v3(token, self.method, self.url, nonce, form)
        return wanted in self.headers["X-Plivo-Signature-V3"].split(",")


@dataclass(slots=True)
class Customer:
    """``replies`` by path: an XML body, a status, a Response, a list of these used up one by one
    (the last repeats), or a function of what was received."""

    twin: RunningTwin
    http: aiohttp.ClientSession
    url: str = ""
    replies: dict[str, Any] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def rest(self, method: str, path: str, body: object = None, **query: str) -> Any:
        """(status, JSON or None) of one REST request under the account."""
        url = f"{self.twin.api_url}/Account/{DEFAULT_AUTH_ID}{path}"
        async with self.http.request(method, url, json=body, params=query) as reply:
            raw = await reply.read()
            return reply.status, await reply.json() if raw else None

    async def admin(self, method: str, path: str, body: object = None) -> Any:
        async with self.http.request(method, f"{self.twin.url}/twin{path}", json=body) as reply:
            raw = await reply.read()
            return reply.status, await reply.json() if raw else None

    def call_body(self, to: str = CALLEE, **params: object) -> dict[str, object]:
        return {
            "from": CALLER,
            "to": to,
            "answer_url": f"{self.url}/answer",
            "ring_url": f"{self.url}/ring",
            "hangup_url": f"{self.url}/hangup",
            "ring_timeout": 30,
            **params,
        }

    async def place(self, to: str = CALLEE, **params: object) -> str:
        """Place one call and return its request_uuid."""
        status, reply = await self.rest("POST", "/Call/", self.call_body(to, **params))
        assert status == 201, reply
        return str(reply["request_uuid"])

    async def run(self, to: str = CALLEE, **params: object) -> list[Received]:
        """Place one call, wait for its end and return what was received."""
        await self.place(to, **params)
        await self.twin.wait_quiet()
        return self.received

    def paths(self) -> list[str]:
        return [each.path for each in self.received]

    def last(self, path: str) -> dict[str, str]:
        """The parameters of the last callback to ``path``."""
        return next(each.params for each in reversed(self.received) if each.path == path)

    async def wait_for(self, path: str) -> Received:
        """The first callback to ``path``, as soon as it is there."""
        async with asyncio.timeout(10):
            while True:
                found = [each for each in self.received if each.path == path]
                if found:
                    return found[0]
                self.arrived.clear()
                await self.arrived.wait()

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        form = {key: str(value) for key, value in (await request.post()).items()}
        got = Received(
            path=request.path,
            method=request.method,
            params=form or dict(request.query),
            headers=dict(request.headers),
            url=self.url + request.raw_path,
        )
        self.received.append(got)
        self.arrived.set()
        answer = self.replies.get(request.path, "")
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Callable):
            answer = await answer(request, got)
        if isinstance(answer, web.StreamResponse):
            return answer
        if isinstance(answer, int):
            return web.Response(status=answer)
        return web.Response(text=f"<Response>{answer}</Response>", content_type="application/xml")


@asynccontextmanager
async def customer(config: TwinConfig = FAST, **changes: Any) -> AsyncIterator[Customer]:
    """A running twin with a customer who is reachable; both gone afterwards."""
    twin = await start_twin(replace(config, **changes))
    auth = aiohttp.encode_basic_auth(DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN)
    async with aiohttp.ClientSession(headers={"Authorization": auth}) as http:
        one = Customer(twin, http)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", one._receive)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield one
            assert twin.exchange.tasks.failures == 0, "a task of the twin failed; see its log"
        finally:
            await twin.stop()
            await runner.cleanup()
