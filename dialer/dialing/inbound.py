"""People who call our numbers. Nobody talks to them here, but their calls use the cap."""

from __future__ import annotations

import logging
from datetime import timedelta

from dialer.errors import ProviderError
from dialer.providers import plivo_callbacks as read
from dialer.providers.plivo_values import Form
from dialer.providers.protocols import CallControl
from dialer.store.engine import Database
from dialer.store.inbound import live_inbound, note_inbound, see_inbound

log = logging.getLogger(__name__)

_PAGE = 20


async def hear_inbound(db: Database, form: Form) -> None:
    """Take in an authentic callback of the application. One of a call of ours tells nothing here:
    those have addresses of their own."""
    told = read.read_answer(form)
    call_uuid = told.call_uuid
    if call_uuid is None or (told.direction or "").lower() != "inbound":
        return
    await db.run(lambda tx: note_inbound(tx, call_uuid, is_over=told.is_over))


async def end_lost_inbound(db: Database, carrier: CallControl, silent_s: float) -> int:
    """Ask the carrier for calls of which nothing was heard for so long; return how many are over.

    A hangup that was lost must not keep its part of the cap.
    """
    async with db.begin() as tx:
        before = tx.now - timedelta(seconds=silent_s)
        silent = await live_inbound(tx, seen_before=before, limit=_PAGE)
    over = 0
    for call_uuid in silent:
        try:
            is_up = await carrier.live_call(call_uuid) is not None
        except ProviderError as error:
            log.warning("inbound_not_looked_up", extra={"detail": str(error)})
            break
        async with db.begin() as tx:
            await see_inbound(tx, call_uuid, is_up=is_up)
        over += not is_up
    return over
