"""Phones that still ring when their calling window closes: the ring ends, a talk goes on."""

from __future__ import annotations

import logging

from dialer.dialing.decided import RING_DELAY
from dialer.dialing.hang_up import end_calls
from dialer.domain.attempt import AttemptState
from dialer.providers.protocols import CallControl
from dialer.store.attempts import CarrierIds, ask_to_end
from dialer.store.engine import Database, Tx
from dialer.store.tables import attempts

log = logging.getLogger(__name__)

a = attempts.c

_UNANSWERED = (AttemptState.AMBIGUOUS, AttemptState.PLACED, AttemptState.RINGING)


async def end_late_rings(db: Database, carrier: CallControl) -> int:
    """End unanswered calls past their window; return how many. Their leads wait for the next."""
    late = await db.run(_take)
    if late:
        log.info("late_rings_ended", extra={"count": len(late)})
        await end_calls(db, carrier, late)
    return len(late)


async def _take(tx: Tx) -> list[CarrierIds]:
    # ``window_ends_at`` lies before the window's end by what a ring may take to begin.
    return await ask_to_end(
        tx,
        _UNANSWERED,
        a.window_ends_at <= tx.now - RING_DELAY,
        a.hang_up_asked_at.is_(None),
    )
