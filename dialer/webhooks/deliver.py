"""Events are sent: each at least once, a slow receiver beside the others and never before them."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from dialer.domain.webhook import Reply, delay_s, rest_s
from dialer.errors import DatabaseAway
from dialer.store import admin_log, webhooks
from dialer.store.engine import Database, Tx
from dialer.store.webhooks import Taken
from dialer.webhooks.sign import headers

if TYPE_CHECKING:
    from dialer.webhooks.post import Post

log = logging.getLogger(__name__)

_AT_ONCE = 20  # requests to one endpoint
_PATIENCE_S = 20.0  # with a database that is away; within the lease, after one try
_GONE = "the receiver answered 410 Gone"


@dataclass(slots=True)
class _Rest:
    """How long an endpoint is left alone by this process, after how many failed batches."""

    failures: int = 0
    until: float = 0.0  # monotonic


@dataclass(slots=True)
class Deliveries:
    """The sending of one process. Any number of processes share what is due."""

    _db: Database
    _post: Post | None = None
    _busy: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)
    _rests: dict[UUID, _Rest] = field(default_factory=dict)

    async def tick(self) -> None:
        """Spread new events, and see to each endpoint for which something is due."""
        while await self._db.run(webhooks.spread):
            pass
        waited_for = await self._db.run(webhooks.waited_for)
        if waited_for and self._post is None:
            self._post = (await asyncio.to_thread(_client))()
        for endpoint in waited_for:
            rest = self._rests.setdefault(endpoint.id, _Rest())
            if endpoint.id not in self._busy and rest.until <= time.monotonic():
                self._start(endpoint, rest)

    async def idle(self) -> None:
        """Wait until nothing is being sent."""
        while self._busy:
            await asyncio.wait(set(self._busy.values()))
            await asyncio.sleep(0)  # for them to be taken off

    async def close(self) -> None:
        """Send nothing more: what is under way is sent again by whoever takes it next."""
        for task in self._busy.values():
            task.cancel()
        await self.idle()
        if self._post is not None:
            await self._post.close()

    def _start(self, endpoint: Any, rest: _Rest) -> None:
        task = asyncio.create_task(self._serve(endpoint, rest))
        self._busy[endpoint.id] = task
        task.add_done_callback(lambda _: self._busy.pop(endpoint.id))

    async def _serve(self, endpoint: Any, rest: _Rest) -> None:
        """Send what is due to one endpoint, some at a time, while it takes any of it."""
        try:
            is_taking = True
            while is_taking:
                taken = await self._db.run(lambda tx: webhooks.take(tx, endpoint.id, _AT_ONCE))
                if not taken:
                    return
                replies = await asyncio.gather(*(self._send(endpoint, one) for one in taken))
                is_taking = await self._write_down(endpoint, taken, replies)
                rest.failures = 0 if is_taking else rest.failures + 1
            rest.until = time.monotonic() + rest_s(rest.failures)
        except DatabaseAway:
            pass  # told by the database; our lease ends, and it is all sent again
        except Exception as error:
            log.error("webhook_broken", extra={"webhook_id": str(endpoint.id)}, exc_info=error)

    async def _send(self, endpoint: Any, one: Taken) -> Reply:
        assert self._post is not None
        body = body_of(one.payload)
        # Receivers compare the time with their own clock: it is real, also where ours was shifted.
        signed = headers(endpoint.secret, str(one.event_id), int(time.time()), body)
        return await self._post.send(endpoint.url, body, signed)

    async def _write_down(
        self, endpoint: Any, taken: Sequence[Taken], replies: Sequence[Reply]
    ) -> bool:
        """Write down what came of a batch; True if the receiver took any of it."""

        async def work(tx: Tx) -> None:
            both = [*zip(taken, replies, strict=True)]
            statuses = {one.event_id: reply.status for one, reply in both if reply.is_taken}
            await webhooks.delivered(tx, endpoint.id, statuses)
            for one, reply in both:
                if not reply.is_taken:
                    again_s = delay_s(one.tries, reply, random.random())
                    await webhooks.not_delivered(tx, endpoint.id, one, reply, again_s)
            if any(reply.is_gone for reply in replies) and await webhooks.switch_off(
                tx, endpoint.id, _GONE
            ):
                await admin_log.note(
                    tx, actor="webhooks", action="webhook_switched_off", id=str(endpoint.id)
                )

        await self._db.run(work, patience_s=_PATIENCE_S)
        failed = [reply for reply in replies if not reply.is_taken]
        if failed:
            why = failed[0].error or f"HTTP {failed[0].status}"
            log.warning(
                "webhook_not_taken",
                extra={"webhook_id": str(endpoint.id), "failed": len(failed), "detail": why},
            )
        return len(failed) < len(replies)


@asynccontextmanager
async def delivering(db: Database) -> AsyncIterator[Deliveries]:
    """Yield the sending of this process; what is under way at the end is given up."""
    deliveries = Deliveries(db)
    try:
        yield deliveries
    finally:
        await deliveries.close()


def body_of(payload: Mapping[str, Any]) -> bytes:
    """Return an event as it is sent: ``type``, ``timestamp``, ``data``; the database has an order
    of its own."""
    names = ("type", "timestamp", "data")
    return msgspec.json.encode({name: payload[name] for name in names})


def _client() -> type[Post]:
    # Most have no endpoint, and a client takes 0.3 s to load: on a thread, beside live calls.
    from dialer.webhooks.post import Post

    return Post
