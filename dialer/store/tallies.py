"""Counts that are true and cheap: what is over is counted once and kept, the rest from its rows.

What counts rows is one statement over one snapshot: the tallies up to the mark, and the rows after
it. Nothing is written for it where leads are claimed or called. `advance` moves the mark on. It
never passes the beginning of a transaction that is still open, so that no row can appear below it
later; a row below it that changes again (a redial, late news) corrects the tallies in its own
transaction, by a trigger that shares the lock of the mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from dialer.store.engine import Tx

# Transactions of a role that we may not look at are over by then as well.
_SETTLED_AFTER: Final = timedelta(seconds=30)

_MARK = "SELECT 1 FROM tally_marks WHERE account_id = $1 FOR NO KEY UPDATE SKIP LOCKED"
# Rows carry the product time at which their transaction began, or later.
_UPTO = """
SELECT least($2::timestamptz, $3::timestamptz - (clock_timestamp() - min(xact_start))) AS upto,
  (SELECT coalesce(max(seq), -1) FROM checks WHERE account_id = $1) AS seq
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_ADD = """
WITH m AS (SELECT upto, upto_seq FROM tally_marks WHERE account_id = $1),
c AS (SELECT id FROM campaigns WHERE account_id = $1)
INSERT INTO tallies (account_id, campaign_id, kind, a, b, c, count)
SELECT $1, c.id, 'lead', e.state, e.disposition, e.blocked_code, count(*)
FROM m, c JOIN enrolments e ON e.account_id = $1 AND e.campaign_id = c.id
WHERE e.state NOT IN ('waiting', 'calling') AND e.changed_at > m.upto AND e.changed_at <= $2
GROUP BY c.id, e.state, e.disposition, e.blocked_code
UNION ALL
SELECT $1, c.id, 'call', a.state, a.outcome, CASE WHEN a.is_test THEN 'test' END, count(*)
FROM m, c JOIN attempts a ON a.account_id = $1 AND a.campaign_id = c.id
WHERE a.ended_at > m.upto AND a.ended_at <= $2
GROUP BY c.id, a.state, a.outcome, a.is_test
UNION ALL
SELECT $1, k.campaign_id, 'check', k.decision, NULL, NULL, count(*)
FROM m, checks k WHERE k.account_id = $1 AND k.seq > m.upto_seq AND k.seq <= $3
GROUP BY k.campaign_id, k.decision
"""
_DRAW_TOGETHER = """
WITH gone AS (
  DELETE FROM tallies WHERE account_id = $1 AND campaign_id IN (
    SELECT campaign_id FROM tallies WHERE account_id = $1
    GROUP BY campaign_id, kind, a, b, c HAVING count(*) > 1
  ) RETURNING campaign_id, kind, a, b, c, count
)
INSERT INTO tallies (account_id, campaign_id, kind, a, b, c, count)
SELECT $1, campaign_id, kind, a, b, c, sum(count) FROM gone
GROUP BY campaign_id, kind, a, b, c HAVING sum(count) <> 0
"""


async def advance(tx: Tx) -> None:
    """Count on what came to its end; harmless on every node, for one at a time does it."""
    if not await tx.fetch(_MARK, tx.account_id):
        return
    (found,) = await tx.fetch(_UPTO, tx.account_id, tx.now - _SETTLED_AFTER, tx.now)
    await tx.fetch(_ADD, tx.account_id, found.upto, found.seq)
    await tx.fetch(_DRAW_TOGETHER, tx.account_id)
    await tx.fetch(
        "UPDATE tally_marks SET upto = greatest(upto, $2), upto_seq = greatest(upto_seq, $3) "
        "WHERE account_id = $1",
        tx.account_id,
        found.upto,
        found.seq,
    )


