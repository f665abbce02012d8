"""The streams this process is serving: one a call, the newer one wins (design §7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from dialer.call.line import Line
from dialer.web.socket_line import SocketLine, StreamLimits


@dataclass(frozen=True, slots=True)
class StreamStart:
    """A stream that was proven to be of this attempt's live call."""

    attempt_id: UUID
    call_uuid: str
    stream_id: str


Talk = Callable[[StreamStart, Line], Awaitable[None]]
"""Talks over the line until it ends, or ends it. Returns within `StreamLimits.leave_s` after."""


@dataclass(eq=False, slots=True)
class Stream:
    """A line in use. ``talking``: whoever uses it, once somebody does."""

    line: SocketLine
    talking: asyncio.Task[None] | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def leave(self, limit_s: float) -> None:
        """End it in good order, after ``limit_s`` by force; it is gone within twice that."""
        await self.line.close()
        if not await self._is_gone(limit_s) and self.talking is not None:
            self.talking.cancel()
            await self._is_gone(limit_s)

    async def _is_gone(self, limit_s: float) -> bool:
        try:
            async with asyncio.timeout(limit_s):
                await self.gone.wait()
        except TimeoutError:
            return False
        return True


@dataclass(slots=True)
class LiveStreams:
    """``is_closed``: no new stream is taken; the process ends."""

    limits: StreamLimits = field(default_factory=StreamLimits)
    is_closed: bool = False
    _newest: dict[UUID, Stream] = field(default_factory=dict)
    _all: set[Stream] = field(default_factory=set)

    @property
    def count(self) -> int:
        return len(self._all)

    @asynccontextmanager
    async def serving(self, attempt_id: UUID, line: SocketLine) -> AsyncIterator[Stream]:
        """Hold the attempt's place while the body runs; an older stream of it leaves first, so
        that two talks never write down the same call at once."""
        own, older = Stream(line), self._newest.get(attempt_id)
        self._newest[attempt_id] = own
        self._all.add(own)
        try:
            if older is not None:
                await older.leave(self.limits.give_way_s)
            yield own
        finally:
            own.gone.set()
            self._all.discard(own)
            if self._newest.get(attempt_id) is own:
                del self._newest[attempt_id]

    async def wait_empty(self, limit_s: float) -> bool:
        """Wait until no stream is left; False if some are after ``limit_s``."""
        try:
            async with asyncio.timeout(limit_s):
                while self._all:
                    await next(iter(self._all)).gone.wait()
        except TimeoutError:
            return False
        return True

    async def close_all(self, limit_s: float) -> None:
        """Take no more, end all, those that do not leave in time by force."""
        self.is_closed = True
        await asyncio.gather(*(stream.leave(limit_s) for stream in list(self._all)))
