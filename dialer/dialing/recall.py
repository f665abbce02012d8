"""Calls that still wait in the carrier's queue when they may no longer ring.

A request beyond the carrier's own pace is accepted and dialed later, even minutes later
(plivo.md §7 no. 8). Its check does not reach that far: it was made for a ring within seconds, it
ends with the calling window, and a campaign that was cancelled rings nobody any more.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import or_, select, update

from dialer.dialing.hang_up import cancel_queued
from dialer.domain.attempt import AttemptState
from dialer.domain.campaign import CampaignState
from dialer.errors import ProviderError
from dialer.providers.protocols import CallControl
from dialer.settings import RecoveryBounds
from dialer.store.attempts import CarrierIds
from dialer.store.engine import Database, Tx
from dialer.store.tables import attempts, campaigns

log = logging.getLogger(__name__)

a, c = attempts.c, campaigns.c

_PAUSE = timedelta(seconds=0.4)  # one process looks at a call, others at the next tick
_MOST = 100  # calls a pass


async def recall_late(db: Database, carrier: CallControl, bounds: RecoveryBounds) -> int:
    """Take out of the queue what is in it too late; returns how many calls.

    Ringing phones are left alone: they rang in time. What has left the queue does not come back
    to it, so each call is looked at until it was once seen outside.
    """
    late = await db.run(lambda tx: _take(tx, bounds))
    recalled: list[Any] = []
    try:
        if late and await carrier.queued_calls():
            for row in late:
                # By phone, not by id: the queue's own ids are not always the request's.
                if await carrier.queued_calls(row.phone):
                    log.warning("late_call_recalled", extra={"attempt_id": row.id})
                    ids = CarrierIds(row.id, row.request_uuid, row.call_uuid)
                    await cancel_queued(db, carrier, ids)
                    recalled.append(row)
    except ProviderError as error:
        log.warning("carrier_lookup_failed", extra={"detail": str(error)})
        return len(recalled)
    left = [row.id for row in late if row not in recalled]
    if left:
        await db.run(lambda tx: _note_left(tx, left))
    return len(recalled)


async def _take(tx: Tx, bounds: RecoveryBounds) -> Sequence[Any]:
    """Lease the calls that must not wait any longer, as far as nobody saw them leave the queue."""
    too_long = tx.now - timedelta(seconds=bounds.queued)
    cancelled = (
        select(c.id)
        .where(c.account_id == a.account_id, c.id == a.campaign_id)
        .where(c.state == CampaignState.CANCELLED)
    )
    due = (
        select(a.id)
        .where(
            a.account_id == tx.account_id,
            a.state == AttemptState.PLACED,
            a.left_queue_at.is_(None),
            or_(a.queue_looked_at.is_(None), a.queue_looked_at < tx.now - _PAUSE),
            or_(a.window_ends_at <= tx.now, a.placing_at < too_long, cancelled.exists()),
        )
        .order_by(a.id)
        .limit(_MOST)
        .with_for_update(key_share=True, skip_locked=True)
    )
    ids = [row.id for row in await tx.all(due)]
    if not ids:
        return []
    taken = (
        update(attempts)
        .where(a.account_id == tx.account_id, a.id.in_(ids))
        .values(queue_looked_at=tx.now)
        .returning(a.id, a.request_uuid, a.call_uuid, a.phone)
    )
    return (await tx.execute(taken)).all()  # type: ignore[no-any-return]  # a list of rows


async def _note_left(tx: Tx, ids: Sequence[Any]) -> None:
    await tx.execute(
        update(attempts)
        .where(a.account_id == tx.account_id, a.id.in_(ids))
        .values(left_queue_at=tx.now)
    )
