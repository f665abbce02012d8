"""Answered calls in which nobody spoke: above a pack's rate a campaign stops."""

from __future__ import annotations

from uuid import UUID

from dialer.dialing.breakers import stop_campaign
from dialer.dialing.law import Law
from dialer.domain import breakers as domain
from dialer.domain.breakers import Reason
from dialer.domain.campaign import CampaignState
from dialer.store import campaigns
from dialer.store.abandoned import over_limits
from dialer.store.engine import Database, Tx


async def watch_abandonment(db: Database, law: Law) -> int:
    """Stop running campaigns that are above a rate that blocks; return how many."""
    async with db.begin() as tx:
        over = {
            one.id: words
            for one in await campaigns.in_state(tx, CampaignState.RUNNING)
            for limit, words in await over_limits(tx, one, law.packs_of(one.definition))
            if limit.blocks
        }
    for campaign_id, words in over.items():
        await _stop(db, campaign_id, words)
    return len(over)


async def _stop(db: Database, campaign_id: UUID, said: str) -> None:
    async def work(tx: Tx) -> None:
        await stop_campaign(tx, campaign_id, domain.opened(Reason.ABANDONMENT, said, tx.now))

    await db.run(work)
