"""Circuit breakers at work: opened by what the rows say, probed, closed, or left to a hand.

The tick looks without locks and decides again under them, so that it is harmless when it fires on
every node. Wrong credentials and an empty balance hold the account in the transaction that learns
of them (`settle`); its campaigns follow at the next tick.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from dialer.domain import breakers as domain
from dialer.domain.breakers import OF_ACCOUNT_BY_HAND, Breaker, Reason, Seen
from dialer.domain.campaign import CampaignState
from dialer.store import breakers, campaigns, carrier, spending
from dialer.store.breakers import breaker_of
from dialer.store.budget import budget_of
from dialer.store.campaigns import Campaign
from dialer.store.engine import Database, Tx

log = logging.getLogger(__name__)

S = CampaignState

ACTOR = "breaker"
_ENDS_WINDOW = max(rule.within for rule in domain.RULES.values())
_REQUESTS_WINDOW = timedelta(seconds=30)

Ends = Mapping[UUID, Sequence[Seen]]


async def tick(db: Database) -> int:
    """Open, probe and close what the rows ask for; returns how many breakers moved."""
    async with db.begin() as tx:
        watched = await _watched(tx)
        ends = await _ends(tx, watched)
        row = await carrier.get_carrier(tx)
        account = breaker_of(row)
        account_moves = await _account_after(tx, row, ends) != account
        due = [
            one.id
            for one in watched
            if await _campaign_after(tx, one, ends, account) != (one.state, breaker_of(one.row))
        ]
        budgeted = [one.id for one in watched if one.definition.dialing.budget_usd is not None]
    moved = await db.run(_move_account) if account_moves else 0
    for campaign_id in due:
        moved += await db.run(lambda tx, cid=campaign_id: _move_campaign(tx, cid))  # type: ignore[misc]
    for campaign_id in budgeted:
        await db.run(lambda tx, cid=campaign_id: spending.add_up(tx, cid))  # type: ignore[misc]
    return moved


async def _watched(tx: Tx) -> list[Campaign]:
    """Campaigns that run, and those whose breaker will let a call probe."""
    found = await campaigns.in_state(tx, S.RUNNING, S.PAUSED)
    return [one for one in found if one.state is S.RUNNING or one.row.paused_until is not None]


async def _ends(tx: Tx, watched: Sequence[Campaign]) -> Ends:
    ids = [one.id for one in watched if one.state is S.RUNNING]
    return await breakers.newest_ends(tx, ids, tx.now - _ENDS_WINDOW) if ids else {}


async def _account_after(tx: Tx, row: Any, ends: Ends) -> Breaker | None:
    held = breaker_of(row)
    if held is None:
        since = breakers.since_for(row, tx.now, _REQUESTS_WINDOW)
        requests = await breakers.newest_requests(tx, since)
        newest = [
            one
            for some in ends.values()
            for one in some
            if row.resumed_at is None or (one.ended_at and one.ended_at > row.resumed_at)
        ]
        tripped = domain.trips_on_requests(requests, tx.now)
        return tripped or domain.trips_on_silence(newest, tx.now)
    return await _probed(tx, held)


async def _probed(tx: Tx, held: Breaker) -> Breaker | None:
    if held.probe_id is None:
        return held
    verdict = domain.judge_probe(held.reason, await breakers.seen(tx, held.probe_id))
    return domain.after_probe(held, verdict, tx.now)


async def _campaign_after(
    tx: Tx, campaign: Campaign, ends: Ends, account: Breaker | None
) -> tuple[S, Breaker | None]:
    held = breaker_of(campaign.row)
    if campaign.state is S.PAUSED:
        probes = held is not None and not held.holds(tx.now)
        return (S.RUNNING if probes else S.PAUSED), held
    tripped = await _needs_hand(tx, campaign, account)
    if tripped is None and held is None:
        tripped = domain.trips_on_ends(ends.get(campaign.id, ()), tx.now)
    if tripped is not None:
        return S.PAUSED, tripped
    if held is None:
        return S.RUNNING, None
    after = await _probed(tx, held)
    is_open = after is not None and after.holds(tx.now)
    return (S.PAUSED if is_open else S.RUNNING), after


async def _needs_hand(tx: Tx, campaign: Campaign, account: Breaker | None) -> Breaker | None:
    """Return what a person must look at before the campaign goes on, None if nothing."""
    if account is not None and account.reason in OF_ACCOUNT_BY_HAND:
        return domain.opened(account.reason, account.detail, tx.now)
    most = campaign.definition.dialing.max_opt_out_rate
    opted_out, answered = await breakers.count_opt_outs(
        tx, campaign.id, resumed_at=campaign.row.resumed_at, most=most
    )
    tripped = domain.trips_on_opt_outs(
        opted_out=opted_out, answered=answered, most=most, now=tx.now
    )
    if tripped is not None:
        return tripped
    budget = await budget_of(tx, campaign)
    if budget is not None and budget.is_used_up(await carrier.live_of(tx, campaign.id)):
        return domain.opened(Reason.BUDGET, budget.in_words(), tx.now)
    return None


async def _move_account(tx: Tx) -> int:
    row = await carrier.lock_carrier(tx)
    running = await campaigns.in_state(tx, S.RUNNING)
    held, after = breaker_of(row), await _account_after(tx, row, await _ends(tx, running))
    if after == held:
        return 0
    await breakers.save_of_account(tx, after)
    if (said := domain.news(held, after)) is not None:
        await _tell(tx, f"carrier account: {said}", running)
    return 1


async def _tell(tx: Tx, said: str, running: Sequence[Campaign]) -> None:
    """Write what holds the account, or no longer does, into the log of each campaign it is for."""
    log.warning("carrier_account_breaker", extra={"detail": said})
    for one in running:
        await campaigns.log(tx, one.id, one.state, one.state, actor=ACTOR, reason=said)


async def _move_campaign(tx: Tx, campaign_id: UUID) -> int:
    campaign = await campaigns.get(tx, campaign_id, lock=True)
    if campaign.state not in (S.RUNNING, S.PAUSED):
        return 0
    held, account = breaker_of(campaign.row), breaker_of(await carrier.get_carrier(tx))
    if campaign.state is S.PAUSED and (held is None or held.until is None):
        return 0  # a person has paused it meanwhile
    ends = await _ends(tx, [campaign])
    state, after = await _campaign_after(tx, campaign, ends, account)
    if (state, after) == (campaign.state, held):
        return 0
    if after != held:
        await breakers.save_of_campaign(tx, campaign_id, after)
    said = domain.news(held, after)
    if state is not campaign.state:
        await campaigns.save(tx, campaign_id, state=state)
        if said is None and after is not None:
            said = domain.in_words(after, tx.now)
    if said is not None:
        log.warning("campaign_breaker", extra={"campaign_id": campaign_id, "detail": said})
        await campaigns.log(tx, campaign_id, campaign.state, state, actor=ACTOR, reason=said)
    return 1


async def hold_account(
    tx: Tx, reason: Reason, *, asked_at: datetime | None, detail: str | None = None
) -> None:
    """Hold the locked carrier account until a person has acted.

    detail: in words, where the reason has none of its own. asked_at: when the carrier was asked; a
    reply to what was asked before the last hand is none of its business.
    """
    row = await carrier.get_carrier(tx)
    held = breaker_of(row)
    if held is not None and held.reason in OF_ACCOUNT_BY_HAND:
        return
    if row.resumed_at is not None and asked_at is not None and asked_at < row.resumed_at:
        return
    after = domain.opened(reason, detail or domain.MEANING[reason], tx.now)
    log.error("carrier_account_paused", extra={"reason": reason.value})
    await breakers.save_of_account(tx, after)


async def stop_campaign(tx: Tx, campaign_id: UUID, after: Breaker) -> None:
    """Pause a running campaign until a person has acted."""
    campaign = await campaigns.get(tx, campaign_id, lock=True)
    if campaign.state is not S.RUNNING:
        return
    said = domain.in_words(after, tx.now)
    await breakers.save_of_campaign(tx, campaign_id, after)
    await campaigns.save(tx, campaign_id, state=S.PAUSED)
    log.warning("campaign_breaker", extra={"campaign_id": campaign_id, "detail": said})
    await campaigns.log(tx, campaign_id, S.RUNNING, S.PAUSED, actor=ACTOR, reason=said)


async def starts_left(tx: Tx, campaign: Campaign, live: int) -> int | None:
    """Return how many calls a running campaign's breaker and budget let start; None: any."""
    held, budget = breaker_of(campaign.row), await budget_of(tx, campaign)
    limits = [] if held is None else [held.may_start(tx.now)]
    if budget is not None:
        limits.append(budget.may_start(live))
    return min(limits, default=None)


