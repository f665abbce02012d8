"""The ledger's rows: reading, locking in the one lock order, and moving along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from dialer.domain.attempt import AttemptEvent, AttemptState, advance
from dialer.store.engine import Tx
from dialer.store.lines import lock_lines
from dialer.store.tables import attempts, carrier_events, enrolments

a = attempts.c


@dataclass(slots=True)
class Held:
    """An attempt with everything that moves with it, locked in order (design §6.0)."""

    attempt: Any
    enrolment: Any
    line_holder: UUID | None


async def find(tx: Tx, attempt_id: UUID) -> Any:
    """Return the attempt's row unlocked, or None."""
    return await tx.one_or_none(
        select(attempts).where(a.account_id == tx.account_id, a.id == attempt_id)
    )


async def hold(tx: Tx, attempt_id: UUID) -> Held | None:
    """Lock enrolment, line and attempt in this order; None if there is no such attempt."""
    seen = await find(tx, attempt_id)
    if seen is None:
        return None
    e = enrolments.c
    enrolment = (
        await tx.execute(
            select(enrolments)
            .where(e.account_id == tx.account_id, e.id == seen.enrolment_id)
            .with_for_update(key_share=True)
        )
    ).one()
    holders = await lock_lines(tx, [seen.phone])
    locked = (
        await tx.execute(
            select(attempts)
            .where(a.account_id == tx.account_id, a.id == attempt_id)
            .with_for_update(key_share=True)
        )
    ).one()
    return Held(locked, enrolment, holders[seen.phone])


async def insert_attempts(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await tx.execute(insert(attempts), list(rows))


async def change(tx: Tx, held: Held, event: AttemptEvent | None = None, **values: Any) -> Any:
    """Apply ``event`` and ``values`` to a locked attempt; ``held`` carries the new row on."""
    state = AttemptState(held.attempt.state)
    target = state if event is None else advance(state, event)
    if target is not state:
        values = {"state": target, "changed_at": tx.now, **values}
    if values:
        held.attempt = (
            await tx.execute(
                update(attempts)
                .where(a.account_id == tx.account_id, a.id == held.attempt.id)
                .values(**values)
                .returning(attempts)
            )
        ).one()
    return held.attempt


async def keep_event(
    tx: Tx, *, attempt_id: UUID, digest: bytes, kind: str, path: str, body: dict[str, Any]
) -> bool:
    """Keep a raw callback; False if this very one was kept before (a replay)."""
    result = await tx.execute(
        upsert(carrier_events)
        .values(
            account_id=tx.account_id,
            attempt_id=attempt_id,
            digest=digest,
            kind=kind,
            path=path,
            body=body,
            received_at=tx.now,
        )
        .on_conflict_do_nothing()
        .returning(carrier_events.c.kind)
    )
    return result.first() is not None


async def in_states(
    tx: Tx, states: Sequence[AttemptState], *, before: datetime | None = None, limit: int = 200
) -> Sequence[Any]:
    """Return attempts in ``states``, unlocked, oldest first; changed before ``before`` if given."""
    query = (
        select(attempts)
        .where(a.account_id == tx.account_id, a.state.in_(list(states)))
        .order_by(a.id)
        .limit(limit)
    )
    if before is not None:
        query = query.where(a.changed_at < before)
    rows: Sequence[Any] = (await tx.execute(query)).all()
    return rows
