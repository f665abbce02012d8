"""The queue: leads' places in campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, func, insert, select, update

from dialer.domain.attempt import Disposition
from dialer.domain.campaign import CampaignState
from dialer.domain.ids import uuid7s
from dialer.domain.retry import EnrolmentState, NextStep
from dialer.store.arrays import columns_of, unnest
from dialer.store.carrier import lock_carrier
from dialer.store.engine import Tx
from dialer.store.notify import DIAL
from dialer.store.tables import campaigns, enrolments, leads

e = enrolments.c

# What a decision needs of a lead, beside its enrolment.
LEAD_COLUMNS = (
    leads.c.name,
    leads.c.first_name,
    leads.c.timezone,
    leads.c.language,
    leads.c.external_id,
    leads.c.attributes,
)
_JOIN = enrolments.join(leads, and_(leads.c.account_id == e.account_id, leads.c.id == e.lead_id))


@dataclass(frozen=True, slots=True)
class Queue:
    """Due leads of one campaign that are alike in priority and in where they may be.

    zone_key: see `zone_key`. phone: one of them. due: when the first of them became due.
    """

    campaign_id: UUID
    zone_key: str
    priority: int
    phone: str
    due: Sequence[datetime]

    @property
    def lead_zone(self) -> str | None:
        """The zone that these leads brought with them."""
        return self.zone_key.partition(" ")[0] or None


def zone_key(timezone: str | None, phone: str) -> str:
    """Return what tells leads apart by the zones they may be in: their own, and as many digits
    as tell regions apart; +91 has one zone and needs none.

    A hint for the order in which leads are looked at. What may be called is decided from the
    facts. The same as `_ZONE_KEY`.
    """
    own = timezone or ""
    if phone.startswith("+91"):
        return own
    return f"{own} {phone[: 5 if phone.startswith('+1') else 4]}"


_ZONE_KEY = """
coalesce(l.timezone, '') || CASE WHEN e.phone LIKE '+91%' THEN ''
  WHEN e.phone LIKE '+1%' THEN ' ' || left(e.phone, 5) ELSE ' ' || left(e.phone, 4) END
"""
_WAITS = "e.account_id = $1 AND e.state = 'waiting' AND e.due_at IS NOT NULL AND e.campaign_id"
# One probe of the index a queue finds them all; what they hold is read no further than `most`.
_QUEUES = f"""
WITH RECURSIVE q AS (
  SELECT c.id AS campaign_id, f.zone_key, f.priority FROM unnest($2::uuid[]) AS c(id)
  CROSS JOIN LATERAL (
    SELECT e.zone_key, e.priority FROM enrolments e WHERE {_WAITS} = c.id
    ORDER BY e.zone_key, e.priority LIMIT 1
  ) f
  UNION ALL
  SELECT q.campaign_id, f.zone_key, f.priority FROM q
  CROSS JOIN LATERAL (
    SELECT e.zone_key, e.priority FROM enrolments e WHERE {_WAITS} = q.campaign_id
      AND (e.zone_key, e.priority) > (q.zone_key, q.priority)
    ORDER BY e.zone_key, e.priority LIMIT 1
  ) f
)
SELECT q.campaign_id, q.zone_key, q.priority, (
  SELECT e.phone FROM enrolments e WHERE {_WAITS} = q.campaign_id
    AND e.zone_key = q.zone_key AND e.priority = q.priority ORDER BY e.due_at LIMIT 1
), ARRAY(
  SELECT e.due_at FROM enrolments e WHERE {_WAITS} = q.campaign_id
    AND e.zone_key = q.zone_key AND e.priority = q.priority AND e.due_at <= $3
  ORDER BY e.due_at LIMIT $4
) FROM q
"""


async def queues_of(tx: Tx, campaign_ids: Sequence[UUID], *, most: int) -> list[Queue]:
    """Return the queues with due leads, and of each no more than ``most`` of them."""
    rows = await tx.fetch(_QUEUES, tx.account_id, campaign_ids, tx.now, most)
    return [Queue(*row) for row in rows if row[4]]


_CLAIM = f"""
SELECT e.*, {", ".join(f"l.{column.name}" for column in LEAD_COLUMNS)}
FROM unnest($2::uuid[], $3::text[], $4::int[], $5::int[])
  AS q(campaign_id, zone_key, priority, most)
CROSS JOIN LATERAL (
  SELECT e.* FROM enrolments e WHERE {_WAITS} = q.campaign_id
    AND e.zone_key = q.zone_key AND e.priority = q.priority AND e.due_at <= $6
    AND e.id <> ALL($7::uuid[])
  ORDER BY e.due_at LIMIT q.most FOR NO KEY UPDATE SKIP LOCKED
) e
JOIN leads l ON l.account_id = e.account_id AND l.id = e.lead_id
ORDER BY e.priority DESC, e.due_at
"""


async def claim_due(
    tx: Tx, wanted: Sequence[tuple[Queue, int]], *, seen: Sequence[UUID] = ()
) -> Sequence[Any]:
    """Lock due leads, of each queue at most so many, the longest-waiting; skip held ones.

    Important and long-waiting first. ``seen``: enrolments this pass has decided on already.
    """
    return await tx.fetch(
        _CLAIM,
        tx.account_id,
        [queue.campaign_id for queue, _ in wanted],
        [queue.zone_key for queue, _ in wanted],
        [queue.priority for queue, _ in wanted],
        [most for _, most in wanted],
        tx.now,
        seen,
    )


async def renew_zone_keys(tx: Tx, campaign_id: UUID) -> None:
    """Write the zone key of each lead of a campaign where it is another by now."""
    await tx.fetch(
        f"UPDATE enrolments e SET zone_key = {_ZONE_KEY} FROM leads l "
        "WHERE e.account_id = $1 AND e.campaign_id = $2 AND l.account_id = e.account_id "
        f"AND l.id = e.lead_id AND e.zone_key <> {_ZONE_KEY}",
        tx.account_id,
        campaign_id,
    )


def _one(tx: Tx, enrolment_id: UUID) -> Any:
    return (
        select(enrolments, *LEAD_COLUMNS)
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


async def save_many(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write back decided enrolments. Each row has ``id`` and the same set of changed columns."""
    if not rows:
        return
    names = tuple(rows[0])
    await tx.fetch(_save(names), tx.account_id, tx.now, *columns_of(enrolments, names, rows))


@lru_cache(maxsize=16)
def _save(names: tuple[str, ...]) -> str:
    changed = ", ".join(f"{name} = given.{name}" for name in names if name != "id")
    return (
        f"UPDATE enrolments SET changed_at = $2, {changed} FROM {unnest(enrolments, names, 3)} "
        "WHERE enrolments.account_id = $1 AND enrolments.id = given.id"
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
    ids = uuid7s(len(leads))
    for start in range(0, len(leads), 5000):
        chunk = leads[start : start + 5000]
        await tx.execute(
            insert(enrolments),
            [
                {
                    "account_id": tx.account_id,
                    "id": new_id,
                    "campaign_id": campaign_id,
                    "lead_id": lead_id,
                    "phone": phone,
                    "zone_key": zone_key(timezone, phone),
                    "state": EnrolmentState.WAITING,
                    "due_at": tx.now if due else None,
                    "changed_at": tx.now,
                }
                for new_id, (lead_id, phone, timezone) in zip(
                    ids[start : start + 5000], chunk, strict=True
                )
            ],
        )


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
