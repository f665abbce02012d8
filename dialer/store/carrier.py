"""The carrier account's row: its limits, its next dial slot, and what its cap is spent on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, literal, null, select, update

from dialer.domain.attempt import LIVE
from dialer.domain.pacing import Use
from dialer.store.engine import Tx
from dialer.store.tables import attempts, carrier_accounts, inbound_calls

_LIVE = sorted(LIVE)


async def lock_carrier(tx: Tx) -> Any:
    """Lock and return the carrier account row: one claim at a time (design §6.1).

    Before any lead, line or attempt is locked. The wait for it may have been long, so that the
    product clock is read again: no slot is booked in the past.
    """
    query = select(carrier_accounts).where(carrier_accounts.c.account_id == tx.account_id)
    row = (await tx.execute(query.with_for_update(key_share=True))).one()
    await tx.read_clock()
    return row


async def get_carrier(tx: Tx) -> Any:
    query = select(carrier_accounts).where(carrier_accounts.c.account_id == tx.account_id)
    return (await tx.execute(query)).one()


async def save_carrier(tx: Tx, **values: Any) -> None:
    await tx.execute(
        update(carrier_accounts)
        .where(carrier_accounts.c.account_id == tx.account_id)
        .values(**values)
    )


async def live_by_campaign(tx: Tx) -> tuple[dict[UUID, int], Use]:
    """Count live attempts a campaign, and the account's whole use of its cap."""
    c, i = attempts.c, inbound_calls.c
    ours = (
        select(c.campaign_id, func.count(), func.count().filter(c.has_transfer_leg.is_(True)))
        .where(c.account_id == tx.account_id, c.state.in_(_LIVE))
        .group_by(c.campaign_id)
    )
    theirs = select(null(), func.count(), literal(0)).where(
        i.account_id == tx.account_id, i.ended_at.is_(None)
    )
    rows = await tx.all(ours.union_all(theirs))
    live = {row[0]: row[1] for row in rows if row[0] is not None}
    use = Use(
        live=sum(live.values()),
        transfer_legs=sum(row[2] for row in rows),
        inbound=sum(row[1] for row in rows if row[0] is None),
    )
    return live, use


async def live_of(tx: Tx, campaign_id: UUID) -> int:
    """Count a campaign's live attempts."""
    c = attempts.c
    query = select(func.count()).where(
        c.account_id == tx.account_id, c.campaign_id == campaign_id, c.state.in_(_LIVE)
    )
    return await tx.scalar(query) or 0
