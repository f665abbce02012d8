"""Attempts as people look at them: the ledger in pages, and what belongs to one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, insert, or_, select

from dialer.domain.attempt import LIVE, AttemptState
from dialer.domain.ids import uuid7
from dialer.errors import NotFound
from dialer.store.engine import Tx
from dialer.store.tables import answers, attempts, carrier_events, recordings, turns

a = attempts.c


async def get_call(tx: Tx, attempt_id: UUID) -> Any:
    """Return one attempt's row; `NotFound` if there is none."""
    row = await tx.one_or_none(
        select(attempts).where(a.account_id == tx.account_id, a.id == attempt_id)
    )
    if row is None:
        raise NotFound(f"no call {attempt_id}")
    return row


async def page_calls(
    tx: Tx,
    *,
    campaign_id: UUID | None = None,
    state: str | None = None,
    outcome: str | None = None,
    unresolved: bool = False,
    after: UUID | None = None,
    limit: int,
) -> Sequence[Any]:
    """Return attempts, oldest first. unresolved: only those that are in doubt, see `is_open`."""
    query = select(attempts).where(a.account_id == tx.account_id).order_by(a.id).limit(limit)
    for column, value in (
        (a.campaign_id, campaign_id),
        (a.state, state),
        (a.outcome, outcome),
    ):
        if value is not None:
            query = query.where(column == value)
    if unresolved:
        query = query.where(is_open())
    if after is not None:
        query = query.where(a.id > after)
    rows: Sequence[Any] = await tx.all(query)
    return rows


def is_open() -> Any:
    """What makes a live attempt one that waits to be resolved: its reply is under way or lost,
    the carrier does not show it, or it is to be ended."""
    in_doubt = or_(
        a.state.in_([AttemptState.PLACING, AttemptState.AMBIGUOUS]),
        a.absent_since.is_not(None),
        a.hang_up_asked_at.is_not(None),
    )
    return and_(a.state.in_(sorted(LIVE)), in_doubt)


async def turns_of(tx: Tx, attempt_id: UUID) -> Sequence[Any]:
    """Return what was said in a call, in its order."""
    rows: Sequence[Any] = await tx.all(
        select(turns)
        .where(turns.c.account_id == tx.account_id, turns.c.attempt_id == attempt_id)
        .order_by(turns.c.number)
    )
    return rows


async def answers_of(tx: Tx, attempt_id: UUID) -> dict[str, Any]:
    """Return what was answered in a call by question, in the order it was answered."""
    c = answers.c
    rows = await tx.all(
        select(c.question_id, c.value)
        .where(c.account_id == tx.account_id, c.attempt_id == attempt_id)
        .order_by(c.at, c.question_id)
    )
    return {row.question_id: row.value for row in rows}


async def events_of(tx: Tx, attempt_id: UUID) -> Sequence[Any]:
    """Return (kind, received_at, body) of each distinct callback of a call, as they came."""
    e = carrier_events.c
    rows: Sequence[Any] = await tx.all(
        select(e.kind, e.received_at, e.body)
        .where(e.account_id == tx.account_id, e.attempt_id == attempt_id)
        .order_by(e.received_at, e.digest)
    )
    return rows


async def recording_of(tx: Tx, attempt_id: UUID) -> Any:
    """Return the newest recording of a call that lies on our disk, or None."""
    r = recordings.c
    return await tx.one_or_none(
        select(recordings)
        .where(r.account_id == tx.account_id, r.attempt_id == attempt_id, r.path.is_not(None))
        .order_by(r.id.desc())
        .limit(1)
    )


async def add_recording(tx: Tx, attempt_id: UUID, *, path: str, seconds: float) -> None:
    """Name a recording of a stream that lies on our disk, ``path`` below the data directory."""
    values = {"source": "stream", "path": path, "seconds": seconds, "created_at": tx.now}
    row = {"account_id": tx.account_id, "attempt_id": attempt_id, "id": uuid7()}
    await tx.execute(insert(recordings).values(**row, **values))


async def has_recording(tx: Tx, attempt_id: UUID, path: str) -> bool:
    """Is the recording at ``path`` named already?"""
    r = recordings.c
    named = select(r.id).where(
        r.account_id == tx.account_id, r.attempt_id == attempt_id, r.path == path
    )
    return await tx.one_or_none(named) is not None


async def last_turn(tx: Tx, attempt_id: UUID) -> int:
    """Return the number of a call's last turn, 0 if it has none yet."""
    query = select(func.max(turns.c.number)).where(
        turns.c.account_id == tx.account_id, turns.c.attempt_id == attempt_id
    )
    return int(await tx.scalar(query) or 0)
