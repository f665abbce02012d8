"""Attempts that nobody moves on any more: found at the carrier, or proved absent (design §6.4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select, update

from dialer.dialing.late_ends import correct_supposed, lease_supposed
from dialer.dialing.place import why_not_now
from dialer.dialing.search import (
    NOT_ASKED,
    UNCLEAR,
    Sighting,
    facts_of,
    ids_of,
    search,
    sight_silent,
    values_of,
)
from dialer.dialing.settle import end_call, end_unseen, give_up, lock_to_pause, refuse
from dialer.domain.absence import EVENT_OF_SIGHT, Absence, event_of_absence, judge_absence
from dialer.domain.attempt import (
    AttemptEvent,
    AttemptState,
    Refusal,
    is_cancel,
    was_dropped,
)
from dialer.errors import DatabaseAway, OverBudget, ProviderError
from dialer.providers.protocols import CallControl, CarrierCall
from dialer.settings import RecoveryBounds
from dialer.store import attempts as ledger
from dialer.store.attempts import Held
from dialer.store.engine import Database, Tx
from dialer.store.tables import attempts

log = logging.getLogger(__name__)

a = attempts.c
S = AttemptState

INTENT_GRACE = timedelta(seconds=1)  # the claiming process refuses its own stale intents first
_AMBIGUOUS_PAUSE_S = 5.0  # between two searches for one ambiguous attempt
_MOST_SEARCHES = 40  # ambiguous attempts a pass
_MOST_LOOKUPS = 500  # silent calls a pass: one look at the lists serves all that are up
_AT_ONCE = 8  # repairs under way: a carrier answers in 0.2 s, and each takes several requests


async def recover(db: Database, carrier: CallControl, bounds: RecoveryBounds) -> int:
    """One pass over everything overdue; returns how many attempts it moved on."""
    moved = await _refuse_stale_intents(db)
    moved += await _doubt_silent_placings(db, bounds)
    moved += await _find_ambiguous(db, carrier, bounds)
    moved += await _look_up_live(db, carrier, bounds)
    moved += await _look_up_supposed(db, carrier, bounds)
    return moved


async def _each(rows: Sequence[Any], repair: Callable[[Any], Awaitable[int]]) -> int:
    """Repair some rows at a time: one that cannot be repaired must not keep the others from it."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(row: Any) -> int:
        async with room:
            try:
                return await repair(row)
            except DatabaseAway:  # the next pass finds it again
                return 0
            except Exception as error:
                log.error("attempt_not_recovered", extra={"attempt_id": row.id}, exc_info=error)
                return 0

    return sum(await asyncio.gather(*(one(row) for row in rows)))


async def _refuse_stale_intents(db: Database) -> int:
    """An intent whose process died before its slot: the lead is due again, nothing counted."""
    async with db.begin() as tx:
        rows = await tx.all(
            select(a.id).where(
                a.account_id == tx.account_id,
                a.state == S.INTENDED,
                a.valid_until < tx.now - INTENT_GRACE,
            )
        )
    return await _each(rows, lambda row: db.run(lambda tx: _refuse_if_stale(tx, row.id)))


async def _refuse_if_stale(tx: Tx, attempt_id: UUID) -> int:
    held = await ledger.hold(tx, attempt_id)
    if held is None or held.attempt.state != S.INTENDED:
        return 0
    await refuse(tx, held, await why_not_now(tx, held) or Refusal.STALE)
    return 1


async def _doubt_silent_placings(db: Database, bounds: RecoveryBounds) -> int:
    async with db.begin() as tx:
        before = tx.now - timedelta(seconds=bounds.placing)
        rows = await ledger.in_states(tx, [S.PLACING], before=before)
    return await _each(rows, lambda row: db.run(lambda tx: _doubt(tx, row.id)))


async def _doubt(tx: Tx, attempt_id: UUID) -> int:
    held = await ledger.hold(tx, attempt_id)
    if held is None or held.attempt.state != S.PLACING:
        return 0
    log.warning("placing_went_silent", extra={"attempt_id": attempt_id})
    await ledger.change(tx, held, AttemptEvent.LOSE)
    return 1


async def _find_ambiguous(db: Database, carrier: CallControl, bounds: RecoveryBounds) -> int:
    pause_s = _AMBIGUOUS_PAUSE_S * bounds.lookup / 20
    rows = await _lease(db, [S.AMBIGUOUS], bounds, pause_s, limit=_MOST_SEARCHES)

    async def find(row: Any) -> int:
        return await _resolve(db, bounds, row, await search(db, carrier, bounds, row))

    return await _each(rows, find)


async def _look_up_live(db: Database, carrier: CallControl, bounds: RecoveryBounds) -> int:
    """Calls nobody told us the end of. A look at the lists serves all that are up; only those
    that it does not show are asked for one by one."""
    states = [S.PLACED, S.RINGING, S.IN_CALL]
    rows = await _lease(db, states, bounds, bounds.lookup, limit=_MOST_LOOKUPS, early=0.5)
    if not rows:
        return 0
    try:
        alive: set[str] | None = {*await carrier.queued_calls(), *await carrier.live_calls()}
    except OverBudget:
        return 0
    except ProviderError as error:
        log.warning("carrier_lookup_failed", extra={"detail": str(error)})
        alive = None

    async def find(row: Any) -> int:
        if alive is None or not alive.isdisjoint(ids_of(row)):
            # Seen, or nothing is known: either way no absence, and any proof starts again.
            is_counting = row.absent_since is not None
            return await _resolve(db, bounds, row, UNCLEAR) if is_counting else 0
        return await _resolve(db, bounds, row, await sight_silent(db, carrier, bounds, row))

    return await _each(rows, find)


