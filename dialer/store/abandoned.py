"""Answered calls in which nobody spoke to the person who answered, against what packs allow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from dialer.compliance.packs import Pack
from dialer.compliance.senders import AbandonmentLimit, abandonment_limits, is_over
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx
from dialer.store.tables import attempts
from dialer.store.tables.attempts import IS_ABANDONED

a = attempts.c


async def over_limits(
    tx: Tx, campaign: Campaign, packs: Sequence[Pack]
) -> Sequence[tuple[AbandonmentLimit, str]]:
    """Return the limits that a campaign is above, each with a sentence for a person.

    What was before a person resumed it counts no more.
    """
    what = campaign.definition
    found = []
    for limit in abandonment_limits(packs, what.campaign.category, what.mode, tx.now.date()):
        since = max(filter(None, (tx.now - limit.period, campaign.row.resumed_at)))
        gone, answered = await _count(tx, campaign.id, since, limit.max_rate)
        if is_over(limit, abandoned=gone, answered=answered):
            hours = limit.period.total_seconds() / 3600
            words = f"over {limit.max_rate:.0%} of those who answered in {hours:g} h found nobody"
            found.append((limit, f"{words} to talk to ({gone} calls; {limit.rule_id})"))
    return found


async def _count(tx: Tx, campaign_id: UUID, since: datetime, max_rate: float) -> tuple[int, int]:
    """Count a campaign's abandoned calls since an instant, and the people who answered: these no
    further than what could make the rate exceed ``max_rate``, or make it one at all."""
    mine = (
        a.account_id == tx.account_id,
        a.campaign_id == campaign_id,
        a.ended_at > since,
        a.is_test.is_(False),
        a.answered_at.is_not(None),
        a.is_machine.is_(False),
    )
    gone = await tx.scalar(select(func.count()).select_from(attempts).where(*mine, IS_ABANDONED))
    if not gone:
        return 0, 0
    answered = select(a.id).where(*mine).limit(int(gone / max_rate) + 1).subquery()
    return gone, await tx.scalar(select(func.count()).select_from(answered)) or 0
