"""A balancer in front of the web processes: takes turns, passes over one that refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

_CONNECT_S = 1.0


class Front:
    """Listens on one address; ``ports`` says where the webs are now."""

    def __init__(self, ports: Callable[[], Sequence[int]]) -> None:
        self._ports = ports
        self._turn = 0
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Near(self), "127.0.0.1", self.port, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """From here on connections are refused; those that stand go on."""
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    async def reach(self, near: _Near) -> _Far | None:
        """Connect to the next web that takes it."""
        loop = asyncio.get_running_loop()
        ports = [*self._ports()]
        self._turn += 1
        for step in range(len(ports)):
            port = ports[(self._turn + step) % len(ports)]
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_S):
                    _, far = await loop.create_connection(lambda: _Far(near), "127.0.0.1", port)
                return far
        return None


class _Pipe(asyncio.Protocol):
    """What comes in on one side goes out on the other."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Pipe | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            if error is None:
                self.other.transport.close()
            else:
                self.other.transport.abort()


class _Near(_Pipe):
    """The carrier's side. Bytes that come before the web is reached wait here."""

    def __init__(self, front: Front) -> None:
        super().__init__()
        self._front = front
        self._early: list[bytes] | None = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._reaching = asyncio.ensure_future(self._reach())

    async def _reach(self) -> None:
        far = await self._front.reach(self)
        assert self.transport is not None
        early, self._early = self._early, None
        if far is None or far.transport is None:
            self.transport.abort()
            return
        self.other = far
        far.transport.writelines(early or [])
        if self.transport.is_closing():
            far.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._early is not None:
            self._early.append(data)
        else:
            super().data_received(data)


class _Far(_Pipe):
    """The web's side."""

    def __init__(self, near: _Near) -> None:
        super().__init__()
        self.other = near
