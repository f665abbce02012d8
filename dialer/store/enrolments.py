"""Leads' places in campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, func, select, update

from dialer.domain.attempt import Disposition
from dialer.domain.campaign import CampaignState
from dialer.domain.ids import uuid7s
from dialer.domain.retry import EnrolmentState, NextStep
from dialer.store.carrier import lock_carrier
from dialer.store.engine import Tx
from dialer.store.notify import DIAL
from dialer.store.queues import zone_key
from dialer.store.tables import campaigns, enrolments, leads

e = enrolments.c

_LEAD = (
    *(leads.c.name, leads.c.first_name, leads.c.timezone, leads.c.language, leads.c.external_id),
    *(leads.c.attributes, leads.c.attributes["event_at"].astext.label("event_at")),
)
_JOIN = enrolments.join(leads, and_(leads.c.account_id == e.account_id, leads.c.id == e.lead_id))


def _one(tx: Tx, enrolment_id: UUID) -> Any:
    return (
        select(enrolments, *_LEAD)
        .select_from(_JOIN)
        .where(e.account_id == tx.account_id, e.id == enrolment_id)
    )


async def read_one(tx: Tx, enrolment_id: UUID) -> Any:
    """Read one enrolment with its lead, or None."""
    return await tx.one_or_none(_one(tx, enrolment_id))


async def lock_one(tx: Tx, enrolment_id: UUID) -> Any:
    """Lock one enrolment and read it with its lead, or None."""
    query = _one(tx, enrolment_id).with_for_update(key_share=True, of=enrolments)
    return await tx.one_or_none(query)


async def save_one(tx: Tx, row: dict[str, Any]) -> None:
    """Write back an enrolment: ``id`` and the columns that change."""
    await tx.fetch(_save(tuple(row)), tx.account_id, tx.now, *row.values())


@lru_cache(maxsize=16)
def _save(names: tuple[str, ...]) -> str:
    assert set(names) <= set(e.keys()), names
    given = {name: f"${number}" for number, name in enumerate(names, 3)}
    changed = ", ".join(f"{name} = {value}" for name, value in given.items() if name != "id")
    return (
        f"UPDATE enrolments SET changed_at = $2, {changed} "
        f"WHERE account_id = $1 AND id = {given['id']}"
    )


def step_values(step: NextStep) -> dict[str, Any]:
    """Return the columns that a next step sets."""
    return {
        "state": step.state,
        "due_at": step.due_at,
        "disposition": step.disposition,
        "blocked_code": step.blocked_code,
    }


async def enrol_list(tx: Tx, *, campaign_id: UUID, list_id: UUID, due: bool) -> int:
    """Give every lead of the list that has none a place in the campaign; return how many."""
    fresh = (
        await tx.execute(
            select(leads.c.id, leads.c.phone, leads.c.timezone)
            .outerjoin(
                enrolments,
                and_(
                    e.account_id == leads.c.account_id,
                    e.campaign_id == campaign_id,
                    e.lead_id == leads.c.id,
                ),
            )
            .where(leads.c.account_id == tx.account_id, leads.c.list_id == list_id, e.id.is_(None))
            .order_by(leads.c.id)
        )
    ).all()
    await enrol_leads(tx, campaign_id=campaign_id, leads=fresh, due=due)
    return len(fresh)


async def enrol_leads(
    tx: Tx, *, campaign_id: UUID, leads: Sequence[Sequence[Any]], due: bool
) -> None:
    """Enrol (lead id, phone, timezone) rows as waiting; ``due``: at once, else when the campaign
    starts."""
    if due and leads:
        tx.hint(DIAL)
    tx.grew("enrolments", rows=len(leads))
    for start in range(0, len(leads), 5000):
        chunk = leads[start : start + 5000]
        await tx.fetch(  # one statement, for it is counted by statement (`tallies`)
            _ENROL,
            tx.account_id,
            campaign_id,
            tx.now if due else None,
            tx.now,
            uuid7s(len(chunk)),
            [lead_id for lead_id, _, _ in chunk],
            [phone for _, phone, _ in chunk],
            [zone_key(timezone, phone) for _, phone, timezone in chunk],
        )


_ENROL = """
INSERT INTO enrolments
  (account_id, id, campaign_id, lead_id, phone, zone_key, state, due_at, changed_at)
SELECT $1, given.id, $2, given.lead_id, given.phone, given.zone_key, 'waiting', $3, $4
FROM unnest($5::uuid[], $6::uuid[], $7::text[], $8::text[])
  AS given(id, lead_id, phone, zone_key)
