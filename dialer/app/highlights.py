"""Three stories of a finished campaign, for whoever watched the demo."""

from __future__ import annotations

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from dialer.domain.attempt import Disposition
from dialer.store.engine import Tx
from dialer.store.tables import attempts, checks, enrolments, leads

e, ld = enrolments.c, leads.c
_PEOPLE = enrolments.join(leads, and_(ld.account_id == e.account_id, ld.id == e.lead_id))


async def highlights(tx: Tx) -> dict[str, str]:
    """Return story → one sentence; a story that did not happen is missing."""
    found = {
        "an opt-out by key": await _opt_out(tx),
        "a retry that succeeded": await _retry(tx),
        "a denial with its next allowed time": await _denial(tx),
    }
    return {story: sentence for story, sentence in found.items() if sentence is not None}


async def _opt_out(tx: Tx) -> str | None:
    row = await tx.one_or_none(
        select(ld.name)
        .select_from(_PEOPLE)
        .where(e.account_id == tx.account_id, e.disposition == Disposition.OPTED_OUT)
        .order_by(e.id)
        .limit(1)
    )
    return None if row is None else f"{row.name} pressed 9 and is suppressed everywhere"


async def _retry(tx: Tx) -> str | None:
    a = attempts.c
    row = await tx.one_or_none(
        select(
            ld.name,
            e.disposition,
            func.array_agg(aggregate_order_by(a.outcome, a.id)).label("outcomes"),
        )
        .select_from(
            _PEOPLE.join(attempts, and_(a.account_id == e.account_id, a.enrolment_id == e.id))
        )
        .where(e.account_id == tx.account_id, e.disposition == Disposition.CONFIRMED)
        .group_by(e.id, ld.name, e.disposition)
        .having(func.count() > 1)
        .order_by(e.id)
        .limit(1)
    )
    if row is None:
        return None
    outcomes = [outcome or "refused" for outcome in row.outcomes]
    return f"{row.name}: {' → '.join(outcomes)}, {row.disposition}"


async def _denial(tx: Tx) -> str | None:
    c = checks.c
    row = await tx.one_or_none(
        select(ld.name, ld.timezone, c.code, c.rule_id, c.next_allowed_at)
        .select_from(
            _PEOPLE.join(checks, and_(c.account_id == e.account_id, c.id == e.last_check_id))
        )
        .where(e.account_id == tx.account_id, c.decision == "deny", c.next_allowed_at.is_not(None))
        .order_by(e.id)
        .limit(1)
    )
    if row is None:
        return None
    where = f" in {row.timezone}" if row.timezone else ""
    return (
        f"{row.name}{where}: {row.code} ({row.rule_id}), next allowed at "
        f"{row.next_allowed_at.isoformat(timespec='minutes')}"
    )
