"""Attempts that nobody moves on any more: found at the carrier, or proved absent (design §6.4)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update

from dialer.dialing.place import why_not
from dialer.dialing.settle import end_call, give_up, lock_to_pause, refuse
from dialer.domain.attempt import (
    AttemptEvent,
    AttemptState,
    HangupFacts,
    Refusal,
    was_dropped,
)
from dialer.errors import ProviderError
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
_MOST_LOOKUPS = 40  # attempts a pass: three requests each stay inside 300 per 5 s


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where the carrier has a call: ``queued``, ``ringing``, ``in_call``, ``finished``, absent."""

    where: str
    call: CarrierCall | None = None
    call_uuid: str | None = None


ABSENT = Sighting("absent")


async def recover(db: Database, carrier: CallControl, bounds: RecoveryBounds) -> int:
    """One pass over everything overdue; returns how many attempts it moved on."""
    moved = await _refuse_stale_intents(db)
    moved += await _doubt_silent_placings(db, bounds)
    ambiguous = await _lease(db, [S.AMBIGUOUS], _AMBIGUOUS_PAUSE_S * bounds.lookup / 20)

    async def find(row: Any) -> int:
        return await _resolve(db, bounds, row, await _search(db, carrier, bounds, row))

    moved += await _each(ambiguous, find)
    moved += await _look_up_live(db, carrier, bounds)
    return moved


async def _each(rows: Sequence[Any], repair: Callable[[Any], Awaitable[int]]) -> int:
    """Repair row by row: one that cannot be repaired must not keep the others from it."""
    moved = 0
    for row in rows:
        try:
            moved += await repair(row)
        except Exception as error:
            log.error("attempt_not_recovered", extra={"attempt_id": row.id}, exc_info=error)
    return moved


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
    await refuse(tx, held, await why_not(tx, held) or Refusal.STALE)
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


async def _lease(db: Database, states: Sequence[S], pause_s: float) -> Sequence[Any]:
    """Take attempts to look up, each by one process at a time; quiet for ``pause_s`` at least."""

    async def take(tx: Tx) -> Sequence[Any]:
        before = tx.now - timedelta(seconds=pause_s)
        due = (
            select(a.id)
            .where(
                a.account_id == tx.account_id,
                a.state.in_(states),
                a.changed_at < before,
                or_(a.looked_up_at.is_(None), a.looked_up_at < before),
            )
            .order_by(a.looked_up_at.nulls_first(), a.id)
            .limit(_MOST_LOOKUPS)
            .with_for_update(key_share=True, skip_locked=True)
        )
        ids = [row.id for row in await tx.all(due)]
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


async def _search(
    db: Database, carrier: CallControl, bounds: RecoveryBounds, row: Any
) -> Sighting | None:
    """Search all three lists for a call whose id we do not know; None if any list failed.

    A phone has at most one live or ambiguous attempt, so a call to it that no other attempt
    claims, begun about when we asked, is this one.
    """
    async with db.begin() as tx:
        others = await _uuids_of_others(tx, row)
    try:
        for call_uuid in await carrier.queued_calls(row.phone):
            if call_uuid not in others:
                return Sighting("queued", call_uuid=call_uuid)
        for call_uuid in await carrier.live_calls(row.phone):
            if call_uuid not in others:
                return await _sight_live(carrier, call_uuid)
        begun_after = row.placing_at - timedelta(seconds=bounds.cdr_slack)
        for call in await carrier.finished_calls(row.phone):
            known = {call.call_uuid, call.request_uuid} & others
            if not known and (call.begun_at is None or call.begun_at >= begun_after):
                return Sighting("finished", call, call.call_uuid)
    except ProviderError as error:
        log.warning("carrier_lookup_failed", extra={"attempt_id": row.id, "detail": str(error)})
        return None
    return ABSENT


async def _uuids_of_others(tx: Tx, row: Any) -> set[str]:
    rows = await tx.all(
        select(a.call_uuid, a.request_uuid).where(
            a.account_id == tx.account_id, a.phone == row.phone, a.id != row.id
        )
    )
    return {uuid for found in rows for uuid in found if uuid}


async def _sight_live(carrier: CallControl, call_uuid: str) -> Sighting:
    call = await carrier.live_call(call_uuid)
    is_up = call is not None and call.status == "in-progress"
    return Sighting("in_call" if is_up else "ringing", call, call_uuid)


