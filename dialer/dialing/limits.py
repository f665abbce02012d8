"""What the carrier account allows, changed while calls are about to start."""

from __future__ import annotations

from sqlalchemy import select

from dialer.dialing.settle import refuse
from dialer.domain.attempt import AttemptState, Refusal
from dialer.domain.pacing import repaced
from dialer.store import attempts as ledger
from dialer.store import carrier
from dialer.store.engine import Tx
from dialer.store.tables import attempts


async def change_limits(tx: Tx, *, cap: int, cps: float, inbound_reserve: int) -> None:
    """Set what the carrier account allows.

    Slots that were booked under wider limits are given back, their leads are due again at once:
    the next pass books them under the new ones.
    """
    account = await carrier.lock_carrier(tx)
    next_at = repaced(account.next_slot_at, old_cps=account.cps, new_cps=cps)
    if cps < account.cps or cap < account.cap or inbound_reserve > account.inbound_reserve:
        await _give_back(tx)
    await carrier.save_carrier(
        tx, cap=cap, cps=cps, inbound_reserve=inbound_reserve, next_slot_at=next_at
    )


async def _give_back(tx: Tx) -> None:
    """Refuse every intent that has not been taken up for placing."""
    a = attempts.c
    rows = await tx.all(
        select(a.id)
        .where(a.account_id == tx.account_id, a.state == AttemptState.INTENDED)
        .order_by(a.id)
    )
    for held in await ledger.hold_all(tx, [row.id for row in rows]):
        if held.attempt.state == AttemptState.INTENDED:
            await refuse(tx, held, Refusal.STALE)