async def note_probes(tx: Tx, account: Any, started: Sequence[tuple[Campaign, UUID]]) -> None:
    """Remember which of the calls that were just started probe a half-open breaker."""
    if not started:
        return
    of_campaigns = {
        campaign.id: attempt_id
        for campaign, attempt_id in started
        if campaign.row.paused_reason is not None
    }
    of_account = started[0][1] if account.paused_reason is not None else None
    await breakers.note_probes(tx, of_account=of_account, of_campaigns=of_campaigns)


async def lift(tx: Tx, campaign: Campaign) -> None:
    """A person wants the locked campaign to run: what waited for a hand has it now."""
    if campaign.row.paused_reason is not None:
        await breakers.save_of_campaign(tx, campaign.id, None)
    account = breaker_of(await carrier.get_carrier(tx))
    if account is not None and account.reason in OF_ACCOUNT_BY_HAND:
        await carrier.lock_carrier(tx)
        await breakers.save_of_account(tx, None)


async def leave_to_person(tx: Tx, campaign: Campaign) -> None:
    """A person has stopped the locked campaign: no breaker starts it again."""
    if campaign.row.paused_reason is not None:
        await breakers.save_of_campaign(tx, campaign.id, None)


async def resume_account(tx: Tx, *, actor: str) -> list[str]:
    """A person says that the account may dial again: its campaigns that were paused with it go
    on. Returns their names."""
    names = []
    for one in await campaigns.in_state(tx, S.PAUSED):
        if one.row.paused_reason not in OF_ACCOUNT_BY_HAND:
            continue
        campaign = await campaigns.get(tx, one.id, lock=True)
        if campaign.state is S.PAUSED and campaign.row.paused_reason in OF_ACCOUNT_BY_HAND:
            await breakers.save_of_campaign(tx, one.id, None)
            await campaigns.save(tx, one.id, state=S.RUNNING)
            reason = "the carrier account was resumed"
            await campaigns.log(tx, one.id, S.PAUSED, S.RUNNING, actor=actor, reason=reason)
            names.append(campaign.row.name)
    if breaker_of(await carrier.lock_carrier(tx)) is not None:
        await breakers.save_of_account(tx, None)
    return names
