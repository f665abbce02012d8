"""Facts for the customer's systems, written in the transaction that makes them true (design §8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert

from dialer.domain.ids import uuid7
from dialer.domain.webhook import EventType
from dialer.store.engine import Tx
from dialer.store.tables import outbox


async def tell(tx: Tx, kind: EventType, data: Mapping[str, Any]) -> None:
    """Put one event into the outbox: ``{type, timestamp, data}`` with the product's time.

    Its id is the webhook's, and stays the same however often it is delivered. Ids in ``data`` are
    text, times ISO 8601 in UTC, money decimal text; what is unknown is null.
    """
    event = {"type": kind, "timestamp": tx.now.isoformat(), "data": _plain(data)}
    await tx.execute(
        insert(outbox).values(
            account_id=tx.account_id, id=uuid7(), type=kind, payload=event, at=tx.now
        )
    )


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in data.items()}


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | dict | list):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
