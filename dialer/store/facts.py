"""What the law asks about: consents, register verdicts, caller ids, sender, earlier calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from dialer.compliance.facts import Consent, PastAttempt, Scrub
from dialer.domain.attempt import RANG_OR_MAY_HAVE, Outcome
from dialer.domain.ids import uuid7s
from dialer.store.arrays import joined, unjoined
from dialer.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Batch:
    """Facts of a batch of leads; a phone or lead that is absent from a mapping has none."""

    suppressed: set[str]
    consents: Mapping[UUID, tuple[Consent, ...]]
    scrubs: Mapping[str, Scrub]
    history: Mapping[str, tuple[PastAttempt, ...]]
    subjects: Mapping[str, UUID]


async def facts_of(
    tx: Tx,
    *,
    campaign_id: UUID,
    list_id: UUID,
    leads: Mapping[UUID, str],
    history_since: datetime | None,
    with_subjects: bool = True,
) -> Batch:
    """Read the facts of ``leads`` (lead id → phone), one query a kind.

    history_since: None when no rule in force asks for earlier calls. with_subjects: make the
    subjects that are missing; without, nothing is written.
    """
    phones = sorted(set(leads.values()))
    marks = {tx.mark_of(phone): phone for phone in phones}
    given = (joined(phones), joined(list(marks)), joined([lead.hex for lead in leads]))
    values = [*given, campaign_id, list_id, history_since, tx.now]
    sql = _READ
    if with_subjects:
        made = joined([subject.hex for subject in uuid7s(len(phones))])
        sql, values = _READ_WITH_SUBJECTS, [*values, made]
    (row,) = await tx.fetch(sql, tx.account_id, *values)
    found = _decoder.decode(row[0])
    subjects = dict(found.subjects)
    if with_subjects and len(subjects) < len(phones):  # one was just made by somebody else
        others = await tx.fetch(f"WITH {_GIVEN} {_SUBJECTS}", tx.account_id, *given)
        subjects |= {row.phone: row.id for row in others}
    return Batch(
        suppressed={marks.get(listed, listed) for listed in found.suppressed},
        consents=_newest(found.consents),
        scrubs={
            phone: Scrub(at, verdict, ref, provider, scrub_id, digest)
            for phone, at, verdict, ref, provider, scrub_id, digest in found.scrubs
        },
        history=_by_phone(found.history),
        subjects=subjects,
    )


class _ConsentRow(msgspec.Struct, array_like=True):
    lead_id: UUID
    id: str
    kind: str
    captured_at: datetime
    has_ended: bool
    source: str | None
    evidence: str | None


class _PastRow(msgspec.Struct, array_like=True):
    phone: str
    id: str
    placing_at: datetime
    outcome: str | None
    was_conversation: bool


class _Found(msgspec.Struct):
    suppressed: Sequence[str]
    consents: Sequence[_ConsentRow]
    scrubs: Sequence[tuple[str, datetime, str, str, str, str, str]]
    history: Sequence[_PastRow]
    subjects: Sequence[tuple[str, UUID]]


_decoder = msgspec.json.Decoder(_Found)


def _newest(rows: Sequence[_ConsentRow]) -> dict[UUID, tuple[Consent, ...]]:
    """Return each lead's newest word of each kind: a later fact replaces an earlier one."""
    newest: dict[UUID, dict[str, Consent]] = defaultdict(dict)
    for row in rows:
        newest[row.lead_id][row.kind] = Consent(
            row.kind, row.captured_at, row.has_ended, row.source, row.evidence, row.id
        )
    return {lead_id: tuple(kinds.values()) for lead_id, kinds in newest.items()}


def _by_phone(rows: Sequence[_PastRow]) -> dict[str, tuple[PastAttempt, ...]]:
    past: dict[str, list[PastAttempt]] = defaultdict(list)
    for row in rows:
        past[row.phone].append(
            PastAttempt(
                row.placing_at, row.was_conversation, row.outcome or Outcome.NO_ANSWER, row.id
            )
        )
    return {phone: tuple(found) for phone, found in past.items()}


