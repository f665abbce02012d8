"""The ledger's rows: reading, locking in the one lock order, and moving along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import case, func, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from dialer.domain.attempt import LIVE, AttemptEvent, AttemptState, advance
from dialer.store.engine import Tx
from dialer.store.lines import lock_known_lines
from dialer.store.notify import DIAL, call_topic
from dialer.store.tables import attempts, carrier_events

a = attempts.c

#: What the carrier says of a transfer's leg (`DialAction`) once a person is on it.
ANSWERING = ("answer", "connected")


@dataclass(slots=True)
class Held:
    """An attempt with everything that moves with it, locked in order (design §6.0)."""

    attempt: Any
    enrolment: Any
    line_holder: UUID | None


class CarrierIds(NamedTuple):
    """What the carrier knows a call by. It controls calls by ``call_uuid``; ``request_uuid`` is
    usually the same, and all we have until the first callback (plivo.md §1.1, §7 no. 4)."""

    attempt_id: UUID
    request_uuid: str | None
    call_uuid: str | None


async def find(tx: Tx, attempt_id: UUID) -> Any:
    """Return the attempt's row unlocked, or None."""
    return await tx.one_or_none(
        select(attempts).where(a.account_id == tx.account_id, a.id == attempt_id)
    )


async def hold(tx: Tx, attempt_id: UUID) -> Held | None:
    """Lock enrolment, line and attempt in this order; None if there is no such attempt."""
    held = await hold_all(tx, [attempt_id])
    return held[0] if held else None


async def hold_all(tx: Tx, attempt_ids: Sequence[UUID]) -> list[Held]:
    """Lock the attempts with all that moves with them: table by table, ascending in each.

    Every change of an attempt's state happens under its line's lock, so that whoever holds a
    line knows the state of each attempt to that phone.
    """
    seen = await tx.fetch(_WHOSE, tx.account_id, attempt_ids)
    if not seen:
        return []
    of_leads = {row.enrolment_id for row in seen}
    locked = await tx.fetch(_LOCK_ENROLMENTS, tx.account_id, of_leads)
    leads = {row.id: row for row in locked}
    holders = await lock_known_lines(tx, (row.phone for row in seen))
    rows = await tx.fetch(_LOCK_ATTEMPTS, tx.account_id, attempt_ids)
    return [Held(row, leads[row.enrolment_id], holders[row.phone]) for row in rows]


