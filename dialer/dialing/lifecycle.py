"""Campaigns on their way: created, started, paused, cancelled, finished."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from dialer.dialing import breakers
from dialer.dialing.fitness import require_callers, require_fitting
from dialer.dialing.law import Law
from dialer.dialing.settle import refuse
from dialer.domain.attempt import AttemptState, Refusal
from dialer.domain.campaign import CampaignState, move
from dialer.domain.definition import Definition, placeholders, to_tables
from dialer.domain.definition_parse import parse_tables
from dialer.domain.promotional import require_answer
from dialer.domain.retry import EnrolmentState
from dialer.errors import FieldError, InvalidInput, NotFound, RuleViolation
from dialer.store import attempts as ledger
from dialer.store import campaigns, carrier, enrolments
from dialer.store.attempts import CarrierIds
from dialer.store.budget import budget_of
from dialer.store.campaigns import Campaign
from dialer.store.engine import Database, Tx
from dialer.store.queues import renew_zone_keys
from dialer.store.tables import attempts, lead_lists, leads
from dialer.store.tables import enrolments as places

S = CampaignState

# Placeholders that every list has; all others are columns of the list's own.
LEAD_FIELDS: Mapping[str, Any] = {
    "phone": leads.c.phone,
    "name": leads.c.name,
    "first_name": func.coalesce(leads.c.first_name, leads.c.name),
    "external_id": leads.c.external_id,
    "timezone": leads.c.timezone,
    "language": leads.c.language,
}
_HANG_UP_FROM = (
    AttemptState.PLACING,
    AttemptState.AMBIGUOUS,
    AttemptState.PLACED,
    AttemptState.RINGING,
    AttemptState.IN_CALL,
)


async def create(tx: Tx, law: Law, *, definition: Definition, list_id: UUID, name: str) -> Campaign:
    """Make a draft of a checked definition and enrol the list's leads."""
    source = f"campaign {name!r}"
    law.require_packs(definition, source=source)
    if await campaigns.find(tx, name) is not None:
        raise RuleViolation(f"there is a campaign {name!r} already; choose another name")
    lead_list = await tx.one_or_none(
        select(lead_lists).where(
            lead_lists.c.account_id == tx.account_id, lead_lists.c.id == list_id
        )
    )
    if lead_list is None:
        raise NotFound(f"no lead list {list_id}")
    if lead_list.status != "ready":
        raise RuleViolation(f"lead list {lead_list.name!r} is {lead_list.status}, not ready")
    _require_placeholders(definition, lead_list.columns, source=source)
    packs = law.packs_of(definition)
    await require_fitting(tx, definition, packs, list_id=list_id, source=source)
    campaign_id = await campaigns.add(tx, list_id=list_id, definition=definition, name=name)
    await enrolments.enrol_list(tx, campaign_id=campaign_id, list_id=list_id, due=False)
    await remember_zones(tx, campaign_id)
    return await campaigns.get(tx, campaign_id)


async def redefine(tx: Tx, law: Law, campaign_id: UUID, definition: Definition) -> Campaign:
    """Give a draft or paused campaign a new version of its definition.

    Attempts keep the version they were made with. Raises `RuleViolation` in any other state.
    """
    campaign = await campaigns.get(tx, campaign_id, lock=True)
    if campaign.state not in (S.DRAFT, S.PAUSED):
        raise RuleViolation(
            f"the definition of a {campaign.state} campaign cannot change; pause it first"
            if campaign.state in (S.RUNNING, S.SCHEDULED)
            else f"the definition of a {campaign.state} campaign cannot change any more"
        )
    source = f"campaign {campaign.row.name!r}"
    law.require_packs(definition, source=source)
    columns = await tx.scalar(
        select(lead_lists.c.columns).where(
            lead_lists.c.account_id == tx.account_id, lead_lists.c.id == campaign.row.list_id
        )
    )
    _require_placeholders(definition, columns, source=source)
    packs, list_id = law.packs_of(definition), campaign.row.list_id
    await require_fitting(tx, definition, packs, list_id=list_id, source=source)
    version = campaign.row.version + 1
    dialing = definition.dialing
    await campaigns.add_version(tx, campaign_id, version, definition)
    await campaigns.save(
        tx,
        campaign_id,
        version=version,
        weight=dialing.weight,
        max_cps=dialing.max_cps,
        starts_at=dialing.starts_at,
        ends_at=dialing.ends_at,
    )
    return await campaigns.get(tx, campaign_id)


def _require_placeholders(definition: Definition, columns: Sequence[str], *, source: str) -> None:
    """Refuse a definition that speaks of a column the list does not have."""
    problems = list(_unknown_placeholders(definition, columns))
    if problems:
        lines = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
        raise InvalidInput(f"{source}: {lines}", problems)


