"""The row that every REST request to the carrier draws on, whichever process sends it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from dialer.domain.request_budget import Allowance, Drawn, draw
from dialer.store.engine import Tx
from dialer.store.tables import request_budgets

b = request_budgets.c


async def draw_requests(tx: Tx, *, urgent: int, lookups: int, of: Allowance) -> Drawn:
    """Draw on the account's budget; for a transaction of its own, so that nobody waits long."""
    mine = b.account_id == tx.account_id
    query = select(b.drawn_until).where(mine).with_for_update(key_share=True)
    until: datetime | None = (await tx.execute(query)).scalar_one()
    await tx.read_clock()  # the wait for the row was no time that counts
    drawn = draw(until, tx.now, urgent=urgent, lookups=lookups, of=of)
    await tx.execute(update(request_budgets).where(mine).values(drawn_until=drawn.until))
    return drawn
