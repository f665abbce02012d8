"""What a campaign's calls have cost: kept once it can no longer change, the rest added up."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from dialer.domain.attempt import AttemptState
from dialer.domain.budget import Spent
from dialer.store.engine import Tx
from dialer.store.tables import attempts, spending

a, s = attempts.c, spending.c

# Late callbacks and a stream's own record of its use are in by then.
_SETTLED_AFTER = timedelta(minutes=5)
_ADD_UP_AFTER = timedelta(minutes=10)


async def spent(tx: Tx, campaign_id: UUID) -> Spent:
    """Return what the campaign's ended calls have cost, test calls included."""
    row = await _kept(tx, campaign_id)
    since = () if row is None else (a.ended_at > row.upto,)
    return await _sum(tx, campaign_id, row, *since)


async def add_up(tx: Tx, campaign_id: UUID) -> None:
    """Keep the sum over calls whose costs are settled; harmless on every node.

    The row is locked from the first to the last, so that no call is added twice.
    """
    first = select(func.min(a.ended_at)).where(
        a.account_id == tx.account_id, a.campaign_id == campaign_id, a.ended_at.is_not(None)
    )
    row = await _kept(tx, campaign_id, lock=True)
    upto = tx.now - _SETTLED_AFTER
    begun = row.upto if row is not None else await tx.scalar(first)
    if begun is None or begun > tx.now - _ADD_UP_AFTER:
        return
    since = () if row is None else (a.ended_at > row.upto,)
    total = await _sum(tx, campaign_id, row, *since, a.ended_at <= upto)
    values = {
        "upto": upto,
        "known_usd": total.known_usd,
        "dearest_usd": total.dearest_usd,
        "unknown": total.unknown,
    }
    if row is None:  # another node may be first with the very first sum
        first_sum = insert(spending).values(
            account_id=tx.account_id, campaign_id=campaign_id, **values
        )
        await tx.execute(first_sum.on_conflict_do_nothing())
    else:
        mine = (s.account_id == tx.account_id, s.campaign_id == campaign_id)
        await tx.execute(update(spending).where(*mine).values(**values))


async def amend(tx: Tx, before: Any, after: Any) -> None:
    """Put the kept sum right where it holds a call whose cost has changed. before, after: its row.

    The sum is locked first: whoever adds up meanwhile reads the call before it is amended or after
    that is committed, and knows which.
    """
    row = await _kept(tx, after.campaign_id, lock=True)
    if row is None or after.ended_at > row.upto:
        return
    was, now = before.known_cost_usd or 0, after.known_cost_usd or 0
    unknown = (after.total_cost_usd is None) - (before.total_cost_usd is None)
    values = {
        "known_usd": row.known_usd + now - was,
        "dearest_usd": max((one for one in (row.dearest_usd, now) if one), default=None),
        "unknown": row.unknown + unknown,
    }
    mine = (s.account_id == tx.account_id, s.campaign_id == after.campaign_id)
    await tx.execute(update(spending).where(*mine).values(**values))


async def _kept(tx: Tx, campaign_id: UUID, *, lock: bool = False) -> Any:
    query = select(spending).where(s.account_id == tx.account_id, s.campaign_id == campaign_id)
    return await tx.one_or_none(query.with_for_update(key_share=True) if lock else query)


async def _sum(tx: Tx, campaign_id: UUID, kept: Any, *only: Any) -> Spent:
    row = (
        await tx.all(
            select(
                func.coalesce(func.sum(a.known_cost_usd), 0),
                func.max(a.known_cost_usd),
                func.count().filter(a.total_cost_usd.is_(None)),
            ).where(
                a.account_id == tx.account_id,
                a.campaign_id == campaign_id,
                a.ended_at.is_not(None),
                a.state == AttemptState.ENDED,
                *only,
            )
        )
    )[0]
    before = Spent() if kept is None else Spent(kept.known_usd, kept.dearest_usd, kept.unknown)
    dearest = max((one for one in (before.dearest_usd, row[1]) if one), default=None)
    return Spent(before.known_usd + Decimal(row[0]), dearest, before.unknown + row[2])
