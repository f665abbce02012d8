"""Caller ids and the sender profile."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from dialer.store.engine import Tx
from dialer.store.tables import caller_ids, senders


async def mark_used(tx: Tx, numbers: Collection[str]) -> None:
    """Remember that these caller ids were just chosen.

    One that somebody is just correcting is passed over: a pass must not wait for it with all its
    locks, and the next choice is as good.
    """
    if numbers:
        c = caller_ids.c
        free = (
            select(c.number)
            .where(c.account_id == tx.account_id, c.number.in_(sorted(numbers)))
            .with_for_update(key_share=True, skip_locked=True)
        )
        await tx.execute(
            update(caller_ids)
            .where(c.account_id == tx.account_id, c.number.in_(free))
            .values(last_used_at=tx.now)
        )


async def upsert_callers(tx: Tx, numbers: Sequence[tuple[str, str]]) -> None:
    """Add or correct (number, series) pairs; none is removed."""
    if not numbers:
        return
    statement = insert(caller_ids).values(
        [{"account_id": tx.account_id, "number": n, "series": s} for n, s in numbers]
    )
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "number"], set_={"series": statement.excluded.series}
        )
    )


async def upsert_sender(
    tx: Tx,
    *,
    peid: str | None,
    tmid: str | None,
    reference: str | None,
    declared_on: date | None,
    objective: str | None,
) -> None:
    values: dict[str, Any] = {
        "peid": peid,
        "tmid": tmid,
        "a2p_reference": reference,
        "a2p_declared_on": declared_on,
        "a2p_objective": objective,
        "updated_at": tx.now,
    }
    await tx.execute(
        insert(senders)
        .values(account_id=tx.account_id, **values)
        .on_conflict_do_update(index_elements=["account_id"], set_=values)
    )