_WHOSE = "SELECT enrolment_id, phone FROM attempts WHERE account_id = $1 AND id = ANY($2::uuid[])"
_LOCK_ENROLMENTS = """
SELECT * FROM enrolments WHERE account_id = $1 AND id = ANY($2::uuid[])
ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_ATTEMPTS = """
SELECT * FROM attempts WHERE account_id = $1 AND id = ANY($2::uuid[])
ORDER BY id FOR NO KEY UPDATE
"""
_JSON = frozenset(column.name for column in a if isinstance(column.type, JSONB))


async def ask_to_end(tx: Tx, states: Sequence[AttemptState], *only: Any) -> list[CarrierIds]:
    """Write down that the calls in ``states`` that satisfy ``only`` are to be ended.

    Returns those whose id is known, for the caller to end after the commit. The wish stays with
    every call until it is over: who learns the id of another carries it out, and recovery does
    so wherever that fails or its process dies.
    """
    rows = await _note_hang_ups(
        tx,
        select(a.id)
        .where(a.account_id == tx.account_id, a.state.in_(states), *only)
        .with_for_update(key_share=True),
    )
    return [CarrierIds(*row) for row in rows if row.request_uuid or row.call_uuid]


async def take_hang_ups(tx: Tx, *, tried_before: datetime, limit: int) -> list[CarrierIds]:
    """Return live calls to be ended whose id is known and that nobody has tried lately; each is
    given to one process at a time."""
    rows = await _note_hang_ups(
        tx,
        select(a.id)
        .where(
            a.account_id == tx.account_id,
            a.state.in_(sorted(LIVE)),
            a.hang_up_asked_at.is_not(None),
            or_(a.request_uuid.is_not(None), a.call_uuid.is_not(None)),
            or_(a.hang_up_tried_at.is_(None), a.hang_up_tried_at < tried_before),
        )
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True),
    )
    return [CarrierIds(*row) for row in rows]


async def take_hang_up(tx: Tx, held: Held) -> list[CarrierIds]:
    """Return the locked call if it is to be ended, its id is known by now, and nobody has tried."""
    row = held.attempt
    is_named = row.request_uuid is not None or row.call_uuid is not None
    is_wanted = row.hang_up_asked_at is not None and row.hang_up_tried_at is None
    if not is_wanted or not is_named or row.state not in LIVE:
        return []
    row = await change(tx, held, hang_up_tried_at=tx.now)
    return [CarrierIds(row.id, row.request_uuid, row.call_uuid)]


async def _note_hang_ups(tx: Tx, which: Any) -> Sequence[Any]:
    """Mark calls as to be ended, and as tried now where that can be; return their ids in order."""
    named = or_(a.request_uuid.is_not(None), a.call_uuid.is_not(None))
    result = await tx.execute(
        update(attempts)
        .where(a.account_id == tx.account_id, a.id.in_(which.order_by(a.id)))
        .values(
            hang_up_asked_at=func.coalesce(a.hang_up_asked_at, tx.now),
            hang_up_tried_at=case((named, tx.now), else_=a.hang_up_tried_at),
        )
        .returning(a.id, a.request_uuid, a.call_uuid)
    )
    return sorted(result.all(), key=lambda row: row.id)


async def change(tx: Tx, held: Held, event: AttemptEvent | None = None, **values: Any) -> Any:
    """Apply ``event`` and ``values`` to a locked attempt; ``held`` carries the new row on."""
    state = AttemptState(held.attempt.state)
    target = state if event is None else advance(state, event)
    if target is not state:
        values = {"state": target, "changed_at": tx.now, **values}
    if values:
        _hint(tx, held.attempt, target, values)
        given = [_stored(name, value) for name, value in values.items()]
        (held.attempt,) = await tx.fetch(
            _update(tuple(values)), tx.account_id, held.attempt.id, *given
        )
    return held.attempt


@lru_cache(maxsize=64)
def _update(names: tuple[str, ...]) -> str:
    assert set(names) <= set(a.keys()), names
    changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(names, 3))
    return f"UPDATE attempts SET {changes} WHERE account_id = $1 AND id = $2 RETURNING *"


def _stored(name: str, value: Any) -> Any:
    """The driver was taught to read JSON, and takes it as text."""
    is_json = name in _JSON and value is not None
    return msgspec.json.encode(value).decode() if is_json else value


def _hint(tx: Tx, attempt: Any, target: AttemptState, values: dict[str, Any]) -> None:
    """Wake whom a change concerns: the dial pass where capacity becomes free, and the session of
    a call that is over, was answered by a machine, or goes on in a newer stream."""
    is_freed = attempt.state in LIVE and target not in LIVE
    if is_freed or (attempt.has_transfer_leg and values.get("has_transfer_leg") is False):
        tx.hint(DIAL)
    was_up = attempt.state == AttemptState.IN_CALL
    if was_up and (is_freed or values.get("is_machine") or "stream_id" in values):
        tx.hint(call_topic(attempt.id))


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


async def has_reached_person(tx: Tx, attempt_id: UUID) -> bool:
    """True once the carrier has told that the leg of the call's transfer was answered."""
    c = carrier_events.c
    found = await tx.scalar(
        select(c.kind)
        .where(
            c.account_id == tx.account_id,
            c.attempt_id == attempt_id,
            c.kind == "transfer",
            c.body["DialAction"].astext.in_(ANSWERING),
        )
        .limit(1)
    )
    return found is not None


async def newer_than(tx: Tx, attempt: Any) -> Sequence[Any]:
    """Return the later attempts of the attempt's lead, unlocked, without test calls."""
    rows: Sequence[Any] = await tx.all(
        select(attempts).where(
            a.account_id == tx.account_id,
            a.enrolment_id == attempt.enrolment_id,
            a.id > attempt.id,
            a.is_test.is_(False),
        )
    )
    return rows


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
