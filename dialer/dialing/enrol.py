"""Leads that join a campaign after it was created."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from dialer.dialing.lifecycle import remember_zones, require_filled
from dialer.domain.campaign import CampaignState
from dialer.errors import NotFound, RuleViolation
from dialer.store import campaigns, enrolments, leads, lists
from dialer.store.engine import Tx

_OPEN = (
    CampaignState.DRAFT,
    CampaignState.SCHEDULED,
    CampaignState.RUNNING,
    CampaignState.PAUSED,
)


async def enrol(
    tx: Tx, campaign_id: UUID, *, list_id: UUID | None = None, lead_ids: Sequence[UUID] = ()
) -> int:
    """Give leads a place in a campaign, due at once while it runs; return how many are new.

    Raises `NotFound` for a list or lead that is not there, `RuleViolation` for a campaign that is
    over, `InvalidInput` if the campaign runs and a lead lacks what it would say.
    """
    campaign = await campaigns.get(tx, campaign_id, lock=True)
    if campaign.state not in _OPEN:
        raise RuleViolation(
            f"campaign {campaign.row.name!r} is {campaign.state}; it takes no leads"
        )
    is_running = campaign.state is CampaignState.RUNNING
    count = 0
    if list_id is not None:
        await lists.get_list(tx, list_id)
        count += await enrolments.enrol_list(
            tx, campaign_id=campaign_id, list_id=list_id, due=is_running
        )
    if lead_ids:
        count += await _enrol_some(tx, campaign_id, lead_ids, due=is_running)
    await remember_zones(tx, campaign_id)
    if campaign.state in (CampaignState.RUNNING, CampaignState.SCHEDULED):
        await require_filled(tx, campaign)
    return count


async def _enrol_some(tx: Tx, campaign_id: UUID, lead_ids: Sequence[UUID], *, due: bool) -> int:
    phones = await leads.phones_of(tx, lead_ids)
    if unknown := [str(one) for one in lead_ids if one not in phones]:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise NotFound(f"lead_ids: no lead {', '.join(unknown[:5])}{more}")
    enrolled = await enrolments.enrolled_among(tx, campaign_id, list(phones))
    # Their zones are read when `remember_zones` looks at all of them.
    fresh = [(one, phones[one], None) for one in sorted(phones) if one not in enrolled]
    await enrolments.enrol_leads(tx, campaign_id=campaign_id, leads=fresh, due=due)
    return len(fresh)


async def lead_changed(tx: Tx, lead_id: UUID, phone: str, *, took_away: bool) -> None:
    """Tell the campaigns of a lead, whose phone this is, that it was corrected.

    took_away: it lost a value. Raises `InvalidInput` if a campaign on its way would have said it.
    """
    for campaign_id in await enrolments.campaigns_of(tx, lead_id, phone):
        await remember_zones(tx, campaign_id)
        if not took_away:
            continue
        campaign = await campaigns.get(tx, campaign_id)
        if campaign.state in (CampaignState.RUNNING, CampaignState.SCHEDULED):
            await require_filled(tx, campaign)
