"""The carrier account's row: its limits, its next dial slot, and what its cap is spent on."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, select

from dialer.domain.attempt import LIVE
from dialer.domain.pacing import Use
from dialer.store.engine import Tx
from dialer.store.tables import attempts, carrier_accounts

_LIVE = sorted(LIVE)
LIVE_LISTED = ", ".join(f"'{state}'" for state in _LIVE)


async def lock_carrier(tx: Tx, *, to_claim: bool = False) -> Any:
    """Lock and return the carrier account row: one claim at a time (design §6.1).

    Before any lead, line or attempt is locked. The wait for it may have been long, so that the
    product clock is read again: no slot is booked in the past.

    to_claim: what follows in this transaction reads by keys alone, so that one plan a statement is
    right however large a table has grown: none with a scan, and none made anew each time, which
    took half of a pass. It may be the first statement of a transaction that has read no clock.
    """
    asked_at = time.monotonic()
    (row,) = await tx.fetch(_LOCK_TO_CLAIM if to_claim else _LOCK, tx.account_id)
    tx.set_clock(row, asked_at)
    return row


# All dialing waits behind this lock. Whoever says nothing for 3 s while it holds it stands still:
# the server ends that transaction, so that a process that is frozen stops nobody but itself.
_LIVELY = "set_config('idle_in_transaction_session_timeout', '3s', true)"
_BY_KEYS = """
  set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
  set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
  set_config('plan_cache_mode', 'force_generic_plan', true)
"""
# Its commit is not waited for on the disk. What it lets start is a POST, and each is behind a
# commit of its own that is (`place._start`) and that takes all before it along: what a crash of
# Postgres takes away of a pass has rung no phone, and its leads are due as before.
_LEFT_TO_START = "set_config('synchronous_commit', 'off', true)"


def _lock(*settings: str) -> str:
    """The clock is read after the lock was waited for: a CTE that locks is never folded in."""
    return f"""
WITH held AS MATERIALIZED (
  SELECT * FROM carrier_accounts WHERE account_id = $1 FOR NO KEY UPDATE
)
SELECT held.*, {", ".join(settings)}, clock_timestamp() AS clock,
  clock_timestamp() - statement_timestamp() AS clock_waited, a.clock_offset_us
FROM held JOIN accounts a ON a.id = held.account_id
"""


_LOCK = _lock(_LIVELY)
_LOCK_TO_CLAIM = _lock(_LIVELY, _BY_KEYS, _LEFT_TO_START)


async def get_carrier(tx: Tx) -> Any:
    query = select(carrier_accounts).where(carrier_accounts.c.account_id == tx.account_id)
    return (await tx.execute(query)).one()


async def save_carrier(tx: Tx, **values: Any) -> None:
    changed = ", ".join(f"{name} = ${number}" for number, name in enumerate(values, 2))
    await tx.fetch(
        f"UPDATE carrier_accounts SET {changed} WHERE account_id = $1",
        tx.account_id,
        *(msgspec.json.encode(v).decode() if isinstance(v, dict) else v for v in values.values()),
    )


async def live_by_campaign(tx: Tx) -> tuple[dict[UUID, int], Use]:
    """Count live attempts a campaign, and the account's whole use of its cap."""
    rows = await tx.fetch(_LIVE_CALLS, tx.account_id)
    live = {row[0]: row[1] for row in rows if row[0] is not None}
    use = Use(
        live=sum(live.values()),
        transfer_legs=sum(row[2] for row in rows),
        inbound=sum(row[1] for row in rows if row[0] is None),
    )
    return live, use


async def live_of(tx: Tx, campaign_id: UUID) -> int:
    """Count a campaign's live attempts."""
    c = attempts.c
    query = select(func.count()).where(
        c.account_id == tx.account_id, c.campaign_id == campaign_id, c.state.in_(_LIVE)
    )
    return await tx.scalar(query) or 0


_LIVE_CALLS = f"""
SELECT campaign_id, count(*), count(*) FILTER (WHERE has_transfer_leg) FROM attempts
WHERE account_id = $1 AND state IN ({LIVE_LISTED}) GROUP BY campaign_id
UNION ALL
SELECT NULL, count(*), 0 FROM inbound_calls WHERE account_id = $1 AND ended_at IS NULL
"""
