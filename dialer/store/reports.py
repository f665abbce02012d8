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

    later: how many have a due time still to come; latest_due_at: the last of them.
    undated: how many have no due time.
    """

    state: str
    disposition: str | None
    blocked_code: str | None
    count: int
    later: int
    undated: int
    latest_due_at: datetime | None


async def count_places(tx: Tx, campaign_id: UUID) -> list[Places]:
    """Count a campaign's enrolments in one grouped pass."""
    rows = await tx.all(
        select(
            e.state,
            e.disposition,
            e.blocked_code,
            func.count(),
            func.count().filter(e.due_at > tx.now),
            func.count().filter(e.due_at.is_(None)),
            func.max(e.due_at),
        )
        .where(e.account_id == tx.account_id, e.campaign_id == campaign_id)
        .group_by(e.state, e.disposition, e.blocked_code)
    )
    return [Places(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Calls:
    """Attempts that rang or may have, alike in ``outcome`` (None: not over yet).

    placed_lately: those the carrier was asked for since the given instant, first_at their first.
    """

    outcome: str | None
    count: int
    placed_lately: int
    first_at: datetime | None


async def count_calls(tx: Tx, campaign_id: UUID, *, since: datetime) -> list[Calls]:
    """Count a campaign's calls by how they ended, and those placed after ``since``."""
    lately = a.placing_at > since
    rows = await tx.all(
        select(
            a.outcome,
            func.count(),
            func.count().filter(lately),
            func.min(a.placing_at).filter(lately),
        )
        .where(
            a.account_id == tx.account_id,
            a.campaign_id == campaign_id,
            a.is_test.is_(False),
            a.state.in_(CALLED),
        )
        .group_by(a.outcome)
    )
    return [Calls(*row) for row in rows]


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


async def count_live(tx: Tx, campaign_id: UUID) -> dict[str, int]:
    """Count a campaign's attempts that take capacity, by state, test calls included."""
    rows = await tx.all(
        select(a.state, func.count())
        .where(
            a.account_id == tx.account_id, a.campaign_id == campaign_id, a.state.in_(sorted(LIVE))
        )
        .group_by(a.state)
    )
    return {row[0]: row[1] for row in rows}


async def count_checks(tx: Tx, campaign_id: UUID) -> dict[str, int]:
    """Count a campaign's checks by decision, ``allow`` and ``deny``."""
    c = checks.c
    rows = await tx.all(
        select(c.decision, func.count())
        .where(c.account_id == tx.account_id, c.campaign_id == campaign_id)
        .group_by(c.decision)
    )
    return {row[0]: row[1] for row in rows}
