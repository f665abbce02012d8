"""Ends that recovery had to suppose, and the carrier's records of them that come late.

What the truth changes is said in `domain.late_end`. A record is looked for by the call's ids, and
by its number while nobody has named the call's own id: but a phone may have had another call by
now, so that a record which could be of either is left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, or_, select, update

from dialer.dialing.search import facts_of, ids_of, values_of
from dialer.dialing.settle import correct_end, lock_to_pause
from dialer.errors import OverBudget, ProviderError
from dialer.providers.protocols import CallControl, CarrierCall
from dialer.settings import RecoveryBounds
from dialer.store import attempts as ledger
from dialer.store.engine import Database, Tx
from dialer.store.tables import attempts

log = logging.getLogger(__name__)

a = attempts.c

_MOST = 20  # a pass: what is still up comes first


async def lease_supposed(db: Database, bounds: RecoveryBounds) -> Sequence[Any]:
    """Take attempts whose record may be there by now, each by one process at a time.

    Each look waits as long as all before it took together: eight in an hour, the first soon.
    """
    return await db.run(lambda tx: _take(tx, bounds))


async def _take(tx: Tx, bounds: RecoveryBounds) -> Sequence[Any]:
    waited = func.greatest(timedelta(seconds=bounds.lookup), a.looked_up_at - a.end_supposed_at)
    due = (
        select(a.id)
        .where(
            a.account_id == tx.account_id,
            a.end_supposed_at > tx.now - timedelta(seconds=bounds.late),
            or_(a.looked_up_at.is_(None), a.looked_up_at + waited <= tx.now),
        )
        .order_by(a.end_supposed_at)
        .limit(_MOST)
        .with_for_update(key_share=True, skip_locked=True)
    )
    ids = [row.id for row in await tx.all(due)]
    if not ids:
        return []
    taken = update(attempts).where(a.account_id == tx.account_id, a.id.in_(ids))
    rows: Sequence[Any] = (
        await tx.execute(taken.values(looked_up_at=tx.now).returning(attempts))
    ).all()
    return rows


async def correct_supposed(
    db: Database, carrier: CallControl, bounds: RecoveryBounds, row: Any
) -> int:
    """Look for the record of one call and write down what it says; returns 1 if that is news."""
    try:
        call = await _find_record(db, carrier, bounds, row)
    except OverBudget:
        return 0
    except ProviderError as error:
        log.warning("carrier_lookup_failed", extra={"attempt_id": row.id, "detail": str(error)})
        return 0
    return 0 if call is None else await db.run(lambda tx: _correct(tx, row, call))


async def _correct(tx: Tx, row: Any, call: CarrierCall) -> int:
    await lock_to_pause(tx, code=call.hangup_code)
    held = await ledger.hold(tx, row.id)
    if held is None:
        return 0
    ids = {
        "call_uuid": held.attempt.call_uuid or call.call_uuid,
        "request_uuid": held.attempt.request_uuid or call.request_uuid or call.call_uuid,
    }
    facts = facts_of(held.attempt, call)
    return int(await correct_end(tx, held, facts, **ids, **values_of(call)))


async def _find_record(
    db: Database, carrier: CallControl, bounds: RecoveryBounds, row: Any
) -> CarrierCall | None:
    for uuid in ids_of(row):
        if (call := await carrier.finished_call(uuid)) is not None:
            return call
    if row.call_uuid is not None:
        return None
    others = await _others(db, row)
    return only_record(await carrier.finished_calls(row.phone), row, others, bounds)


def only_record(
    calls: Iterable[CarrierCall], row: Any, others: Iterable[Any], bounds: RecoveryBounds
) -> CarrierCall | None:
    """Return the one record that can be of this attempt alone; None if there is none, or two.

    others: the phone's other attempts. The phone was this one's from its request to its end, give
    or take what the carrier's clock differs.
    """
    slack = timedelta(seconds=bounds.cdr_slack)
    since, until = row.placing_at - slack, row.end_supposed_at + slack
    known: set[str | None] = set()
    for other in others:
        if other.call_uuid is not None:
            known |= {other.call_uuid, other.request_uuid}
        elif other.placing_at is not None and since <= other.placing_at <= until:
            return None  # it may have a call of which nobody knows the id either
    found = [
        call
        for call in calls
        if call.call_uuid not in known
        and call.begun_at is not None
        and since <= call.begun_at <= row.end_supposed_at
    ]
    return found[0] if len(found) == 1 else None


async def _others(db: Database, row: Any) -> Sequence[Any]:
    async with db.begin() as tx:
        rows: Sequence[Any] = await tx.all(
            select(a.call_uuid, a.request_uuid, a.placing_at).where(
                a.account_id == tx.account_id, a.phone == row.phone, a.id != row.id
            )
        )
    return rows
