"""What the law asks about: consents, register verdicts, caller ids, sender, earlier calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, literal, or_, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from dialer.compliance.facts import Consent, PastAttempt, Scrub
from dialer.domain.attempt import RANG_OR_MAY_HAVE, Outcome
from dialer.domain.ids import uuid7s
from dialer.store.arrays import rows_of
from dialer.store.engine import Tx
from dialer.store.suppressions import suppressed_among
from dialer.store.tables import (
    attempts,
    caller_ids,
    consents,
    scrub_results,
    scrubs,
    senders,
    subjects,
)


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
) -> Batch:
    """Read the facts of ``leads`` (lead id → phone), one query a kind.

    history_since: None when no rule in force asks for earlier calls.
    """
    phones = sorted(set(leads.values()))
    return Batch(
        suppressed=await suppressed_among(tx, phones, campaign_id),
        consents=await _consents(tx, list(leads)),
        scrubs=await _scrubs(tx, phones, list_id),
        history={} if history_since is None else await _history(tx, phones, history_since),
        subjects=await _subjects(tx, phones),
    )


async def _consents(tx: Tx, lead_ids: Sequence[UUID]) -> dict[UUID, tuple[Consent, ...]]:
    """Return each lead's newest word of each kind: a later fact replaces an earlier one."""
    c = consents.c
    rows = await tx.all(
        select(consents)
        .where(c.account_id == tx.account_id, c.lead_id.in_(lead_ids))
        .order_by(c.id)
    )
    newest: dict[UUID, dict[str, Consent]] = defaultdict(dict)
    for row in rows:
        newest[row.lead_id][row.kind] = Consent(
            row.kind, row.captured_at, row.has_ended, row.source, row.evidence, str(row.id)
        )
    return {lead_id: tuple(kinds.values()) for lead_id, kinds in newest.items()}


async def _scrubs(tx: Tx, phones: Sequence[str], list_id: UUID) -> dict[str, Scrub]:
    """Return each phone's newest verdict: of a run over this list, or of one over any phones."""
    r, s = scrub_results.c, scrubs.c
    rows = await tx.all(
        select(r.phone, r.verdict, s.id, s.at, s.ref, s.provider, s.file_sha256)
        .join(scrubs, and_(s.account_id == r.account_id, s.id == r.scrub_id))
        .where(
            r.account_id == tx.account_id,
            r.phone.in_(phones),
            or_(s.list_id.is_(None), s.list_id == list_id),
            s.at <= tx.now,
        )
        .ext(distinct_on(r.phone))
        .order_by(r.phone, s.at.desc(), s.id.desc())
    )
    return {
        row.phone: Scrub(
            row.at, row.verdict, row.ref, row.provider, str(row.id), row.file_sha256.hex()
        )
        for row in rows
    }


async def _history(
    tx: Tx, phones: Sequence[str], since: datetime
) -> dict[str, tuple[PastAttempt, ...]]:
    a = attempts.c
    rows = await tx.all(
        select(a.id, a.phone, a.placing_at, a.outcome, a.answered_at, a.is_machine)
        .where(
            a.account_id == tx.account_id,
            a.phone.in_(phones),
            a.state.in_(sorted(RANG_OR_MAY_HAVE)),
            a.placing_at >= since,
        )
        .order_by(a.id)
    )
    past: dict[str, list[PastAttempt]] = defaultdict(list)
    for row in rows:
        was_conversation = row.answered_at is not None and not row.is_machine
        past[row.phone].append(
            PastAttempt(
                row.placing_at, was_conversation, row.outcome or Outcome.NO_ANSWER, str(row.id)
            )
        )
    return {phone: tuple(found) for phone, found in past.items()}


async def _subjects(tx: Tx, phones: Sequence[str]) -> dict[str, UUID]:
    """Return the subject of each phone, made on first use."""
    s = subjects.c
    known = await tx.all(
        select(s.phone, s.id).where(s.account_id == tx.account_id, s.phone.in_(phones))
    )
    found = {row.phone: row.id for row in known}
    missing = [phone for phone in phones if phone not in found]
    if not missing:
        return found
    given = rows_of([(s.id, uuid7s(len(missing))), (s.phone, missing)])
    rows = select(
        literal(tx.account_id, s.account_id.type),
        given.c.id,
        given.c.phone,
        literal(tx.now, s.created_at.type),
    )
    await tx.execute(
        insert(subjects)
        .from_select(["account_id", "id", "phone", "created_at"], rows)
        .on_conflict_do_nothing()
    )
    made = await tx.all(
        select(s.phone, s.id).where(s.account_id == tx.account_id, s.phone.in_(missing))
    )
    return found | {row.phone: row.id for row in made}


async def caller_rows(tx: Tx) -> dict[str, Any]:
    """Return number → row of every caller id of the account."""
    rows = await tx.all(select(caller_ids).where(caller_ids.c.account_id == tx.account_id))
    return {row.number: row for row in rows}


async def sender_row(tx: Tx) -> Any:
    """Return the sender profile, or None while nobody has given one."""
    return await tx.one_or_none(select(senders).where(senders.c.account_id == tx.account_id))
