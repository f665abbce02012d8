"""The ledger's hottest steps, in as few statements as their locks allow: an intent becomes a
request, and a request that was accepted has an id.

They keep the one lock order (design §6.0): each lock is a condition of the next.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from dialer.domain.attempt import AttemptEvent, AttemptState, advance
from dialer.domain.campaign import CampaignState
from dialer.domain.definition import Definition
from dialer.store.campaigns import definition_by_digest
from dialer.store.engine import Database, Tx

_LOCK_LEAD = "SELECT id FROM enrolments WHERE account_id = $1 AND id = {} FOR NO KEY UPDATE"
_LOCK_LINE = """
SELECT live_attempt_id FROM lines
WHERE account_id = $1 AND phone = {} AND EXISTS (SELECT FROM lead) FOR NO KEY UPDATE
"""

# The clock is read when all is locked.
_HOLD = f"""
WITH found AS MATERIALIZED (
  SELECT enrolment_id, phone FROM attempts WHERE account_id = $1 AND id = $2
), lead AS MATERIALIZED ({_LOCK_LEAD.format("(SELECT enrolment_id FROM found)")}),
line AS MATERIALIZED ({_LOCK_LINE.format("(SELECT phone FROM found)")}),
held AS MATERIALIZED (
  SELECT id, account_id, state, campaign_id, version, enrolment_id, phone, caller_id, is_test,
    valid_until, window_ends_at
  FROM attempts WHERE account_id = $1 AND id = $2 AND EXISTS (SELECT FROM line)
  FOR NO KEY UPDATE
)
SELECT held.*, (SELECT live_attempt_id FROM line) AS line_holder, clock_timestamp() AS clock,
  clock_timestamp() - statement_timestamp() AS clock_waited, accounts.clock_offset_us
FROM held JOIN accounts ON accounts.id = held.account_id
"""


async def hold_intent(tx: Tx, attempt_id: UUID) -> Any:
    """Lock enrolment, line and attempt in this order and read what placing needs of them; None if
    there is no such attempt. The first statement of its transaction: it reads the clock."""
    asked_at = time.monotonic()
    rows = await tx.fetch(_HOLD, tx.account_id, attempt_id)
    if not rows:
        return None
    tx.set_clock(rows[0], asked_at)
    return rows[0]


class Standing(NamedTuple):
    """What may have changed about a call since its claim, and what it plays."""

    is_suppressed: bool
    campaign: CampaignState
    definition: Definition


# A statement of its own: what was committed while the line's lock was waited for counts.
_STANDING = """
SELECT EXISTS (
  SELECT FROM suppressions WHERE account_id = $1 AND phone = ANY($2::text[])
    AND (scope = 'everywhere' OR scope = 'campaign' AND campaign_id = $3)
) AS is_suppressed, c.state, v.sha256
FROM campaigns c JOIN campaign_versions v
  ON v.account_id = c.account_id AND v.campaign_id = c.id AND v.version = $4
WHERE c.account_id = $1 AND c.id = $3
"""


async def standing(tx: Tx, attempt: Any) -> Standing:
    """Read it under the line's lock."""
    listed = [attempt.phone, tx.mark_of(attempt.phone)]
    (row,) = await tx.fetch(_STANDING, tx.account_id, listed, attempt.campaign_id, attempt.version)
    definition = await definition_by_digest(tx, attempt.campaign_id, attempt.version, row.sha256)
    return Standing(row.is_suppressed, CampaignState(row.state), definition)


_START = """
UPDATE attempts SET state = $3, changed_at = $4, placing_at = $4, placed_by = $5, post_before = $6
WHERE account_id = $1 AND id = $2
"""


async def start(tx: Tx, attempt: Any, *, placed_by: str, post_before: datetime) -> None:
    """Turn a locked intent into a request that is about to be sent."""
    state = advance(AttemptState(attempt.state), AttemptEvent.PLACE)
    await tx.fetch(_START, tx.account_id, attempt.id, state, tx.now, placed_by, post_before)


_PRODUCT_NOW = "clock_timestamp() + accounts.clock_offset_us * interval '1 microsecond'"
_ACCEPT = f"""
WITH lead AS MATERIALIZED ({_LOCK_LEAD.format("$3")}),
line AS MATERIALIZED ({_LOCK_LINE.format("$4")})
UPDATE attempts SET state = $6, request_uuid = $7, changed_at = {_PRODUCT_NOW},
  placed_at = coalesce(placed_at, {_PRODUCT_NOW})
FROM accounts
WHERE attempts.account_id = $1 AND attempts.id = $2 AND attempts.state = $5
  AND hang_up_asked_at IS NULL AND EXISTS (SELECT FROM line) AND accounts.id = $1
RETURNING attempts.id
"""


async def accept(db: Database, attempt: Any, request_uuid: str) -> bool:
    """Write down the id of a request that was accepted, if that is all there is to do.

    attempt: as `hold_intent` read it. False, and nothing written, if the call has moved on or is
    to be ended meanwhile: then it takes a transaction that looks.
    """
    placing = AttemptState.PLACING
    rows = await db.fetch(
        _ACCEPT,
        db.account_id,
        attempt.id,
        attempt.enrolment_id,
        attempt.phone,
        placing,
        advance(placing, AttemptEvent.ACCEPT),
        request_uuid,
    )
    return bool(rows)