_RANG = ", ".join(f"'{state}'" for state in sorted(RANG_OR_MAY_HAVE))
_GIVEN = f"""given AS MATERIALIZED (
  SELECT {unjoined(2, "text")} AS phones, {unjoined(3, "text")} AS marks,
    {unjoined(4, "uuid")} AS leads
)"""
_PHONES, _LEADS = "(SELECT phones FROM given)::text[]", "(SELECT leads FROM given)::uuid[]"
_SUBJECTS = f"SELECT phone, id FROM subjects WHERE account_id = $1 AND phone = ANY({_PHONES})"
# One document: what is read of a batch is little, and a round trip a kind would be most of it.
# A scrub counts if it is of a run over this list, or over any phones; the newest does.
_READ = f"""
SELECT json_build_object(
  'suppressed', ARRAY(
    SELECT phone FROM suppressions
    WHERE account_id = $1 AND phone = ANY((SELECT phones || marks FROM given)::text[])
      AND (scope = 'everywhere' OR scope = 'campaign' AND campaign_id = $5::uuid)
  ),
  'consents', ARRAY(
    SELECT json_build_array(lead_id, id, kind, captured_at, has_ended, source, evidence)
    FROM consents WHERE account_id = $1 AND lead_id = ANY({_LEADS}) ORDER BY id
  ),
  'scrubs', ARRAY(
    SELECT json_build_array(phone, at, verdict, ref, provider, id, encode(file_sha256, 'hex'))
    FROM (
      SELECT DISTINCT ON (r.phone) r.phone, r.verdict, s.id, s.at, s.ref, s.provider, s.file_sha256
      FROM scrub_results r JOIN scrubs s ON s.account_id = r.account_id AND s.id = r.scrub_id
      WHERE r.account_id = $1 AND r.phone = ANY({_PHONES})
        AND (s.list_id IS NULL OR s.list_id = $6::uuid) AND s.at <= $8::timestamptz
      ORDER BY r.phone, s.at DESC, s.id DESC
    ) newest
  ),
  'history', ARRAY(
    SELECT json_build_array(phone, id, placing_at, outcome,
      answered_at IS NOT NULL AND is_machine IS NOT TRUE)
    FROM attempts
    WHERE account_id = $1 AND phone = ANY({_PHONES}) AND state IN ({_RANG})
      AND $7::timestamptz IS NOT NULL AND placing_at >= $7
    ORDER BY id
  ),
  'subjects', ARRAY(SELECT json_build_array(phone, id) FROM subject)
)::text
"""
_READ_WITH_SUBJECTS = f"""
WITH {_GIVEN}, known AS ({_SUBJECTS}), made AS (
  INSERT INTO subjects (account_id, id, phone, created_at)
  SELECT $1, missing.id, missing.phone, $8
  FROM unnest({_PHONES}, {unjoined(9, "uuid")}) AS missing(phone, id)
  WHERE missing.phone NOT IN (SELECT phone FROM known)
  ON CONFLICT DO NOTHING RETURNING phone, id
), subject AS (SELECT phone, id FROM known UNION ALL SELECT phone, id FROM made)
{_READ}
"""
_READ = f"WITH {_GIVEN}, subject AS ({_SUBJECTS}) {_READ}"


async def caller_rows(tx: Tx) -> dict[str, Any]:
    """Return number → row of every caller id of the account."""
    rows = await tx.fetch("SELECT * FROM caller_ids WHERE account_id = $1", tx.account_id)
    return {row.number: row for row in rows}


async def sender_row(tx: Tx) -> Any:
    """Return the sender profile, or None while nobody has given one."""
    rows = await tx.fetch("SELECT * FROM senders WHERE account_id = $1", tx.account_id)
    return rows[0] if rows else None
