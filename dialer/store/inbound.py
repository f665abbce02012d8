"""Calls of people who call our numbers: how many are up, by what the carrier told of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from dialer.store.engine import Tx
from dialer.store.tables import inbound_calls

i = inbound_calls.c


async def note_inbound(tx: Tx, call_uuid: str, *, is_over: bool) -> None:
    """Keep what one callback tells. What ended stays ended, whichever callback comes first."""
    row = {
        "account_id": tx.account_id,
        "call_uuid": call_uuid,
        "started_at": tx.now,
        "seen_at": tx.now,
        "ended_at": tx.now if is_over else None,
    }
    statement = insert(inbound_calls).values(row)
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "call_uuid"],
            set_={"ended_at": statement.excluded.ended_at},
            where=i.ended_at.is_(None),
        )
        if is_over
        else statement.on_conflict_do_nothing()
    )


async def live_inbound(tx: Tx, *, seen_before: datetime, limit: int) -> Sequence[str]:
    """Return the call uuids of live calls of which nothing was heard since, longest ago first."""
    query = (
        select(i.call_uuid)
        .where(i.account_id == tx.account_id, i.ended_at.is_(None), i.seen_at < seen_before)
        .order_by(i.seen_at)
        .limit(limit)
    )
    return [row.call_uuid for row in await tx.all(query)]


async def see_inbound(tx: Tx, call_uuid: str, *, is_up: bool) -> None:
    """Write down what the carrier's list of live calls shows."""
    values = {"seen_at": tx.now} if is_up else {"ended_at": tx.now}
    await tx.execute(
        update(inbound_calls)
        .where(i.account_id == tx.account_id, i.call_uuid == call_uuid, i.ended_at.is_(None))
        .values(**values)
    )
