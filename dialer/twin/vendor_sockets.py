"""WebSockets of the speech vendors: opened, witnessed, and gone when the twin stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal

from aiohttp import WSCloseCode, web

from dialer.twin.vendors import VendorLog

Vendor = Literal["deepgram", "cartesia"]

MOST_BYTES: Final = 1 << 20  # of one message
_LOOK_S: Final = 0.05


class VendorSockets:
    """Every socket of one vendor that is open now."""

    def __init__(self, vendor: Vendor, log: VendorLog) -> None:
        self.vendor = vendor
        self.log = log
        self.opened = 0
        self._open: set[web.WebSocketResponse] = set()

    def knock(self, request: web.Request) -> None:
        """Note a handshake, before it is answered."""
        self.log.request(self.vendor, request.path, request.query, request.headers)

    def refuse(self, status: int, body: object) -> web.Response:
        self.log.message(self.vendor, "out", f"HTTP {status}")
        return web.json_response(body, status=status)

    @asynccontextmanager
    async def accept(self, request: web.Request) -> AsyncIterator[web.WebSocketResponse]:
        """Shake hands; whoever leaves has closed the socket, or it is closed now."""
        socket = web.WebSocketResponse(
            compress=False, max_msg_size=MOST_BYTES, timeout=1.0, autoclose=True
        )
        await socket.prepare(request)
        self.opened += 1
        self.log.opened(self.vendor)
        self._open.add(socket)
        try:
            yield socket
        finally:
            self._open.discard(socket)
            self.log.closed(self.vendor)
            with suppress(ConnectionError, TimeoutError):
                await socket.close()

    async def close_all(self, _: web.Application) -> None:
        """The twin stops; registered as the application's ``on_shutdown``."""
        for socket in list(self._open):
            with suppress(ConnectionError, TimeoutError):
                await socket.close(code=WSCloseCode.GOING_AWAY)


async def until_gone(request: web.Request, limit_s: float = 120.0) -> None:
    """Read and say nothing, until the customer gives up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            # Nothing is read, so nothing tells that the other end is gone but the transport.
            while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)
