"""When a lead may be called next, and what its earlier calls say about that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from dialer.compliance.decide import next_open_at
from dialer.compliance.numbering import read_number
from dialer.compliance.packs import Pack
from dialer.compliance.zones import find_zone, zones_of
from dialer.dialing.law import loaded_packs
from dialer.domain.attempt import (
    AttemptState,
    Outcome,
    Refusal,
    refusal_in_hangup,
    was_cut_off,
)
from dialer.domain.retry import DOUBLING
from dialer.domain.spread import Calendar
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx
from dialer.store.reports import CALLED
from dialer.store.tables import attempts, leads

a = attempts.c

_LOOK_BACK = 20  # refusals of one lead in a row; more change nothing


async def calendar_of(tx: Tx, campaign: Campaign, lead: Any) -> Calendar:
    """Return when a lead may be called for its campaign. lead: an enrolment's row."""
    packs = loaded_packs(campaign.definition)
    given = await tx.scalar(
        select(leads.c.timezone).where(
            leads.c.account_id == tx.account_id, leads.c.id == lead.lead_id
        )
    )
    is_spread = campaign.definition.retry.spread is not None
    return Calendar(
        opens_at=opens_at(packs, campaign, lead.phone, given),
        zone=ZoneInfo(zone_of(packs, lead.phone, given)),
        tried_at=await _tried_at(tx, lead.id) if is_spread else (),
    )


def opens_at(
    packs: Sequence[Pack], campaign: Campaign, phone: str, lead_zone: str | None
) -> Callable[[datetime], datetime | None]:
    """Return the function from an instant to the first at which law and campaign allow a call."""
    hours = campaign.hours(packs)

    def find(at: datetime) -> datetime | None:
        return next_open_at(hours, phone=phone, lead_zone=lead_zone, at=at)

    return find


def zone_of(packs: Sequence[Pack], phone: str, given: str | None) -> str:
    """The lead's own zone, else the first its number allows. A call that was allowed has one; for
    a rule pack that changed meanwhile times are read as UTC."""
    own = None if given is None else find_zone(given)
    if own is not None:
        return own.key
    found = zones_of(read_number(phone), [pack.header for pack in packs], None, None)
    return found[0].key if found else "UTC"


async def _tried_at(tx: Tx, enrolment_id: UUID) -> list[datetime]:
    rows = await tx.all(
        select(a.placing_at)
        .where(
            a.account_id == tx.account_id,
            a.enrolment_id == enrolment_id,
            a.is_test.is_(False),
            a.state.in_(CALLED),
            a.placing_at.is_not(None),
        )
        .order_by(a.id)
    )
    return [row.placing_at for row in rows]


async def refusals_in_a_row(tx: Tx, enrolment_id: UUID) -> tuple[int, bool]:
    """Return how often the carrier refused a lead since it last took a call to it, and whether it
    took other calls of the campaign meanwhile. Only refusals of `DOUBLING` count."""
    rows = await tx.all(
        select(a.id, a.campaign_id, a.state, a.refusal, a.hangup_code, a.answered_at)
        .where(
            a.account_id == tx.account_id,
            a.enrolment_id == enrolment_id,
            a.is_test.is_(False),
        )
        .order_by(a.id.desc())
        .limit(_LOOK_BACK)
    )
    run = list(takewhile(lambda row: refusal_of(row) in DOUBLING, rows))
    if not run:
        return 0, False
    taken = await tx.scalar(
        select(a.id)
        .where(
            a.account_id == tx.account_id,
            a.campaign_id == run[-1].campaign_id,
            a.id > run[-1].id,
            a.enrolment_id != enrolment_id,
            a.placed_at.is_not(None),
        )
        .limit(1)
    )
    return len(run), taken is not None


def refusal_of(attempt: Any) -> Refusal | None:
    """Return why nothing rang for an attempt: refused at once, or as its hangup says."""
    if attempt.state == AttemptState.ENDED:
        was_answered = attempt.answered_at is not None
        return refusal_in_hangup(attempt.hangup_code, was_answered=was_answered)
    return None if attempt.refusal is None else Refusal(attempt.refusal)


def is_cut_off(attempt: Any) -> bool:
    """True if we ended the call before it was answered: its lead is given back, and nothing was
    tried. That we took it out of the carrier's queue may be learned only after it had to be given
    an end."""
    if attempt.state != AttemptState.ENDED:
        return False
    was_unrung = attempt.queue_cancelled_at is not None and attempt.rang_at is None
    return was_cut_off(
        Outcome(attempt.outcome),
        was_answered=attempt.answered_at is not None,
        was_asked_to_end=attempt.hang_up_asked_at is not None or was_unrung,
    )
