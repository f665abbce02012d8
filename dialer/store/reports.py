"""What reports ask of the database: the rows of a campaign's results, and counts for its stats.

Test calls decide nothing about a lead, so they are in no number here but the live calls and the
checks, which count whatever was checked or takes capacity.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, func, select, true
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from dialer.domain.attempt import LIVE, RANG_OR_MAY_HAVE, AttemptState
from dialer.domain.retry import EnrolmentState
from dialer.store import tallies
from dialer.store.engine import Tx
from dialer.store.tables import answers, attempts, checks, enrolments, lead_lists, leads

a, e = attempts.c, enrolments.c

# The carrier's word is all that a call cost in which no stream was used.
_COST = case((and_(a.stream_id.is_(None), a.usage.is_(None)), a.cost_usd), else_=a.total_cost_usd)

CALLED = sorted(RANG_OR_MAY_HAVE | {AttemptState.PLACING})
"""States of an attempt that rang or may have: all that the carrier's ledger can know of."""


async def attribute_columns(tx: Tx, list_id: UUID) -> Sequence[str]:
    """Return the list's own columns in the order of its files."""
    c = lead_lists.c
    query = select(c.columns).where(c.account_id == tx.account_id, c.id == list_id)
    columns: Sequence[str] = await tx.scalar(query) or ()
    return columns


async def result_rows(
    tx: Tx, campaign_id: UUID, *, with_answers: bool, chunk: int
) -> AsyncGenerator[Sequence[Any]]:
    """Yield ``chunk`` rows at a time, one a lead in import order, from one snapshot.

    A server-side cursor, so that the whole is never in memory here.
    """
    query = _result_query(tx, campaign_id, with_answers=with_answers)
    async with tx.connection.stream(query) as result:
        async for rows in result.partitions(chunk):
            yield rows


def _result_query(tx: Tx, campaign_id: UUID, *, with_answers: bool) -> Any:
    c, lead = checks.c, leads.c
    mine = and_(a.account_id == e.account_id, a.enrolment_id == e.id, a.is_test.is_(False))
    calls = (
        select(
            func.count().label("attempts"),
            # One unknown price makes the sum unknown (invariant 12); no call at all has none.
            case((func.count(_COST) == func.count(), func.sum(_COST))).label("cost_usd"),
        )
        .where(mine, a.state.in_(CALLED))
        .lateral("calls")
    )
    last = (
        select(a.outcome, a.hangup_code, a.answered_at, a.talk_s)
        .where(mine, a.state == AttemptState.ENDED)
        .order_by(a.id.desc())
        .limit(1)
        .lateral("last")
    )
    joined = (
        enrolments.join(leads, and_(lead.account_id == e.account_id, lead.id == e.lead_id))
        .join(calls, true())
        .outerjoin(last, true())
        .outerjoin(checks, and_(c.account_id == e.account_id, c.id == e.last_check_id))
    )
    columns = [
        e.lead_id,
        lead.external_id,
        lead.phone,
        lead.name,
        e.state,
        *calls.c,
        *last.c,
        e.disposition,
        e.last_check_id,
        c.decision,
        c.code,
        lead.attributes,
    ]
    if with_answers:
        given = _answers(mine)
        joined = joined.join(given, true())
        columns.append(given.c.answers)
    return (
        select(*columns)
        .select_from(joined)
        .where(e.account_id == tx.account_id, e.campaign_id == campaign_id)
        .order_by(e.lead_id)
    )


def _answers(mine: Any) -> Any:
    """One object a lead; an answer of a later call replaces the earlier one to that question."""
    said = answers.c
    return (
        select(
            func.jsonb_object_agg(
                said.question_id, aggregate_order_by(said.value, said.attempt_id), type_=JSONB
            ).label("answers")
        )
        .select_from(
            attempts.join(answers, and_(said.account_id == a.account_id, said.attempt_id == a.id))
        )
        .where(mine)
        .lateral("given")
    )


@dataclass(frozen=True, slots=True)
class Places:
    """Enrolments alike in ``state``, ``disposition`` and ``blocked_code``.

    later: how many have a due time still to come, undated: how many have none; of leads that are
    held up. latest_due_at: the last due time of all that wait.
    """

    state: str
    disposition: str | None
    blocked_code: str | None
    count: int
    later: int
    undated: int
    latest_due_at: datetime | None