async def remember_zones(tx: Tx, campaign_id: UUID) -> None:
    """Note the zones the campaign's leads bring, so that closed campaigns are skipped cheaply."""
    rows = await tx.all(
        select(leads.c.timezone)
        .join(
            places, (places.c.account_id == leads.c.account_id) & (places.c.lead_id == leads.c.id)
        )
        .where(
            leads.c.account_id == tx.account_id,
            places.c.campaign_id == campaign_id,
            leads.c.timezone.is_not(None),
        )
        .distinct()
    )
    await campaigns.save(tx, campaign_id, lead_zones=sorted(row.timezone for row in rows))
    await renew_zone_keys(tx, campaign_id)


def _unknown_placeholders(definition: Definition, columns: Sequence[str]) -> Iterator[FieldError]:
    known = [*LEAD_FIELDS, *columns]
    for path, names in placeholders(definition).items():
        for name in sorted(names - set(known)):
            yield FieldError(
                path, f"found {{{name}}}; the list has: {', '.join(sorted(set(known)))}", name
            )


async def change_state(
    tx: Tx,
    campaign_id: UUID,
    wanted: CampaignState,
    *,
    actor: str,
    in_flight: str = "finish",
    missing_keys: Collection[str] = (),
    owned_numbers: Collection[str] | None = None,
    not_promotional: str | None = None,
) -> tuple[Campaign, Sequence[CarrierIds]]:
    """Move a campaign as a person asked; also return the calls to end afterwards.

    missing_keys: of the providers of speech, see `settings.missing_speech_keys`. owned_numbers:
    see `fitness.require_callers`. not_promotional: the answer to `promotional.promotion_warning`,
    kept in a new version of the definition. Raises
    `IllegalTransition` (with the legal moves), `InvalidInput` or `RuleViolation` (not fit to
    start).
    """
    campaign = await campaigns.get(tx, campaign_id, lock=True)
    target = move(campaign.state, wanted, starts_at=campaign.row.starts_at, now=tx.now)
    if wanted is S.RUNNING:
        await breakers.lift(tx, campaign)
    else:
        await breakers.leave_to_person(tx, campaign)
    if target is not campaign.state:
        if target in (S.RUNNING, S.SCHEDULED):
            if not_promotional is not None:
                campaign = await _answered(tx, campaign, not_promotional)
            await _require_startable(tx, campaign, missing_keys)
            source = f"campaign {campaign.row.name!r} cannot start"
            await require_callers(tx, campaign.definition, owned=owned_numbers, source=source)
        await _enter(tx, campaign, target, actor=actor, reason=f"asked for {wanted}")
    to_end: Sequence[CarrierIds] = ()
    if target in (S.PAUSED, S.CANCELLED):
        await _refuse_intents(tx, campaign_id)
        if in_flight == "hang_up":
            a = attempts.c
            to_end = await ledger.ask_to_end(tx, _HANG_UP_FROM, a.campaign_id == campaign_id)
    return await campaigns.get(tx, campaign_id), to_end


async def reopen(
    tx: Tx, campaign: Campaign, *, actor: str, reason: str, keys: Collection[str]
) -> None:
    """Let a finished campaign run again, whose leads wait again; raises as `change_state`."""
    await _require_startable(tx, campaign, keys)
    await _enter(tx, campaign, S.RUNNING, actor=actor, reason=reason)


async def _answered(tx: Tx, campaign: Campaign, reason: str) -> Campaign:
    """Keep why a campaign's words promote nothing; nothing else of its definition changes."""
    tables = to_tables(campaign.definition)
    tables["campaign"]["not_promotional"] = reason
    definition = parse_tables(tables, source="answers.promotional_content")
    version = campaign.row.version + 1
    await campaigns.add_version(tx, campaign.id, version, definition)
    await campaigns.save(tx, campaign.id, version=version)
    return await campaigns.get(tx, campaign.id)


async def _enter(tx: Tx, campaign: Campaign, target: S, *, actor: str, reason: str) -> None:
    await campaigns.save(tx, campaign.id, state=target)
    await campaigns.log(tx, campaign.id, campaign.state, target, actor=actor, reason=reason)
    if target is S.RUNNING:
        await enrolments.wake(tx, campaign_id=campaign.id)
    if target is S.CANCELLED:
        await enrolments.end_waiting(tx, campaign.id, EnrolmentState.CANCELLED)


async def _require_startable(tx: Tx, campaign: Campaign, missing_keys: Collection[str]) -> None:
    """Find now what would otherwise fail in a call: nothing starts half fit."""
    require_answer(campaign.definition)
    require_playable(campaign.definition, missing_keys)
    if campaign.row.ends_at is not None and campaign.row.ends_at <= tx.now:
        raise RuleViolation(f"dialing.ends_at {campaign.row.ends_at.isoformat()} has passed")
    budget = await budget_of(tx, campaign)
    if budget is not None and budget.is_used_up(await carrier.live_of(tx, campaign.id)):
        message = f"{budget.in_words()}; raise it (PUT /campaigns/{campaign.id}) and start again"
        field = FieldError("dialing.budget_usd", message, float(budget.usd))
        raise InvalidInput(f"dialing.budget_usd: {message}", [field])
    await require_filled(tx, campaign)


