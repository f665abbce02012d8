"""Who is told of events, and how far the telling has come.

An event waits in the outbox, is spread to one delivery an endpoint, and each delivery is taken,
sent outside of any transaction, and then written down. Whoever is killed in between has taken it
for `LEASE` only: it is sent again, with the same id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update

from dialer.domain.ids import uuid7
from dialer.domain.webhook import GIVEN_UP_AFTER, DeliveryState, Reply
from dialer.errors import NotFound
from dialer.store.engine import Tx
from dialer.store.tables import deliveries, outbox, webhook_endpoints

w = webhook_endpoints.c
d = deliveries.c

LEASE = timedelta(seconds=60)  # four times what one try may take
_SPREAD_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that this process sends now. tries: this one included."""

    event_id: UUID
    tries: int
    payload: Mapping[str, Any]


# The endpoints are held, so that none is deleted between our look and our insert.
_SPREAD = f"""
WITH new AS (
  SELECT id, type, at FROM outbox WHERE account_id = $1 AND spread_at IS NULL
  ORDER BY id LIMIT {_SPREAD_AT_ONCE} FOR NO KEY UPDATE SKIP LOCKED
), endpoint AS (
  SELECT id, types, created_at FROM webhook_endpoints
  WHERE account_id = $1 AND is_enabled FOR KEY SHARE
), made AS (
  INSERT INTO deliveries (account_id, event_id, endpoint_id, state, due_at)
  SELECT $1, new.id, endpoint.id, 'due', $2
  FROM new JOIN endpoint ON new.type = ANY(endpoint.types) AND new.at >= endpoint.created_at
  ON CONFLICT DO NOTHING
)
UPDATE outbox SET spread_at = $2 FROM new
WHERE outbox.account_id = $1 AND outbox.id = new.id RETURNING 1
"""
_WAITED_FOR = """
SELECT e.id, e.url, e.secret FROM webhook_endpoints e
WHERE e.account_id = $1 AND e.is_enabled AND EXISTS (
  SELECT FROM deliveries d WHERE d.account_id = $1 AND d.endpoint_id = e.id
    AND d.state = 'due' AND d.due_at <= $2)
ORDER BY e.id
"""
_TAKE = """
WITH due AS MATERIALIZED (
  SELECT event_id FROM deliveries
  WHERE account_id = $1 AND endpoint_id = $2 AND state = 'due' AND due_at <= $3
  ORDER BY due_at LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE deliveries d SET due_at = $5,
  tries = CASE WHEN d.due_at < $6 THEN d.tries ELSE d.tries + 1 END,
  state = CASE WHEN d.due_at < $6 THEN 'failed' ELSE d.state END
FROM due JOIN outbox o ON o.account_id = $1 AND o.id = due.event_id
WHERE d.account_id = $1 AND d.endpoint_id = $2 AND d.event_id = due.event_id
RETURNING d.event_id, d.tries, o.payload, d.state
"""
_DELIVERED = """
UPDATE deliveries d SET state = 'delivered', delivered_at = $3, due_at = NULL,
  last_status = given.status, last_error = NULL
FROM unnest($4::uuid[], $5::int[]) AS given(event_id, status)
WHERE d.account_id = $1 AND d.endpoint_id = $2 AND d.event_id = given.event_id
"""


async def spread(tx: Tx) -> bool:
    """Give each new event a delivery for every endpoint that wants it; True if more may wait."""
    rows = await tx.fetch(_SPREAD, tx.account_id, tx.now)
    return len(rows) == _SPREAD_AT_ONCE


async def waited_for(tx: Tx) -> Sequence[Any]:
    """Return id, url and secret of the endpoints for which something is due."""
    return await tx.fetch(_WAITED_FOR, tx.account_id, tx.now)


async def take(tx: Tx, endpoint_id: UUID, most: int) -> list[Taken]:
    """Take what is due, for `LEASE`; what has been due for too long fails unsent."""
    rows = await tx.fetch(
        _TAKE, tx.account_id, endpoint_id, tx.now, most, tx.now + LEASE, tx.now - GIVEN_UP_AFTER
    )
    return [Taken(row[0], row[1], row[2]) for row in rows if row[3] == DeliveryState.DUE]


async def delivered(tx: Tx, endpoint_id: UUID, statuses: Mapping[UUID, int | None]) -> None:
    """Write down what an endpoint took. statuses: event → what it said."""
    if statuses:
        await tx.fetch(
            _DELIVERED,
            *(tx.account_id, endpoint_id, tx.now),
            *([*statuses], [*statuses.values()]),
        )


