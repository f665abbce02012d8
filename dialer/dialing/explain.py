"""What the law would say about one lead, asked without claiming or writing anything."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from dialer.compliance.decide import Verdict
from dialer.dialing.callers import CallerPool, judge
from dialer.dialing.facts import history_since
from dialer.dialing.law import Law
from dialer.errors import NotFound
from dialer.store import campaigns, enrolments, facts
from dialer.store.callers import kept_callers
from dialer.store.engine import Tx
from dialer.store.tables import enrolments as places


async def explain(
    tx: Tx, law: Law, *, name: str, phone: str, at: datetime | None
) -> tuple[Verdict, datetime]:
    """Return the verdict for a lead of the campaign and the instant it holds for.

    Facts are those known now, also when ``at`` lies elsewhere.
    """
    campaign = await campaigns.by_name(tx, name)
    p = places.c
    place = await tx.one_or_none(
        select(p.id)
        .where(p.account_id == tx.account_id, p.campaign_id == campaign.id, p.phone == phone)
        .limit(1)
    )
    if place is None:
        raise NotFound(f"no lead with this number in campaign {name!r}")
    lead = await enrolments.read_one(tx, place.id)
    packs = law.packs_of(campaign.definition)
    instant = at or tx.now
    batch = await facts.facts_of(
        tx,
        campaign_id=campaign.id,
        list_id=campaign.row.list_id,
        leads={lead.lead_id: lead.phone},
        history_since=history_since(packs, instant),
    )
    leads = {lead.lead_id: lead.phone}
    pool = CallerPool(
        await facts.caller_rows(tx), await kept_callers(tx, campaign.definition, leads)
    )
    sender = await facts.sender_row(tx)
    _, verdict = judge(pool, lead, campaign, sender=sender, batch=batch, packs=packs, now=instant)
    return verdict, instant