def require_playable(definition: Definition, missing_keys: Collection[str]) -> None:
    """Raise `RuleViolation` for what cannot be played in a call: by this version at all, or
    without a key of a provider that it needs."""
    if definition.notification is not None and definition.notification.delivery == "phlo":
        raise RuleViolation("notification.delivery: phlo cannot be started by this version yet")
    missing = [key for key in _speech_keys(definition) if key in missing_keys]
    if missing:
        raise RuleViolation(
            f"campaign {definition.campaign.name!r} talks to people and cannot start without "
            f"{', '.join(missing)}; set it and start again"
        )


def _speech_keys(definition: Definition) -> tuple[str, ...]:
    """Name the keys a campaign's calls are served with; an announcement asks no model."""
    if not definition.is_streamed:
        return ()
    speech = ("DEEPGRAM_API_KEY", "CARTESIA_API_KEY")
    return speech if definition.notification is not None else (*speech, "OPENAI_API_KEY")


async def require_filled(tx: Tx, campaign: Campaign) -> None:
    """Raise `InvalidInput` if a waiting lead lacks what the campaign would say to it."""
    definition = campaign.definition
    problems = [
        FieldError(path, f"{{{name}}} is empty for {count} leads; fill it in or drop the leads")
        for path, names in placeholders(definition).items()
        for name in sorted(names)
        if (count := await _count_empty(tx, campaign.id, name))
    ]
    if problems:
        lines = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
        raise InvalidInput(f"campaign {campaign.row.name!r} cannot start: {lines}", problems)


async def _count_empty(tx: Tx, campaign_id: UUID, name: str) -> int:
    column = LEAD_FIELDS.get(name, leads.c.attributes[name].astext)
    return (
        await tx.scalar(
            select(func.count())
            .select_from(leads)
            .join(
                places,
                (places.c.account_id == leads.c.account_id) & (places.c.lead_id == leads.c.id),
            )
            .where(
                leads.c.account_id == tx.account_id,
                places.c.campaign_id == campaign_id,
                places.c.state == EnrolmentState.WAITING,
                func.coalesce(column, "") == "",
            )
        )
        or 0
    )


async def _refuse_intents(tx: Tx, campaign_id: UUID) -> None:
    """Intents of a stopped campaign need not wait for their slot to be refused."""
    a = attempts.c
    rows = await tx.all(
        select(a.id).where(
            a.account_id == tx.account_id,
            a.campaign_id == campaign_id,
            a.state == AttemptState.INTENDED,
            a.is_test.is_(False),
        )
    )
    for held in await ledger.hold_all(tx, [row.id for row in rows]):
        if held.attempt.state == AttemptState.INTENDED:
            await refuse(tx, held, Refusal.CAMPAIGN_STOPPED)


async def tick(db: Database) -> int:
    """Start what is scheduled, end what is over; harmless on every node. Returns moves made.

    Each campaign has a transaction of its own, opened only if it has something to do.
    """
    async with db.begin() as tx:
        waiting = await campaigns.in_state(tx, S.SCHEDULED, S.RUNNING, S.PAUSED)
        due = [one.id for one in waiting if await _has_news(tx, one)]
    moved = await db.run(enrolments.end_strays)
    for campaign_id in due:
        moved += await db.run(lambda tx, cid=campaign_id: _tick_one(tx, cid))  # type: ignore[misc]
    return moved


async def _has_news(tx: Tx, campaign: Campaign) -> bool:
    if campaign.state is S.SCHEDULED and _has_come(campaign.row.starts_at, tx):
        return True
    if _has_come(campaign.row.ends_at, tx):
        return True
    return campaign.state is S.RUNNING and not await enrolments.has_open(tx, campaign.id)


def _has_come(at: datetime | None, tx: Tx) -> bool:
    return at is not None and at <= tx.now


async def _tick_one(tx: Tx, campaign_id: UUID) -> int:
    campaign = await campaigns.get(tx, campaign_id, lock=True)
    if campaign.state not in (S.SCHEDULED, S.RUNNING, S.PAUSED):
        return 0
    is_over = _has_come(campaign.row.ends_at, tx)
    if is_over:
        await enrolments.end_waiting(tx, campaign.id, EnrolmentState.EXHAUSTED)
    may_finish = campaign.state is S.RUNNING or is_over
    if may_finish and not await enrolments.has_open(tx, campaign.id):
        await _enter(tx, campaign, S.FINISHED, actor="schedule", reason="nothing waits or calls")
        return 1
    if campaign.state is S.SCHEDULED and _has_come(campaign.row.starts_at, tx):
        await _enter(tx, campaign, S.RUNNING, actor="schedule", reason="starts_at was reached")
        return 1
    return 0
