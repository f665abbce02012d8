"""A twin whose vendors answer at once, and far ends that behave as no vendor should."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import WSMsgType, web

from dialer.twin.config import TwinConfig
from dialer.twin.faults import Fault, FaultKind
from dialer.twin.server import RunningTwin, start_twin

AT_ONCE = TwinConfig(port=0, stt_final_ms=0.0, tts_first_audio_ms=0.0, tts_speed=0.0)
SILENCE = b"\xff"
FRAME = 160  # bytes: 20 ms


@asynccontextmanager
async def vendors(**changes: Any) -> AsyncIterator[RunningTwin]:
    """A running twin; afterwards every vendor socket must be gone without its help."""
    twin = await start_twin(replace(AT_ONCE, **changes))
    try:
        yield twin
        await all_closed(twin)
    finally:
        await twin.stop()


async def all_closed(twin: RunningTwin) -> None:
    async with asyncio.timeout(10):
        while any(vendor["open"] for vendor in twin.exchange.vendors.report().values()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def arm(twin: RunningTwin, kind: str, **fields: Any) -> None:
    twin.exchange.faults.arm(Fault(kind=FaultKind(kind), **fields), phone=None)


def witness(twin: RunningTwin, vendor: str) -> dict[str, Any]:
    report: dict[str, Any] = twin.exchange.vendors.report()[vendor]
    return report


async def saw(twin: RunningTwin, vendor: str, kind: str, times: int = 1) -> None:
    """Return once the vendor was sent so many messages of this kind."""
    async with asyncio.timeout(10):
        while witness(twin, vendor)["counts"]["in"].get(kind, 0) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def spoken(twin: RunningTwin, text: str, quiet_s: float = 1.5) -> bytes:
    """What a callee's line carries while it says ``text``: quiet, the words, quiet."""
    recording = await twin.exchange.studio.record(text)
    return SILENCE * 1600 + recording.audio + SILENCE * round(8000 * quiet_s)


@dataclass(slots=True)
class FarEnd:
    """A WebSocket server that does what a test says; ``received`` is decoded where it is JSON."""

    url: str = ""
    received: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)


Behaviour = Callable[[FarEnd, web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def far_end(behave: Behaviour) -> AsyncIterator[FarEnd]:
    end = FarEnd()

    async def serve(request: web.Request) -> web.StreamResponse:
        end.headers.append(dict(request.headers))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            with suppress(ConnectionError):
                await behave(end, socket)
        finally:
            end.gone.set()
        return socket

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    end.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield end
    finally:
        await runner.cleanup()


async def listen(end: FarEnd, socket: web.WebSocketResponse) -> None:
    """Keep all that comes until the customer closes."""
    async for message in socket:
        is_text = message.type is WSMsgType.TEXT
        end.received.append(json.loads(message.data) if is_text else message.data)


@asynccontextmanager
async def mute_server() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """(URL, set when the customer is gone) of a server that takes a connection and says nothing."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while await reader.read(65536):
                continue
        gone.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", gone
    finally:
        server.close()
        await server.wait_closed()


async def unused_url() -> str:
    """An address where nobody listens."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"


#: Tasks of a server on this loop, one per connection a customer may still hold.
_SERVERS_OWN = ("RequestHandler", "_accept_connection", "Studio")


def our_tasks() -> set[asyncio.Task[Any]]:
    """The tasks that run now, but for those of servers."""
    tasks = {task: repr(task.get_coro()) for task in asyncio.all_tasks()}
    return {task for task, name in tasks.items() if not any(own in name for own in _SERVERS_OWN)}
