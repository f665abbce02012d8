"""Rows that are older than they may be, deleted block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, text, update

from dialer.domain.ids import id_before
from dialer.domain.retention import Retention
from dialer.store.engine import Tx
from dialer.store.tables import accounts, attempts, recordings

BLOCK: Final = 5_000  # rows a transaction: a long lock would hold up calls


async def get_retention(tx: Tx) -> Retention:
    changed = await tx.scalar(select(accounts.c.retention).where(accounts.c.id == tx.account_id))
    return Retention.of(changed or {})


async def save_retention(tx: Tx, days: Mapping[str, int]) -> None:
    await tx.execute(
        update(accounts).where(accounts.c.id == tx.account_id).values(retention=dict(days))
    )


async def forget_block(tx: Tx, kind: str, age: timedelta) -> int:
    """Delete up to `BLOCK` rows of a kind that are older than ``age``; return how many."""
    values = {"before": tx.now - age, "id_before": id_before(age), "most": BLOCK}
    used = {name: value for name, value in values.items() if f":{name}" in _FORGET[kind]}
    result = await tx.execute(text(_FORGET[kind]), {"account_id": tx.account_id, **used})
    return int(result.rowcount)


# Who deletes at the same moment on another node skips what is locked here. What belongs to a call
# is as old as the call, and ids tell their age, so that an index finds it. No call is as long as
# the shortest period.
_CHILD = """
DELETE FROM {table} WHERE (account_id, attempt_id, {key}) IN (
    SELECT account_id, attempt_id, {key} FROM {table}
    WHERE account_id = :account_id AND attempt_id < :id_before
    ORDER BY attempt_id LIMIT :most FOR UPDATE SKIP LOCKED)
"""
_OWN = """
DELETE FROM {table} WHERE (account_id, {key}) IN (
    SELECT account_id, {key} FROM {table}
    WHERE account_id = :account_id AND {at} < :before
    ORDER BY {key} LIMIT :most FOR UPDATE SKIP LOCKED)
"""
_FORGET: Final[Mapping[str, str]] = {
    "recordings": _CHILD.format(table="recordings", key="id"),
    "transcripts": _CHILD.format(table="turns", key="number"),
    "carrier_events": _CHILD.format(table="carrier_events", key="digest"),
    "replies": _OWN.format(table="idempotency_keys", key="key", at="created_at"),
    "inbound_calls": _OWN.format(table="inbound_calls", key="call_uuid", at="ended_at"),
    "scrub_results": """
DELETE FROM scrub_results WHERE (account_id, scrub_id, phone) IN (
    SELECT r.account_id, r.scrub_id, r.phone FROM scrub_results AS r
    JOIN scrubs AS s ON s.account_id = r.account_id AND s.id = r.scrub_id
    WHERE r.account_id = :account_id AND s.at < :before
    ORDER BY r.scrub_id, r.phone LIMIT :most FOR UPDATE OF r SKIP LOCKED)
""",
    "rejects": """
DELETE FROM rejects WHERE (account_id, id) IN (
    SELECT account_id, id FROM rejects
    WHERE account_id = :account_id AND id < :id_before
    ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)
""",
    "events": """
WITH old AS (
    SELECT account_id, id FROM outbox AS o
    WHERE account_id = :account_id AND at < :before AND spread_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM deliveries AS d JOIN webhook_endpoints AS e
                      ON e.account_id = d.account_id AND e.id = d.endpoint_id AND e.is_enabled
                      WHERE d.account_id = o.account_id AND d.event_id = o.id AND d.state = 'due')
    ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
), sent AS (
    DELETE FROM deliveries AS d USING old
    WHERE d.account_id = old.account_id AND d.event_id = old.id
)
DELETE FROM outbox AS o USING old WHERE o.account_id = old.account_id AND o.id = old.id
""",
}


async def named_recordings(tx: Tx, paths: Sequence[str]) -> set[str]:
    """Return those of ``paths`` that have a row."""
    r = recordings.c
    rows = await tx.all(select(r.path).where(r.account_id == tx.account_id, r.path.in_(paths)))
    return {row.path for row in rows}


async def known_attempts(tx: Tx, attempt_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of ``attempt_ids`` that this database has."""
    a = attempts.c
    rows = await tx.all(select(a.id).where(a.account_id == tx.account_id, a.id.in_(attempt_ids)))
    return {row.id for row in rows}