async def _look_up_live(db: Database, carrier: CallControl, bounds: RecoveryBounds) -> int:
    """Calls nobody told us the end of. Two list requests serve them all."""
    rows = await _lease(db, [S.PLACED, S.RINGING, S.IN_CALL], bounds.lookup)
    if not rows:
        return 0
    try:
        alive: set[str] | None = {*await carrier.queued_calls(), *await carrier.live_calls()}
    except ProviderError as error:
        log.warning("carrier_lookup_failed", extra={"detail": str(error)})
        alive = None

    async def find(row: Any) -> int:
        if alive is None or not alive.isdisjoint(_ids(row)):
            # Seen, or nothing is known: either way no absence, and any proof starts again.
            return 0 if row.absent_since is None else await _resolve(db, bounds, row, None)
        return await _resolve(db, bounds, row, await _sight_silent(db, carrier, bounds, row))

    return await _each(rows, find)


def _ids(row: Any) -> list[str]:
    return [one for one in dict.fromkeys((row.call_uuid, row.request_uuid)) if one]


async def _sight_silent(
    db: Database, carrier: CallControl, bounds: RecoveryBounds, row: Any
) -> Sighting | None:
    """Look for a call that is not alive under its ids. Until a callback has named its call id,
    it may be alive or over under another (plivo.md §1.1), and is searched for by its number."""
    try:
        for uuid in _ids(row):
            if (call := await carrier.finished_call(uuid)) is not None:
                return Sighting("finished", call, call.call_uuid)
    except ProviderError as error:
        log.warning("carrier_lookup_failed", extra={"attempt_id": row.id, "detail": str(error)})
        return None
    return ABSENT if row.call_uuid else await _search(db, carrier, bounds, row)


async def _resolve(
    db: Database, bounds: RecoveryBounds, row: Any, sighting: Sighting | None
) -> int:
    return await db.run(lambda tx: _apply(tx, bounds, row, sighting))


async def _apply(tx: Tx, bounds: RecoveryBounds, seen: Any, sighting: Sighting | None) -> int:
    """Move one attempt on by what the carrier showed, unless it moved meanwhile."""
    call = None if sighting is None else sighting.call
    await lock_to_pause(tx, code=call.hangup_code if call else None)
    held = await ledger.hold(tx, seen.id)
    if held is None or held.attempt.state != seen.state:
        return 0
    if sighting is None:
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
        events = {
            "queued": AttemptEvent.ACCEPT,
            "ringing": AttemptEvent.RING,
            "in_call": AttemptEvent.ANSWER,
        }
        if sighting.where == "in_call":
            ids["answered_at"] = held.attempt.answered_at or tx.now
        await ledger.change(tx, held, events[sighting.where], **ids)
    log.info("attempt_recovered", extra={"attempt_id": seen.id, "found": sighting.where})
    return 1


async def _end(tx: Tx, held: Held, call: CarrierCall, ids: dict[str, Any]) -> None:
    """Write down the carrier's record of the call."""
    facts = _facts(held, call)
    was_cancelled = held.attempt.queue_cancelled_at is not None
    state = AttemptState(held.attempt.state)
    if was_dropped(state, was_answered=facts.was_answered, was_cancelled=was_cancelled):
        await ledger.change(tx, held, **ids)
        await give_up(tx, held)
    else:
        await end_call(tx, held, facts, **ids, **_record(call))


async def _count_absence(tx: Tx, held: Held, bounds: RecoveryBounds, *, asked_at: datetime) -> int:
    """Two absences far enough apart settle it: never placed, or ended unseen.

    asked_at: when this search began. A search may take long; what it proves is no newer.
    """
    attempt = held.attempt
    placing_at: datetime = attempt.placing_at or attempt.created_at
    if asked_at - placing_at < timedelta(seconds=bounds.first_absence):
        return 0
    if attempt.absent_since is None:
        await ledger.change(tx, held, absent_since=tx.now)
        return 0
    if asked_at - attempt.absent_since < timedelta(seconds=bounds.absence):
        return 0
    log.warning("attempt_absent", extra={"attempt_id": attempt.id, "state": attempt.state})
    if attempt.state == S.AMBIGUOUS:
        await give_up(tx, held)
    else:
        # Accepted once, known nowhere now: it ended, and nobody can say how.
        unknown = HangupFacts(
            None, None, None, None, attempt.answered_at is not None, attempt.is_machine
        )
        await end_call(tx, held, unknown)
    return 1


def _facts(held: Held, call: CarrierCall) -> HangupFacts:
    was_answered = (
        held.attempt.answered_at is not None or call.answered_at is not None or bool(call.bill_s)
    )
    return HangupFacts(
        code=call.hangup_code,
        cause=call.hangup_cause,
        status=None,
        source=call.hangup_source,
        was_answered=was_answered,
        is_machine=held.attempt.is_machine,
    )


def _record(call: CarrierCall) -> dict[str, Any]:
    values: dict[str, Any] = {"cost_usd": call.cost_usd, "talk_s": call.bill_s}
    if call.answered_at is not None:
        values["answered_at"] = call.answered_at
    return values
