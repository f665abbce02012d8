"""Once more: the leads a campaign did not reach, or the whole of it as a new campaign."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from dialer.dialing import lifecycle
from dialer.dialing.law import Law
from dialer.domain.campaign import CampaignState, require_redialable
from dialer.domain.definition import Definition
from dialer.store import campaigns, enrolments
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx


async def redial(
    tx: Tx, campaign_id: UUID, *, actor: str, missing_keys: Collection[str] = ()
) -> tuple[Campaign, int]:
    """Let the leads wait again that were not reached; return the campaign and how many.

    They begin their retry plan anew; their attempts, checks and what the law counts of them stay.
    A campaign that had finished runs again. Raises `RuleViolation` for a draft or a cancelled
    campaign, and whatever keeps a finished one from starting.
    """
    campaign = await campaigns.get(tx, campaign_id, lock=True)
    require_redialable(campaign.state)
    count = await enrolments.redial(
        tx, campaign_id, due=campaign.state in (CampaignState.RUNNING, CampaignState.FINISHED)
    )
    if count:
        reason = f"redial of {count} leads that were not reached"
        if campaign.state is CampaignState.FINISHED:
            await lifecycle.reopen(tx, campaign, actor=actor, reason=reason, keys=missing_keys)
        else:
            state = campaign.state
            await campaigns.log(tx, campaign_id, state, state, actor=actor, reason=reason)
    return await campaigns.get(tx, campaign_id), count


async def clone(
    tx: Tx, law: Law, campaign_id: UUID, *, name: str, list_id: UUID | None = None
) -> Campaign:
    """Make a draft with this campaign's newest definition, for its own list or another one.

    Dates that have passed are left out. Nothing else comes along: no attempts, and no leads that
    joined the campaign from elsewhere.
    """
    campaign = await campaigns.get(tx, campaign_id)
    return await lifecycle.create(
        tx,
        law,
        definition=_anew(campaign.definition, name, tx.now),
        list_id=list_id or campaign.row.list_id,
        name=name,
    )


def _anew(definition: Definition, name: str, now: datetime) -> Definition:
    dialing = definition.dialing
    starts_at, ends_at = (
        at if at is not None and at > now else None for at in (dialing.starts_at, dialing.ends_at)
    )
    return replace(
        definition,
        campaign=replace(definition.campaign, name=name),
        dialing=replace(dialing, starts_at=starts_at, ends_at=ends_at),
    )