async def _look_up_supposed(db: Database, carrier: CallControl, bounds: RecoveryBounds) -> int:
    """Ends that had to be supposed: their records may have come meanwhile."""
    rows = await lease_supposed(db, bounds)
    return await _each(rows, lambda row: correct_supposed(db, carrier, bounds, row))


async def _lease(
    db: Database,
    states: Sequence[S],
    bounds: RecoveryBounds,
    pause_s: float,
    *,
    limit: int,
    early: float = 1.0,
) -> Sequence[Any]:
    """Take attempts to look up, each by one process at a time; quiet for ``pause_s`` at least, or
    due for the second look of a proof.

    early: once one is due, those are taken along that will be after this part of the pause.
    """

    async def take(tx: Tx) -> Sequence[Any]:
        ids = await _due(tx, states, bounds, pause_s, limit=1)
        if ids:
            ids = await _due(tx, states, bounds, pause_s * early, limit=limit)
        if not ids:
            return []
        rows: Sequence[Any] = (
            await tx.execute(
                update(attempts)
                .where(a.account_id == tx.account_id, a.id.in_(ids))
                .values(looked_up_at=tx.now)
                .returning(attempts)
            )
        ).all()
        return rows

    return await db.run(take)


async def _due(
    tx: Tx, states: Sequence[S], bounds: RecoveryBounds, pause_s: float, *, limit: int
) -> list[UUID]:
    before = tx.now - timedelta(seconds=pause_s)
    absence = timedelta(seconds=bounds.absence)
    second_look = and_(
        a.absent_since <= tx.now - absence, a.looked_up_at < a.absent_since + absence
    )
    query = (
        select(a.id)
        .where(
            a.account_id == tx.account_id,
            a.state.in_(states),
            a.changed_at < before,
            or_(a.looked_up_at.is_(None), a.looked_up_at < before, second_look),
        )
        .order_by(a.looked_up_at.nulls_first(), a.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
    )
    return [row.id for row in await tx.all(query)]


async def _resolve(db: Database, bounds: RecoveryBounds, row: Any, sighting: Sighting) -> int:
    if sighting is NOT_ASKED:
        return 0
    return await db.run(lambda tx: _apply(tx, bounds, row, sighting))


async def _apply(tx: Tx, bounds: RecoveryBounds, seen: Any, sighting: Sighting) -> int:
    """Move one attempt on by what the carrier showed, unless it moved meanwhile."""
    call = sighting.call
    await lock_to_pause(tx, code=call.hangup_code if call else None)
    held = await ledger.hold(tx, seen.id)
    if held is None or held.attempt.state != seen.state:
        return 0
    if sighting is UNCLEAR:
        await ledger.change(tx, held, absent_since=None)
        return 0
    if sighting.where == "absent":
        return await _count_absence(tx, held, bounds, asked_at=seen.looked_up_at)
    # A queued call's id is the request's; what it will be called by once it rings is not known.
    call_uuid = None if sighting.where == "queued" else sighting.call_uuid
    ids = {
        "call_uuid": held.attempt.call_uuid or call_uuid,
        "request_uuid": held.attempt.request_uuid
        or (call.request_uuid if call else None)
        or sighting.call_uuid,
        "absent_since": None,
    }
    if sighting.where == "finished" and call is not None:
        await _end(tx, held, call, ids)
    else:
        if sighting.where == "in_call":
            ids["answered_at"] = held.attempt.answered_at or tx.now
        await ledger.change(tx, held, EVENT_OF_SIGHT[sighting.where], **ids)
    log.info("attempt_recovered", extra={"attempt_id": seen.id, "found": sighting.where})
    return 1


async def _end(tx: Tx, held: Held, call: CarrierCall, ids: dict[str, Any]) -> None:
    """Write down the carrier's record of the call."""
    facts = facts_of(held.attempt, call)
    was_cancelled = held.attempt.queue_cancelled_at is not None and is_cancel(facts.code)
    state = AttemptState(held.attempt.state)
    if was_dropped(state, was_answered=facts.was_answered, was_cancelled=was_cancelled):
        await ledger.change(tx, held, **ids)
        await give_up(tx, held)
    else:
        await end_call(tx, held, facts, **ids, **values_of(call))


async def _count_absence(tx: Tx, held: Held, bounds: RecoveryBounds, *, asked_at: datetime) -> int:
    """Two absences far enough apart settle it: never placed, or ended unseen.

    asked_at: when this search began. A search may take long; what it proves is no newer.
    """
    attempt = held.attempt
    state = AttemptState(attempt.state)
    absence = judge_absence(
        state,
        asked_at=asked_at,
        placing_at=attempt.placing_at or attempt.created_at,
        changed_at=attempt.changed_at,
        absent_since=attempt.absent_since,
        bounds=bounds,
    )
    if absence is Absence.FIRST:
        await ledger.change(tx, held, absent_since=tx.now)
    if absence is not Absence.PROVED:
        return 0
    log.warning("attempt_absent", extra={"attempt_id": attempt.id, "state": attempt.state})
    if event_of_absence(state) is AttemptEvent.FIND_ABSENT:
        await give_up(tx, held)
    else:
        await end_unseen(tx, held)
    return 1
