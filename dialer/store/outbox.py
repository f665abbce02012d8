"""Facts for the customer's systems, written in the transaction that makes them true (design §8)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import insert

from dialer.domain.events import Event
from dialer.domain.ids import uuid7
from dialer.store.engine import Tx
from dialer.store.tables import outbox


async def tell(tx: Tx, event: Event) -> None:
    """Put one event into the outbox: ``{type, timestamp, data}`` with the product's time.

    Its id is the webhook's, and stays the same however often it is delivered. Ids in ``data`` are
    text, times ISO 8601 in UTC, money decimal text.
    """
    data = msgspec.to_builtins(event, builtin_types=(datetime, Decimal))
    plain = {name: _value(value) for name, value in data.items()}
    payload = {"type": event.type, "timestamp": tx.now.isoformat(), "data": plain}
    await tx.execute(
        insert(outbox).values(
            account_id=tx.account_id, id=uuid7(), type=event.type, payload=payload, at=tx.now
        )
    )


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
