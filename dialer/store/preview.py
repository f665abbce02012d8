"""What the preview of a campaign reads: every waiting lead with what the law asks about it.

On the driver, because there may be 100,000 of each; nothing is written or locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from dialer.domain.attempt import RANG_OR_MAY_HAVE
from dialer.store.engine import Tx

_MINE = "SELECT {} FROM enrolments WHERE account_id = $1 AND campaign_id = $2 AND state = 'waiting'"
_WAITING = """
SELECT e.lead_id, e.phone, e.due_at, e.disposition, l.timezone, l.attributes ->> 'event_at'
FROM enrolments e JOIN leads l ON l.account_id = e.account_id AND l.id = e.lead_id
WHERE e.account_id = $1 AND e.campaign_id = $2 AND e.state = 'waiting'"""
_STATES = """
SELECT state, count(*) FROM enrolments WHERE account_id = $1 AND campaign_id = $2 GROUP BY state"""
_CONSENTS = f"""
SELECT lead_id, kind, captured_at, has_ended, source FROM consents
WHERE account_id = $1 AND lead_id IN ({_MINE.format("lead_id")}) ORDER BY id"""
_SCRUBS = f"""
SELECT DISTINCT ON (r.phone) r.phone, r.verdict, s.id
FROM scrub_results r JOIN scrubs s ON s.account_id = r.account_id AND s.id = r.scrub_id
WHERE r.account_id = $1 AND s.at <= $3
  AND (s.list_id IS NULL OR s.list_id = $4)
  AND r.phone IN ({_MINE.format("phone")})
ORDER BY r.phone, s.at DESC, s.id DESC"""
_SCRUB_RUNS = """
SELECT id, at, ref, provider, file_sha256, list_id FROM scrubs
WHERE account_id = $1 AND (list_id IS NULL OR list_id = $2)"""
_SUPPRESSED = f"""
SELECT phone FROM suppressions
WHERE account_id = $1 AND (scope = 'everywhere' OR scope = 'campaign' AND campaign_id = $2)
  AND phone IN ({_MINE.format("phone")})"""
_HISTORY = f"""
SELECT id, phone, placing_at, outcome, answered_at, is_machine FROM attempts
WHERE account_id = $1 AND state = ANY($3) AND placing_at >= $4
  AND phone IN ({_MINE.format("phone")}) ORDER BY id"""


async def count_states(tx: Tx, campaign_id: UUID) -> dict[str, int]:
    rows = await tx.fetch(_STATES, tx.account_id, campaign_id)
    return {row[0]: row[1] for row in rows}


async def waiting_leads(tx: Tx, campaign_id: UUID) -> Sequence[Any]:
    """Return (lead id, phone, due_at, disposition, timezone, the text of event_at) a lead."""
    return await tx.fetch(_WAITING, tx.account_id, campaign_id)


async def consents_of_waiting(tx: Tx, campaign_id: UUID) -> Sequence[Any]:
    """Return (lead id, kind, captured_at, has_ended, source), oldest first."""
    return await tx.fetch(_CONSENTS, tx.account_id, campaign_id)


async def verdicts_of_waiting(tx: Tx, campaign_id: UUID, list_id: UUID) -> Sequence[Any]:
    """Return (phone, verdict, scrub id), the newest of each phone."""
    return await tx.fetch(_SCRUBS, tx.account_id, campaign_id, tx.now, list_id)


async def scrub_runs(tx: Tx, list_id: UUID) -> Sequence[Any]:
    return await tx.fetch(_SCRUB_RUNS, tx.account_id, list_id)


async def suppressed_waiting(tx: Tx, campaign_id: UUID) -> set[str]:
    """Return the numbers on the list in clear; those of erased people are looked up by mark."""
    rows = await tx.fetch(_SUPPRESSED, tx.account_id, campaign_id)
    return {row[0] for row in rows}


async def history_of_waiting(tx: Tx, campaign_id: UUID, since: datetime) -> Sequence[Any]:
    states = sorted(state.value for state in RANG_OR_MAY_HAVE)
    return await tx.fetch(_HISTORY, tx.account_id, campaign_id, states, since)