async def not_delivered(
    tx: Tx, endpoint_id: UUID, taken: Taken, reply: Reply, again_after_s: float | None
) -> None:
    """Plan the next try, or none. Whoever took it after us, as our lease was over, decides."""
    is_over = again_after_s is None
    again_at = None if again_after_s is None else tx.now + timedelta(seconds=again_after_s)
    await tx.execute(
        update(deliveries)
        .where(
            d.account_id == tx.account_id,
            d.endpoint_id == endpoint_id,
            d.event_id == taken.event_id,
            d.state == DeliveryState.DUE,
            d.tries == taken.tries,
        )
        .values(
            state=DeliveryState.FAILED if is_over else DeliveryState.DUE,
            due_at=again_at,
            last_status=reply.status,
            last_error=reply.error,
        )
    )


async def add_endpoint(tx: Tx, *, url: str, types: Sequence[str], secret: bytes) -> Any:
    """Tell ``url`` of what happens from now on; return its row."""
    return await tx.one_or_none(
        insert(webhook_endpoints)
        .values(
            account_id=tx.account_id,
            id=uuid7(),
            url=url,
            types=list(types),
            secret=secret,
            created_at=tx.now,
        )
        .returning(webhook_endpoints)
    )


async def list_endpoints(tx: Tx) -> Sequence[Any]:
    found: Sequence[Any] = await tx.all(
        select(webhook_endpoints).where(w.account_id == tx.account_id).order_by(w.id)
    )
    return found


async def get_endpoint(tx: Tx, endpoint_id: UUID) -> Any:
    """Return an endpoint's row; `NotFound` if there is none."""
    row = await tx.one_or_none(
        select(webhook_endpoints).where(w.account_id == tx.account_id, w.id == endpoint_id)
    )
    return _found(row, endpoint_id)


async def change_endpoint(tx: Tx, endpoint_id: UUID, **values: Any) -> Any:
    """Change columns of an endpoint; return its row, `NotFound` if there is none."""
    row = await tx.one_or_none(
        update(webhook_endpoints)
        .where(w.account_id == tx.account_id, w.id == endpoint_id)
        .values(**values)
        .returning(webhook_endpoints)
    )
    return _found(row, endpoint_id)


async def switch_off(tx: Tx, endpoint_id: UUID, reason: str) -> bool:
    """Send an endpoint nothing more; False if it was off, or is gone."""
    result = await tx.execute(
        update(webhook_endpoints)
        .where(w.account_id == tx.account_id, w.id == endpoint_id, w.is_enabled)
        .values(is_enabled=False, disabled_reason=reason)
    )
    return bool(result.rowcount)


async def delete_endpoint(tx: Tx, endpoint_id: UUID) -> None:
    """Forget an endpoint and what was to be sent to it; `NotFound` if there is none."""
    result = await tx.execute(
        delete(webhook_endpoints).where(w.account_id == tx.account_id, w.id == endpoint_id)
    )
    _found(result.rowcount or None, endpoint_id)


_SHOWN = (
    d.event_id.label("id"),
    *(outbox.c.type, outbox.c.at),
    *(d.state, d.tries, d.due_at, d.last_status, d.last_error, d.delivered_at),
)


async def list_deliveries(
    tx: Tx, endpoint_id: UUID, *, state: str | None, after: UUID | None, limit: int
) -> Sequence[Any]:
    """Return the deliveries of an endpoint, the oldest event first."""
    query = (
        select(*_SHOWN)
        .join(outbox, (outbox.c.account_id == d.account_id) & (outbox.c.id == d.event_id))
        .where(d.account_id == tx.account_id, d.endpoint_id == endpoint_id)
        .order_by(d.event_id)
        .limit(limit)
    )
    if state is not None:
        query = query.where(d.state == state)
    if after is not None:
        query = query.where(d.event_id > after)
    found: Sequence[Any] = await tx.all(query)
    return found


async def send_again(tx: Tx, endpoint_id: UUID, event_id: UUID) -> Any:
    """Make a delivery due now, with its plan begun anew; `NotFound` if there is none."""
    result = await tx.execute(
        update(deliveries)
        .where(d.account_id == tx.account_id, d.endpoint_id == endpoint_id, d.event_id == event_id)
        .values(state=DeliveryState.DUE, due_at=tx.now, tries=0, delivered_at=None)
    )
    if result.rowcount == 0:
        raise NotFound(f"webhook {endpoint_id} has no delivery of event {event_id}")
    return await tx.one_or_none(
        select(*_SHOWN)
        .join(outbox, (outbox.c.account_id == d.account_id) & (outbox.c.id == d.event_id))
        .where(d.account_id == tx.account_id, d.endpoint_id == endpoint_id, d.event_id == event_id)
    )


async def send_all_again(tx: Tx, endpoint_id: UUID) -> int:
    """Make every delivery that failed due now, with its plan begun anew; return how many."""
    result = await tx.execute(
        update(deliveries)
        .where(
            d.account_id == tx.account_id,
            d.endpoint_id == endpoint_id,
            d.state == DeliveryState.FAILED,
        )
        .values(state=DeliveryState.DUE, due_at=tx.now, tries=0)
    )
    return int(result.rowcount)


def _found(row: Any, endpoint_id: UUID) -> Any:
    if row is None:
        raise NotFound(f"no webhook {endpoint_id}")
    return row
