"""Make-Call a second at 200 ms API latency, against the SDK in threads (measured.md §3)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import plivo
from aiohttp import web

from dialer.providers.plivo import PlivoCarrier
from dialer.providers.plivo_rest import point_sdk_at
from dialer.providers.protocols import Accepted, CallRequest
from tests.benchmarks.figure import Figure

LATENCY_S = 0.2
CALLS = 300
IN_FLIGHT = 100
AUTH = ("MADIALERTWIN00000001", "token")
URL = "http://127.0.0.1:9/x"
REQUEST = CallRequest("+919876543210", "+911601200001", URL, URL, URL, URL, 30, 60)


async def run(dsn: str) -> list[Figure]:
    app = web.Application()
    app.router.add_post("/v1/Account/{auth}/Call/", _accept)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        async with PlivoCarrier(*AUTH, url) as carrier:
            ours = await per_second(lambda: _ours(carrier))
        point_sdk_at(url)
        client = plivo.RestClient(*AUTH)
        with ThreadPoolExecutor(IN_FLIGHT) as threads:
            loop = asyncio.get_running_loop()
            reference = await per_second(lambda: loop.run_in_executor(threads, _sdk, client))
    finally:
        await runner.cleanup()
    what = f"Make-Call at {LATENCY_S * 1000:.0f} ms latency, {IN_FLIGHT} in flight"
    return [Figure(what, ours, reference, "/s", "the SDK in threads")]


async def _accept(request: web.Request) -> web.Response:
    await request.read()
    await asyncio.sleep(LATENCY_S)
    return web.json_response({"message": "call fired", "request_uuid": "u"}, status=201)


async def _ours(carrier: PlivoCarrier) -> None:
    assert isinstance(await carrier.place(REQUEST), Accepted)


def _sdk(client: plivo.RestClient) -> None:
    client.calls.create(from_=REQUEST.from_, to_=REQUEST.to, answer_url=URL)


async def per_second(call: Callable[[], Awaitable[object]]) -> float:
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one() -> None:
        async with gate:
            await call()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CALLS)))
    return CALLS / (time.perf_counter() - started)
