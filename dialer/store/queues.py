"""The queues of a campaign: due leads by where they may be and how much they matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dialer.store.engine import Tx
from dialer.store.lines import lock_known_lines

# What a decision needs of an enrolment; its lead's zone and event come with it.
_ENROLMENT = (
    *("id", "campaign_id", "lead_id", "phone", "attempts", "disposition", "last_attempt_id"),
    *("priority", "due_at"),
)


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


# Leads before lines, and the lines in ascending order (design §6.0). A line that is made here is
# ours already and not yet seen by `held`.
_CLAIM = f"""
WITH due AS MATERIALIZED (
  SELECT {", ".join(f"e.{name}" for name in _ENROLMENT)},
    l.timezone, l.attributes ->> 'event_at' AS event_at
  FROM unnest($2::uuid[], $3::text[], $4::int[], $5::int[])
    AS q(campaign_id, zone_key, priority, most)
  CROSS JOIN LATERAL (
    SELECT e.* FROM enrolments e WHERE {_WAITS} = q.campaign_id
      AND e.zone_key = q.zone_key AND e.priority = q.priority AND e.due_at <= $6
      AND e.id <> ALL($7::uuid[])
    ORDER BY e.due_at LIMIT q.most FOR NO KEY UPDATE SKIP LOCKED
  ) e
  JOIN leads l ON l.account_id = e.account_id AND l.id = e.lead_id
), made AS (
  INSERT INTO lines (account_id, phone) SELECT DISTINCT $1, phone FROM due
  ON CONFLICT DO NOTHING RETURNING phone, live_attempt_id
), held AS MATERIALIZED (
  SELECT phone, live_attempt_id FROM lines
  WHERE account_id = $1 AND phone = ANY(ARRAY(SELECT DISTINCT phone FROM due))
  ORDER BY phone FOR NO KEY UPDATE
), line AS (
  SELECT phone, live_attempt_id FROM held UNION ALL SELECT phone, live_attempt_id FROM made
)
SELECT due.*, line.phone IS NOT NULL AS has_line, line.live_attempt_id AS line_holder
FROM due LEFT JOIN line ON line.phone = due.phone
ORDER BY due.priority DESC, due.due_at
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """leads: locked, important and long-waiting first. holders: of their locked lines, phone → live
    attempt."""

    leads: Sequence[Any]
    holders: Mapping[str, UUID | None]


async def claim_due(
    tx: Tx, wanted: Sequence[tuple[Queue, int]], *, seen: Sequence[UUID] = ()
) -> Claimed:
    """Lock due leads, of each queue at most so many, the longest-waiting, and then their lines;
    skip leads that others hold.

    ``seen``: enrolments this pass has decided on already.
    """
    rows = await tx.fetch(
        _CLAIM,
        tx.account_id,
        [queue.campaign_id for queue, _ in wanted],
        [queue.zone_key for queue, _ in wanted],
        [queue.priority for queue, _ in wanted],
        [most for _, most in wanted],
        tx.now,
        seen,
    )
    holders = {row.phone: row.line_holder for row in rows}
    # Somebody else made the line while we looked.
    if missed := [row.phone for row in rows if not row.has_line]:
        holders |= await lock_known_lines(tx, missed)
    return Claimed(rows, holders)


async def renew_zone_keys(tx: Tx, campaign_id: UUID) -> None:
    """Write the zone key of each lead of a campaign where it is another by now."""
    await tx.fetch(
        f"UPDATE enrolments e SET zone_key = {_ZONE_KEY} FROM leads l "
        "WHERE e.account_id = $1 AND e.campaign_id = $2 AND l.account_id = e.account_id "
        f"AND l.id = e.lead_id AND e.zone_key <> {_ZONE_KEY}",
        tx.account_id,
        campaign_id,
    )
