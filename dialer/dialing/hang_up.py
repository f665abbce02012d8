"""Ending calls at the carrier, after the transaction that decided it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import or_, update

from dialer.domain.attempt import FINAL
from dialer.errors import ProviderError
from dialer.providers.protocols import CallControl
from dialer.store.engine import Database, Tx
from dialer.store.tables import attempts

log = logging.getLogger(__name__)

a = attempts.c


async def end_calls(db: Database, carrier: CallControl, carrier_ids: Sequence[str]) -> None:
    """End each call wherever it is; one that waits in the carrier's queue is noted as unrung.

    A failure is logged and left to the call's own time limit: nothing here may be retried
    blindly, and the hangup callback or recovery tells what became of the call.
    """
    for carrier_id in carrier_ids:
        try:
            if await carrier.queued_call(carrier_id) is not None:
                await db.run(lambda tx, cid=carrier_id: _note_unrung(tx, cid))  # type: ignore[misc]
                await carrier.cancel_request(carrier_id)
            else:
                await carrier.hang_up(carrier_id)
        except ProviderError as error:
            log.warning("hang_up_failed", extra={"call": carrier_id, "detail": str(error)})


async def _note_unrung(tx: Tx, carrier_id: str) -> None:
    await tx.execute(
        update(attempts)
        .where(
            a.account_id == tx.account_id,
            or_(a.request_uuid == carrier_id, a.call_uuid == carrier_id),
            a.state.not_in(sorted(FINAL)),
        )
        .values(queue_cancelled_at=tx.now)
    )
