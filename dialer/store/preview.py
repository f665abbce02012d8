"""What the preview of a campaign reads: its waiting leads, those alike to the law as one row.

One statement, because there may be 100,000 of them; nothing is written or locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from dialer.domain.attempt import RANG_OR_MAY_HAVE
from dialer.store.engine import Tx

_STATES = """
SELECT state, count(*) FROM enrolments WHERE account_id = $1 AND campaign_id = $2 GROUP BY state"""
_PHONES = """
SELECT phone FROM enrolments WHERE account_id = $1 AND campaign_id = $2 AND state = 'waiting'"""
# Of a consent only its state makes a difference: kind, ended, given, and which ages are reached.
# An Indian mobile without earlier calls is like any other; every other number stands for itself.
_GROUPS = """
WITH ages AS (
  SELECT no, kind, inquiry, make_interval(months => months, secs => secs) AS age
  FROM unnest($6::int[], $7::text[], $8::boolean[], $9::int[], $13::float8[])
    AS a (no, kind, inquiry, months, secs)
), waiting AS (
  SELECT e.lead_id, e.phone, l.timezone, e.disposition IS NOT DISTINCT FROM 'callback' AS promised,
    CASE WHEN e.due_at > $3 THEN e.due_at END AS due_at,
    CASE WHEN $5 THEN l.attributes ->> 'event_at' END AS event_at
  FROM enrolments e JOIN leads l ON l.account_id = e.account_id AND l.id = e.lead_id
  WHERE e.account_id = $1 AND e.campaign_id = $2 AND e.state = 'waiting'
), newest AS (
  SELECT DISTINCT ON (c.lead_id, c.kind) c.lead_id, c.kind, c.captured_at, c.has_ended, c.source
  FROM consents c JOIN waiting w ON w.lead_id = c.lead_id
  WHERE c.account_id = $1 ORDER BY c.lead_id, c.kind, c.id DESC
), aged AS (
  SELECT n.lead_id, n.kind, n.has_ended, n.source, x.expired, x.ends_at,
    coalesce(n.captured_at <= $3, true) AS given
  FROM newest n CROSS JOIN LATERAL (
    SELECT string_agg(CASE WHEN e.ends_at > $3 THEN '0' ELSE '1' END, '' ORDER BY a.no) AS expired,
      min(e.ends_at) AS ends_at
    FROM ages a CROSS JOIN LATERAL
      (SELECT (n.captured_at AT TIME ZONE 'UTC' + a.age) AT TIME ZONE 'UTC' AS ends_at) e
    WHERE a.kind = n.kind AND a.inquiry = (n.source IS NOT DISTINCT FROM 'inquiry')
  ) x
), consented AS (
  SELECT lead_id,
    string_agg(concat_ws('|', kind, has_ended, given, source, expired), ';' ORDER BY kind) AS state,
    CASE WHEN NOT bool_or(live AND expired IS NULL) THEN max(ends_at) FILTER (WHERE live) END
      AS ends_at
  FROM (SELECT *, given AND NOT has_ended AND coalesce(expired, '') NOT LIKE '%1%' AS live
        FROM aged) a
  GROUP BY lead_id
), scrubbed AS (
  SELECT DISTINCT ON (r.phone) r.phone, r.verdict, s.id
  FROM scrub_results r JOIN scrubs s ON s.account_id = r.account_id AND s.id = r.scrub_id
  WHERE r.account_id = $1 AND s.at <= $3 AND (s.list_id IS NULL OR s.list_id = $4)
    AND r.phone IN (SELECT phone FROM waiting)
  ORDER BY r.phone, s.at DESC, s.id DESC
), called AS (
  SELECT DISTINCT phone FROM attempts
  WHERE account_id = $1 AND state = ANY($11) AND placing_at >= $12
    AND phone IN (SELECT phone FROM waiting)
), listed AS (
  SELECT DISTINCT phone FROM suppressions
  WHERE account_id = $1 AND (scope = 'everywhere' OR scope = 'campaign' AND campaign_id = $2)
  UNION SELECT unnest($10::text[])
)
SELECT count(*), (array_agg(w.lead_id))[1], (array_agg(w.phone))[1:20],
  array_agg(w.due_at) FILTER (WHERE w.due_at IS NOT NULL),
  array_agg(c.ends_at) FILTER (WHERE c.ends_at IS NOT NULL)
