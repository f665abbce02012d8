"""Ending calls at the carrier, after the transaction that decided it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import update

from dialer.domain.attempt import FINAL
from dialer.errors import ProviderError
from dialer.providers.protocols import CallControl
from dialer.store.attempts import CarrierIds, take_hang_ups
from dialer.store.engine import Database, Tx
from dialer.store.tables import attempts

log = logging.getLogger(__name__)

a = attempts.c

_TRY_AGAIN_AFTER = timedelta(seconds=10)
_MOST = 50  # calls a pass


async def end_calls(db: Database, carrier: CallControl, calls: Sequence[CarrierIds]) -> None:
    """End each call wherever it is; one that waits in the carrier's queue is noted as unrung.

    A failure is logged: the wish stays in the ledger until the call is over, see `end_asked`.
    """
    for call in calls:
        try:
            await _end(db, carrier, call)
        except ProviderError as error:
            log.warning(
                "hang_up_failed", extra={"attempt_id": call.attempt_id, "detail": str(error)}
            )


async def end_asked(db: Database, carrier: CallControl) -> int:
    """End calls that were to be ended and still are not; returns how many were tried.

    Their id was not known, the carrier did not answer, or the process that asked was killed.
    Ending a call twice does nothing, so each is tried until the ledger has its end.
    """
    calls = await db.run(
        lambda tx: take_hang_ups(tx, tried_before=tx.now - _TRY_AGAIN_AFTER, limit=_MOST)
    )
    await end_calls(db, carrier, calls)
    return len(calls)


async def _end(db: Database, carrier: CallControl, call: CarrierIds) -> None:
    queued_id = call.request_uuid or call.call_uuid
    if queued_id is None:
        return
    if await carrier.queued_call(queued_id) is not None:
        await cancel_queued(db, carrier, call)
        return
    if call.call_uuid is None:
        # Not answered as far as we know, so the request can be cancelled; where it was answered
        # meanwhile, its id is the call's own too (plivo.md §1.1).
        await carrier.cancel_request(queued_id)
    await carrier.hang_up(call.call_uuid or queued_id)


async def cancel_queued(db: Database, carrier: CallControl, call: CarrierIds) -> None:
    """Take a call that the carrier still queues out of its queue: it was never placed."""
    queued_id = call.request_uuid or call.call_uuid
    if queued_id is not None:
        await db.run(lambda tx: _note_unrung(tx, call))
        await carrier.cancel_request(queued_id)


async def _note_unrung(tx: Tx, call: CarrierIds) -> None:
    await tx.execute(
        update(attempts)
        .where(
            a.account_id == tx.account_id,
            a.id == call.attempt_id,
            a.state.not_in(sorted(FINAL)),
        )
        .values(queue_cancelled_at=tx.now)
    )
