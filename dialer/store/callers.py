"""Caller ids and the sender profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from dialer.domain.definition import Definition
from dialer.store.engine import Tx
from dialer.store.tables import attempts, caller_ids, senders


async def kept_callers(
    tx: Tx, definition: Definition, leads: Mapping[UUID, str]
) -> dict[UUID, str]:
    """Return lead id → the caller id that person answered last, of ``leads`` (lead id → phone).

    One query, and none where the campaign has no choice.
    """
    if len(definition.dialing.caller_ids) < 2 or not leads:
        return {}
    a = attempts.c
    rows = await tx.all(
        select(a.lead_id, a.caller_id)
        .where(
            a.account_id == tx.account_id,
            a.phone.in_(sorted(set(leads.values()))),
            a.lead_id.in_(list(leads)),
            a.answered_at.is_not(None),
            a.is_machine.is_not(True),
        )
        .ext(distinct_on(a.lead_id))
        .order_by(a.lead_id, a.id.desc())
    )
    return {row.lead_id: row.caller_id for row in rows}


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
