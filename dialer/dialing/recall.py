"""Calls that still wait in the carrier's queue when they may no longer ring.

A request beyond the carrier's own pace is accepted and dialed later, even minutes later
(plivo.md §7 no. 8). Its check does not reach that far: it ends with the calling window.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import select

from dialer.dialing.hang_up import cancel_queued
from dialer.domain.attempt import AttemptState
from dialer.errors import ProviderError
from dialer.providers.protocols import CallControl
from dialer.store.attempts import CarrierIds
from dialer.store.engine import Database
from dialer.store.tables import attempts

log = logging.getLogger(__name__)

a = attempts.c

# What has left the queue does not come back to it; a stopped process may look a little later.
_LOOK_BACK = timedelta(seconds=60)
_MOST = 50  # calls a pass


async def recall_late(db: Database, carrier: CallControl) -> int:
    """Take out of the queue what is in it past ``window_ends_at``; returns how many calls.

    Ringing phones are left alone: they rang inside the window.
    """
    async with db.begin() as tx:
        late = await tx.all(
            select(a.id, a.request_uuid, a.call_uuid, a.phone)
            .where(
                a.account_id == tx.account_id,
                a.state == AttemptState.PLACED,
                a.window_ends_at <= tx.now,
                a.window_ends_at > tx.now - _LOOK_BACK,
            )
            .order_by(a.id)
            .limit(_MOST)
        )
    recalled = 0
    try:
        if not late or not await carrier.queued_calls():
            return 0
        for row in late:
            # By phone, not by id: the queue's own ids are not always the request's.
            if await carrier.queued_calls(row.phone):
                log.warning("late_call_recalled", extra={"attempt_id": row.id})
                await cancel_queued(
                    db, carrier, CarrierIds(row.id, row.request_uuid, row.call_uuid)
                )
                recalled += 1
    except ProviderError as error:
        log.warning("carrier_lookup_failed", extra={"detail": str(error)})
    return recalled