async def count_places(tx: Tx, campaign_id: UUID) -> list[Places]:
    """Count a campaign's enrolments. Who waits is who is in no other state; of those whom nothing
    holds up no due times are counted, and the last of them is every group's."""
    rows = await tallies.count_leads(tx, campaign_id)
    places = [
        Places(row.a, row.b, row.c, row.count, row.later, row.undated, row.latest_due_at)
        for row in rows
        if row.kind == "lead" and row.count
    ]
    enrolled = sum(row.count for row in rows if row.kind == "enrolled")
    if left := enrolled - sum(place.count for place in places):
        latest = rows[0].latest_due_at
        places.append(Places(EnrolmentState.WAITING, None, None, left, 0, 0, latest))
    return places


@dataclass(frozen=True, slots=True)
class Calls:
    """Attempts that rang or may have, alike in ``outcome`` (None: not over yet)."""

    outcome: str | None
    count: int


async def count_calls(tx: Tx, campaign_id: UUID) -> list[Calls]:
    """Count a campaign's calls by how they ended."""
    up = await tx.scalar(
        select(func.count()).where(
            a.account_id == tx.account_id,
            a.campaign_id == campaign_id,
            a.is_test.is_(False),
            a.state.in_(sorted(LIVE & set(CALLED))),
        )
    )
    over = await tallies.count_over(tx, [campaign_id])
    ended = [Calls(row.b, row.count) for row in over if row.a in CALLED and row.c is None]
    return [*ended, Calls(None, up)] if up else ended


async def count_supposed(tx: Tx, campaign_id: UUID) -> int:
    """Count a campaign's calls whose end nobody told; see `domain.late_end`."""
    query = select(func.count()).where(
        a.account_id == tx.account_id,
        a.campaign_id == campaign_id,
        a.is_test.is_(False),
        a.end_supposed_at.is_not(None),
    )
    return await tx.scalar(query) or 0


@dataclass(frozen=True, slots=True)
class Placed:
    """Calls the carrier was asked for since an instant, and the first of them."""

    count: int
    first_at: datetime | None


async def count_placed(tx: Tx, campaign_id: UUID, *, since: datetime) -> Placed:
    """Count a campaign's newest calls."""
    rows = await tx.all(
        select(func.count(), func.min(a.placing_at)).where(
            a.account_id == tx.account_id,
            a.campaign_id == campaign_id,
            a.is_test.is_(False),
            a.placing_at > since,
            a.state.in_(CALLED),
        )
    )
    return Placed(*rows[0])


_SETTLED = """
SELECT count(*) FROM attempts a
JOIN enrolments e ON e.account_id = a.account_id AND e.id = a.enrolment_id
  AND e.last_attempt_id = a.id
WHERE a.account_id = $1 AND a.campaign_id = $2 AND a.ended_at > $3
  AND e.state NOT IN ('waiting', 'calling')
"""


async def count_settled(tx: Tx, campaign_id: UUID, *, since: datetime) -> int:
    """Count the leads that came to their end with a call that ended after ``since``."""
    return int((await tx.fetch(_SETTLED, tx.account_id, campaign_id, since))[0][0])


_SOME_WAITING = """
SELECT e.phone, l.timezone FROM enrolments e
JOIN leads l ON l.account_id = e.account_id AND l.id = e.lead_id
WHERE e.account_id = $1 AND e.campaign_id = $2 AND e.state = 'waiting' LIMIT 1
"""


async def some_waiting(tx: Tx, campaign_id: UUID) -> Any:
    """Return phone and zone of a lead that waits, None if nobody does."""
    rows = await tx.fetch(_SOME_WAITING, tx.account_id, campaign_id)
    return rows[0] if rows else None


async def count_live(tx: Tx, campaign_id: UUID | None = None) -> dict[str, int]:
    """Count attempts that take capacity, by state, test calls included; None: of all campaigns."""
    only = () if campaign_id is None else (a.campaign_id == campaign_id,)
    rows = await tx.all(
        select(a.state, func.count())
        .where(a.account_id == tx.account_id, a.state.in_(sorted(LIVE)), *only)
        .group_by(a.state)
    )
    return {row[0]: row[1] for row in rows}
