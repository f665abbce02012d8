"""Make-Call a second at 200 ms API latency, against the SDK in threads (measured.md §3).

The carrier is a process of its own. Whoever waits 200 ms a call is as fast as it holds calls in
flight, and so each side is given several numbers of them and counts by its best.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection

import plivo
from aiohttp import web

from dialer.providers.plivo import PlivoCarrier
from dialer.providers.plivo_rest import point_sdk_at
from dialer.providers.protocols import Accepted, CallRequest
from tests.benchmarks.figure import Figure

LATENCY_S = 0.2
IN_FLIGHT = (100, 400, 800, 1600)
ROUNDS = 6  # calls of each that is in flight
AUTH = ("MADIALERTWIN00000001", "token")
URL = "http://127.0.0.1:9/x"
REQUEST = CallRequest("+919876543210", "+911601200001", URL, URL, URL, URL, 30, 60)


async def run(dsn: str) -> list[Figure]:
    with accepting_carrier(LATENCY_S) as url:
        async with PlivoCarrier(*AUTH, url) as carrier:
            began = time.process_time()
            ours = [await per_second(lambda: _ours(carrier), many) for many in IN_FLIGHT]
            spent_s = time.process_time() - began
        point_sdk_at(url)
        client = plivo.RestClient(*AUTH)
        loop = asyncio.get_running_loop()
        reference = []
        for many in IN_FLIGHT:
            with ThreadPoolExecutor(many) as threads:
                reference.append(
                    await per_second(lambda t=threads: loop.run_in_executor(t, _sdk, client), many)
                )
    what = f"Make-Call at {LATENCY_S * 1000:.0f} ms latency, up to {max(IN_FLIGHT)} in flight"
    cost_ms = spent_s / (ROUNDS * sum(IN_FLIGHT)) * 1000
    return [
        Figure(what, max(ours), max(reference), "/s", "the SDK in threads"),
        Figure("processor ms a POST", cost_ms, 0.25, "ms", "aiohttp of measured.md"),
    ]


@contextmanager
def accepting_carrier(latency_s: float = 0.0) -> Iterator[str]:
    """A carrier in a process of its own that takes every call; yields its API's address."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, latency_s))
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.terminate()
        process.join()


def _serve(tell: Connection, latency_s: float) -> None:
    asyncio.run(_accept_all(tell, latency_s))


async def _accept_all(tell: Connection, latency_s: float) -> None:
    numbers = iter(range(1_000_000_000))

    async def accept(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(latency_s)
        return web.json_response({"request_uuid": f"request-{next(numbers)}"}, status=201)

    app = web.Application()
    app.router.add_post("/v1/Account/{auth}/Call/", accept)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    tell.send(runner.addresses[0][1])
    await asyncio.Event().wait()


async def _ours(carrier: PlivoCarrier) -> None:
    assert isinstance(await carrier.place(REQUEST), Accepted)


def _sdk(client: plivo.RestClient) -> None:
    client.calls.create(from_=REQUEST.from_, to_=REQUEST.to, answer_url=URL)


async def per_second(call: Callable[[], Awaitable[object]], in_flight: int) -> float:
    gate = asyncio.Semaphore(in_flight)

    async def one() -> None:
        async with gate:
            await call()

    calls = ROUNDS * in_flight
    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(calls)))
    return calls / (time.perf_counter() - started)