# Bounded on both sides: a third of the table is what the planner takes one open side for, and then
# reads all of it.
_AFTER = (
    "BETWEEN (SELECT upto FROM tally_marks WHERE account_id = $1) + interval '1 microsecond' "
    "AND 'infinity'"
)
_AFTER_SEQ = (
    "BETWEEN (SELECT upto_seq FROM tally_marks WHERE account_id = $1) + 1 AND 9223372036854775807"
)
_LATEST_DUE = """
WITH RECURSIVE q AS (
  (SELECT zone_key, priority FROM enrolments
   WHERE account_id = $1 AND campaign_id = $2 AND state = 'waiting' AND due_at IS NOT NULL
   ORDER BY zone_key, priority LIMIT 1)
  UNION ALL
  SELECT f.zone_key, f.priority FROM q CROSS JOIN LATERAL (
    SELECT e.zone_key, e.priority FROM enrolments e
    WHERE e.account_id = $1 AND e.campaign_id = $2 AND e.state = 'waiting'
      AND e.due_at IS NOT NULL AND (e.zone_key, e.priority) > (q.zone_key, q.priority)
    ORDER BY e.zone_key, e.priority LIMIT 1
  ) f
)
SELECT max((
  SELECT e.due_at FROM enrolments e WHERE e.account_id = $1 AND e.campaign_id = $2
    AND e.state = 'waiting' AND e.due_at IS NOT NULL
    AND e.zone_key = q.zone_key AND e.priority = q.priority ORDER BY e.due_at DESC LIMIT 1
)) FROM q
"""
_LEADS = f"""
WITH one AS (
  SELECT kind, a, b, c, count, 0 AS later, 0 AS undated FROM tallies
  WHERE account_id = $1 AND campaign_id = $2 AND kind IN ('enrolled', 'lead')
  UNION ALL
  SELECT 'lead', state, disposition, blocked_code, count(*), 0, 0 FROM enrolments
  WHERE account_id = $1 AND campaign_id = $2 AND state NOT IN ('waiting', 'calling')
    AND changed_at {_AFTER}
  GROUP BY state, disposition, blocked_code
  UNION ALL
  SELECT 'lead', 'calling', NULL, NULL, count(*), 0, 0 FROM enrolments
  WHERE account_id = $1 AND campaign_id = $2 AND state = 'calling'
  UNION ALL
  SELECT 'lead', 'waiting', NULL, blocked_code, count(*), count(*) FILTER (WHERE due_at > $3),
    count(*) FILTER (WHERE due_at IS NULL) FROM enrolments
  WHERE account_id = $1 AND campaign_id = $2 AND state = 'waiting' AND blocked_code IS NOT NULL
  GROUP BY blocked_code
)
SELECT kind, a, b, c, sum(count)::bigint AS count, sum(later)::bigint AS later,
  sum(undated)::bigint AS undated, ({_LATEST_DUE}) AS latest_due_at
FROM one GROUP BY kind, a, b, c
"""


async def count_leads(tx: Tx, campaign_id: UUID) -> Sequence[Any]:
    """Return (kind, a state, b disposition, c blocked_code, count, later, undated, latest_due_at):
    all that were enrolled, and of them those that are not plainly waiting."""
    return await tx.fetch(_LEADS, tx.account_id, campaign_id, tx.now)


_CALLS = f"""
SELECT a, b, c, sum(count)::bigint AS count FROM (
  SELECT a, b, c, count FROM tallies
  WHERE account_id = $1 AND kind = 'call' AND campaign_id = ANY($2::uuid[])
  UNION ALL
  SELECT a.state, a.outcome, CASE WHEN a.is_test THEN 'test' END, count(*)
  FROM unnest($2::uuid[]) AS campaign(id) JOIN attempts a
    ON a.account_id = $1 AND a.campaign_id = campaign.id AND a.ended_at {_AFTER}
  GROUP BY 1, 2, 3
) one GROUP BY a, b, c HAVING sum(count) <> 0
"""


async def count_over(tx: Tx, campaign_ids: Sequence[UUID]) -> Sequence[Any]:
    """Return (a state, b outcome, c 'test' or None, count) of attempts that are over."""
    return await tx.fetch(_CALLS, tx.account_id, campaign_ids)


_CHECKS = f"""
SELECT a, sum(count)::bigint AS count FROM (
  SELECT a, count FROM tallies
  WHERE account_id = $1 AND kind = 'check' AND campaign_id = ANY($2::uuid[])
  UNION ALL
  SELECT decision, count(*) FROM checks
  WHERE account_id = $1 AND campaign_id = ANY($2::uuid[]) AND seq {_AFTER_SEQ}
  GROUP BY decision
) one GROUP BY a
"""


async def count_checks(tx: Tx, campaign_ids: Sequence[UUID]) -> dict[str, int]:
    """Return decision → how many."""
    rows = await tx.fetch(_CHECKS, tx.account_id, campaign_ids)
    return {row.a: row.count for row in rows}
