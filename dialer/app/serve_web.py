"""The web server: uvicorn on a socket of ours."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from dialer.app.stream_protocol import StreamProtocol
from dialer.errors import Unavailable
from dialer.web.context import Context
from dialer.web.server import build_web


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers; we decide when it stops."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving_web(context: Context, sock: socket.socket) -> AsyncIterator[None]:
    """Serve the routes of ``context`` on ``sock`` while the body runs."""
    config = uvicorn.Config(
        build_web(context),
        http="httptools",
        ws=StreamProtocol,
        # Far above what the carrier may send: what is too large is counted, not the call's end.
        ws_max_size=2 * 1024 * 1024,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started:
            if task.done():
                await task
                raise Unavailable("the web server stopped before it was ready; see the log")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task
