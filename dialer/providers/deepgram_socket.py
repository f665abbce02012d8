"""The WebSocket under the Deepgram SDK, given to it as its ``transport_factory``.

The SDK's own cannot be told a deadline: it waits 10 s for a handshake and, when that is given up,
10 s more for a far end that says nothing; it compresses mu-law; it follows redirects with our key
(providers.md §1.1). A factory holds for the whole process, so there is only this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from websockets.asyncio.client import ClientConnection, connect

from dialer.providers.vendor_socket import socket_options


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc  # the key is for one host


class DeepgramSocket:
    """Connects at its first use; raises what `websockets` raises."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._connect = _Connect(url, additional_headers=dict(headers), **socket_options(url))
        self._connecting = asyncio.Lock()
        self._connection: ClientConnection | None = None

    async def send(self, data: str | bytes) -> None:
        await (await self._open()).send(data)

    async def recv(self) -> str | bytes:
        return await (await self._open()).recv()

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        async for message in await self._open():
            yield message

    async def close(self) -> None:
        if self._connection is not None:
            try:
                await self._connection.close()
            finally:  # cancelled, or the far end did not answer
                self._connection.transport.abort()

    async def _open(self) -> ClientConnection:
        async with self._connecting:
            if self._connection is None:
                self._connection = await self._connect
        return self._connection