"""


async def wake(
    tx: Tx, *, campaign_id: UUID | None = None, codes: Sequence[str] | None = None
) -> int:
    """Make waiting leads without a due time due now: of one campaign, or of some denial codes.

    codes: new facts are there. A dial pass that read the old ones may be about to write its
    denials, so this waits for it: a lead it lets wait for facts is woken, not forgotten.
    """
    if codes is not None:
        await lock_carrier(tx)
    query = update(enrolments).where(
        e.account_id == tx.account_id,
        e.state == EnrolmentState.WAITING,
        e.due_at.is_(None),
    )
    if campaign_id is not None:
        query = query.where(e.campaign_id == campaign_id)
    if codes is not None:
        query = query.where(e.blocked_code.in_(codes))
    result = await tx.execute(query.values(due_at=tx.now, changed_at=tx.now))
    if result.rowcount:
        tx.hint(DIAL)
    return int(result.rowcount)


async def redial(tx: Tx, campaign_id: UUID, *, due: bool) -> int:
    """Let the leads of a campaign that were not reached wait again as if never called; return how
    many. ``due``: at once, else when the campaign starts. What comes late of an older call no
    longer decides about them."""
    result = await tx.execute(
        update(enrolments)
        .where(
            e.account_id == tx.account_id,
            e.campaign_id == campaign_id,
            e.state == EnrolmentState.EXHAUSTED,
        )
        .values(
            state=EnrolmentState.WAITING,
            due_at=tx.now if due else None,
            attempts=0,
            disposition=None,
            blocked_code=None,
            last_attempt_id=None,
            changed_at=tx.now,
        )
    )
    if due and result.rowcount:
        tx.hint(DIAL)
    return int(result.rowcount)


async def count_in(tx: Tx, campaign_id: UUID, state: EnrolmentState) -> int:
    """Count a campaign's leads in one state."""
    query = select(func.count()).where(
        e.account_id == tx.account_id, e.campaign_id == campaign_id, e.state == state
    )
    return await tx.scalar(query) or 0


async def end_waiting(tx: Tx, campaign_id: UUID, state: EnrolmentState) -> int:
    """Move every waiting lead of a campaign to a final state; return how many.

    One that was promised a callback is no failure when time runs out: it is done / callback, for
    a person to keep the promise (design §5).
    """
    result = await tx.execute(
        update(enrolments)
        .where(
            e.account_id == tx.account_id,
            e.campaign_id == campaign_id,
            e.state == EnrolmentState.WAITING,
        )
        .values(state=_final(state), due_at=None, changed_at=tx.now)
    )
    return int(result.rowcount)


def _final(state: EnrolmentState) -> Any:
    if state is not EnrolmentState.EXHAUSTED:
        return state
    is_promised = e.disposition == Disposition.CALLBACK
    return case((is_promised, EnrolmentState.DONE.value), else_=state.value)


async def end_strays(tx: Tx) -> int:
    """End leads that wait in a campaign that is over; return how many.

    A call that ends while its campaign is being cancelled may still give its lead back: it read
    the campaign before, and its lead was not waiting when the others were ended.
    """
    c, moved = campaigns.c, 0
    for over, state in (
        (CampaignState.CANCELLED, EnrolmentState.CANCELLED),
        (CampaignState.FINISHED, EnrolmentState.EXHAUSTED),
    ):
        ids = select(c.id).where(c.account_id == tx.account_id, c.state == over)
        result = await tx.execute(
            update(enrolments)
            .where(
                e.account_id == tx.account_id,
                e.campaign_id.in_(ids),
                e.state == EnrolmentState.WAITING,
            )
            .values(state=_final(state), due_at=None, changed_at=tx.now)
        )
        moved += int(result.rowcount)
    return moved


async def has_open(tx: Tx, campaign_id: UUID) -> bool:
    """True while some lead still waits or is being called."""
    found = await tx.scalar(
        select(e.id)
        .where(
            e.account_id == tx.account_id,
            e.campaign_id == campaign_id,
            e.state.in_([EnrolmentState.WAITING, EnrolmentState.CALLING]),
        )
        .limit(1)
    )
    return found is not None


async def enrolled_among(tx: Tx, campaign_id: UUID, lead_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of ``lead_ids`` that have a place in the campaign."""
    rows = await tx.all(
        select(e.lead_id).where(
            e.account_id == tx.account_id,
            e.campaign_id == campaign_id,
            e.lead_id.in_(lead_ids),
        )
    )
    return {row.lead_id for row in rows}


async def of_phone(tx: Tx, campaign_id: UUID, phone: str) -> UUID | None:
    """Return the campaign's first enrolment of a phone, or None."""
    found: UUID | None = await tx.scalar(
        select(e.id)
        .where(e.account_id == tx.account_id, e.campaign_id == campaign_id, e.phone == phone)
        .order_by(e.id)
        .limit(1)
    )
    return found


async def campaigns_of(tx: Tx, lead_id: UUID, phone: str) -> Sequence[UUID]:
    """Return the campaigns in which a lead, whose phone this is, has a place."""
    rows = await tx.all(
        select(e.campaign_id)
        .where(e.account_id == tx.account_id, e.phone == phone, e.lead_id == lead_id)
        .order_by(e.campaign_id)
    )
    return [row.campaign_id for row in rows]
