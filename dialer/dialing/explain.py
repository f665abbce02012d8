"""What the law would say about one lead, asked without claiming or writing anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dialer.compliance.alike import AtOnce
from dialer.compliance.decide import Verdict
from dialer.compliance.facts import Facts
from dialer.compliance.numbering import read_number
from dialer.compliance.packs import Pack
from dialer.compliance.words import Said, explain_verdict
from dialer.dialing.callers import CallerPool, judge
from dialer.dialing.facts import history_since
from dialer.dialing.law import Law
from dialer.errors import NotFound
from dialer.store import campaigns, enrolments, facts
from dialer.store.callers import kept_callers
from dialer.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision with everything it was made from, and each of its questions in words."""

    at: datetime
    facts: Facts
    packs: Sequence[Pack]
    verdict: Verdict
    said: Sequence[Said]


async def explain(tx: Tx, law: Law, *, name: str, phone: str, at: datetime | None) -> Explained:
    """Decide about a lead of the campaign, now or at another instant, and say why.

    Facts are those known now, also when ``at`` lies elsewhere.
    """
    campaign = await campaigns.by_name(tx, name)
    enrolment_id = await enrolments.of_phone(tx, campaign.id, phone)
    if enrolment_id is None:
        raise NotFound(f"no lead with this number in campaign {name!r}")
    lead = await enrolments.read_one(tx, enrolment_id)
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
    known, verdict = judge(
        pool, lead, campaign, sender=sender, batch=batch, packs=packs, deciding=AtOnce(instant)
    )
    said = explain_verdict(read_number(phone), known, packs, instant, verdict)
    return Explained(instant, known, packs, verdict, said)
