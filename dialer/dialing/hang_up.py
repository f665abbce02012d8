"""Ending calls at the carrier, after the transaction that decided it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from sqlalchemy import update

from dialer.domain.attempt import FINAL, AttemptState
from dialer.errors import ProviderError
from dialer.providers.protocols import CallControl
from dialer.store.attempts import CarrierIds, carrier_ids
from dialer.store.engine import Database, Tx
from dialer.store.tables import attempts

log = logging.getLogger(__name__)

a = attempts.c

_NAMED_WITHIN_S = 12.0  # the POST's 8 s and its two transactions, or recovery's first search
_LOOK_EVERY_S = 0.25
_UNDER_WAY = sorted(set(AttemptState) - FINAL)


async def end_calls(db: Database, carrier: CallControl, calls: Sequence[CarrierIds]) -> None:
    """End each call wherever it is; one that waits in the carrier's queue is noted as unrung.

    A failure is logged and left to the call's own time limit: nothing here may be retried
    blindly, and the hangup callback or recovery tells what became of the call.
    """
    for call in sorted(calls, key=_is_unnamed):  # who has to be waited for comes last
        try:
            await _end(db, carrier, await _named(db, call) if _is_unnamed(call) else call)
        except ProviderError as error:
            log.warning(
                "hang_up_failed", extra={"attempt_id": call.attempt_id, "detail": str(error)}
            )


def _is_unnamed(call: CarrierIds) -> bool:
    return call.request_uuid is None and call.call_uuid is None


async def _named(db: Database, call: CarrierIds) -> CarrierIds:
    """Wait for the name of a call that was just being asked for; as it was if none comes."""
    until = time.monotonic() + _NAMED_WITHIN_S
    while time.monotonic() < until:
        async with db.begin() as tx:
            found = await carrier_ids(tx, _UNDER_WAY, a.id == call.attempt_id)
        if not found:
            break  # refused, or over already
        if not _is_unnamed(found[0]):
            return found[0]
        await asyncio.sleep(_LOOK_EVERY_S)
    return call


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
