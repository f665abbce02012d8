"""What the law asks about: consents, register verdicts, caller ids, sender, earlier calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dialer.compliance.facts import Consent, PastAttempt, Scrub
from dialer.domain.attempt import RANG_OR_MAY_HAVE, Outcome
from dialer.domain.ids import uuid7s
from dialer.store.engine import Tx
from dialer.store.suppressions import suppressed_among


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
    return Batch(
        suppressed=await suppressed_among(tx, phones, campaign_id),
        consents=await _consents(tx, list(leads)),
        scrubs=await _scrubs(tx, phones, list_id),
        history={} if history_since is None else await _history(tx, phones, history_since),
        subjects=await _subjects(tx, phones) if with_subjects else {},
    )


async def _consents(tx: Tx, lead_ids: Sequence[UUID]) -> dict[UUID, tuple[Consent, ...]]:
    """Return each lead's newest word of each kind: a later fact replaces an earlier one."""
    newest: dict[UUID, dict[str, Consent]] = defaultdict(dict)
    for row in await tx.fetch(_CONSENTS, tx.account_id, lead_ids):
        lead_id, consent_id, kind, captured_at, has_ended, source, evidence = row
        newest[lead_id][kind] = Consent(
            kind, captured_at, has_ended, source, evidence, str(consent_id)
        )
    return {lead_id: tuple(kinds.values()) for lead_id, kinds in newest.items()}


_CONSENTS = """
SELECT lead_id, id, kind, captured_at, has_ended, source, evidence FROM consents
WHERE account_id = $1 AND lead_id = ANY($2::uuid[]) ORDER BY id
"""


async def _scrubs(tx: Tx, phones: Sequence[str], list_id: UUID) -> dict[str, Scrub]:
    """Return each phone's newest verdict: of a run over this list, or of one over any phones."""
    rows = await tx.fetch(_SCRUBS, tx.account_id, phones, list_id, tx.now)
    return {
        row.phone: Scrub(
            row.at, row.verdict, row.ref, row.provider, str(row.id), row.file_sha256.hex()
        )
        for row in rows
    }


_SCRUBS = """
SELECT DISTINCT ON (r.phone) r.phone, r.verdict, s.id, s.at, s.ref, s.provider, s.file_sha256
FROM scrub_results r JOIN scrubs s ON s.account_id = r.account_id AND s.id = r.scrub_id
WHERE r.account_id = $1 AND r.phone = ANY($2::text[])
  AND (s.list_id IS NULL OR s.list_id = $3) AND s.at <= $4
ORDER BY r.phone, s.at DESC, s.id DESC
"""


async def _history(
    tx: Tx, phones: Sequence[str], since: datetime
) -> dict[str, tuple[PastAttempt, ...]]:
    rows = await tx.fetch(_HISTORY, tx.account_id, phones, sorted(RANG_OR_MAY_HAVE), since)
    past: dict[str, list[PastAttempt]] = defaultdict(list)
    for row in rows:
        was_conversation = row.answered_at is not None and not row.is_machine
        past[row.phone].append(
            PastAttempt(
                row.placing_at, was_conversation, row.outcome or Outcome.NO_ANSWER, str(row.id)
            )
        )
    return {phone: tuple(found) for phone, found in past.items()}


_HISTORY = """
SELECT id, phone, placing_at, outcome, answered_at, is_machine FROM attempts
WHERE account_id = $1 AND phone = ANY($2::text[]) AND state = ANY($3::text[]) AND placing_at >= $4
ORDER BY id
"""


async def _subjects(tx: Tx, phones: Sequence[str]) -> dict[str, UUID]:
    """Return the subject of each phone, made on first use."""
    rows = await tx.fetch(
        _FIND_OR_MAKE_SUBJECTS, tx.account_id, phones, uuid7s(len(phones)), tx.now
    )
    found = {row.phone: row.id for row in rows}
    if len(found) < len(phones):  # one was made by somebody else while we looked
        found |= {row.phone: row.id for row in await tx.fetch(_SUBJECTS, tx.account_id, phones)}
    return found


_SUBJECTS = "SELECT phone, id FROM subjects WHERE account_id = $1 AND phone = ANY($2::text[])"
_FIND_OR_MAKE_SUBJECTS = f"""
WITH known AS ({_SUBJECTS}), made AS (
  INSERT INTO subjects (account_id, id, phone, created_at)
  SELECT $1, given.id, given.phone, $4 FROM unnest($2::text[], $3::uuid[]) AS given(phone, id)
  WHERE given.phone NOT IN (SELECT phone FROM known)
  ON CONFLICT DO NOTHING RETURNING phone, id
)
SELECT * FROM known UNION ALL SELECT * FROM made
"""


async def caller_rows(tx: Tx) -> dict[str, Any]:
    """Return number → row of every caller id of the account."""
    rows = await tx.fetch("SELECT * FROM caller_ids WHERE account_id = $1", tx.account_id)
    return {row.number: row for row in rows}


async def sender_row(tx: Tx) -> Any:
    """Return the sender profile, or None while nobody has given one."""
    rows = await tx.fetch("SELECT * FROM senders WHERE account_id = $1", tx.account_id)
    return rows[0] if rows else None