FROM waiting w
LEFT JOIN consented c ON c.lead_id = w.lead_id
LEFT JOIN scrubbed s ON s.phone = w.phone
LEFT JOIN called h ON h.phone = w.phone
LEFT JOIN listed d ON d.phone = w.phone
GROUP BY w.timezone, w.promised, w.event_at, c.state, s.id, s.verdict, d.phone IS NOT NULL,
  CASE WHEN h.phone IS NULL AND length(w.phone) = 13
      AND left(w.phone, 4) IN ('+916', '+917', '+918', '+919') THEN '' ELSE w.phone END
ORDER BY 1 DESC, 2"""


@dataclass(frozen=True, slots=True)
class Alike:
    """Leads about whom the law is told the same.

    lead_id: one of them; phones: up to 20. dues: due times to come. ends: of leads whose every
    live consent runs out, when the last one does.
    """

    count: int
    lead_id: UUID
    phones: list[str]
    dues: list[datetime]
    ends: list[datetime]


@dataclass(frozen=True, slots=True)
class Age:
    """How long a consent of this kind lasts by one rule, counted from 0 on; calendar months
    beside exact time, as Postgres has them. is_inquiry: of one whose source is an inquiry."""

    rule: int
    kind: str
    is_inquiry: bool
    months: int
    exact: timedelta


async def count_states(tx: Tx, campaign_id: UUID) -> dict[str, int]:
    rows = await tx.fetch(_STATES, tx.account_id, campaign_id)
    return {row[0]: row[1] for row in rows}


async def waiting_phones(tx: Tx, campaign_id: UUID) -> list[str]:
    return [row[0] for row in await tx.fetch(_PHONES, tx.account_id, campaign_id)]


async def groups_alike(
    tx: Tx,
    campaign_id: UUID,
    list_id: UUID,
    *,
    ages: Sequence[Age],
    with_event: bool,
    erased: Sequence[str],
    history_since: datetime | None,
) -> list[Alike]:
    """Return the waiting leads of a campaign, those alike together.

    with_event: the law looks at when the customer's transaction was. erased: numbers whose person
    was erased and stays suppressed. history_since: None when no rule looks at earlier calls.
    """
    await tx.fetch("SET LOCAL work_mem = '64MB'")  # for this transaction: sorts stay in memory
    rows = await tx.fetch(
        _GROUPS,
        tx.account_id,
        campaign_id,
        tx.now,
        list_id,
        with_event,
        [age.rule for age in ages],
        [age.kind for age in ages],
        [age.is_inquiry for age in ages],
        [age.months for age in ages],
        list(erased),
        sorted(state.value for state in RANG_OR_MAY_HAVE),
        tx.now if history_since is None else history_since,
        [age.exact.total_seconds() for age in ages],
    )
    return [Alike(row[0], row[1], row[2], row[3] or [], row[4] or []) for row in rows]


_LEADS = """
SELECT e.lead_id, e.phone, e.disposition, l.timezone, l.attributes ->> 'event_at' AS event_at
FROM enrolments e JOIN leads l ON l.account_id = e.account_id AND l.id = e.lead_id
WHERE e.account_id = $1 AND e.campaign_id = $2 AND e.lead_id = ANY($3)"""


async def leads_by_id(tx: Tx, campaign_id: UUID, lead_ids: Sequence[UUID]) -> Sequence[Any]:
    """Return (lead_id, phone, disposition, timezone, event_at) a lead."""
    return await tx.fetch(_LEADS, tx.account_id, campaign_id, list(lead_ids))
