"""What the database knows about one person's calls, for an evidence pack."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import and_, func, literal, or_, select

from dialer.compliance.chain import GENESIS
from dialer.store.engine import Tx
from dialer.store.suppressions import list_suppressions
from dialer.store.tables import (
    admin_log,
    attempts,
    campaigns,
    checks,
    consents,
    lead_lists,
    leads,
    recordings,
    scrub_results,
    scrubs,
    subjects,
    turns,
)

a, c, ld = attempts.c, checks.c, leads.c


async def checks_of_person(
    tx: Tx, phone: str, phone_hash: str, campaign_id: UUID | None
) -> Sequence[Any]:
    """Return every check of a number, with the hash of the one before it, in order.

    Also those from before the person was erased: their bytes hold the number's keyed hash. They
    are looked for in all rows, because a proof must be complete before it is quick.
    """
    before = checks.alias("before")
    subject = select(subjects.c.id).where(
        subjects.c.account_id == tx.account_id, subjects.c.phone == phone
    )
    query = (
        select(checks, func.coalesce(before.c.hash, GENESIS).label("previous_hash"))
        .outerjoin(before, and_(before.c.account_id == c.account_id, before.c.seq == c.seq - 1))
        .where(
            c.account_id == tx.account_id,
            or_(
                c.subject_id == subject.scalar_subquery(),
                func.position(literal(phone_hash.encode()).op("IN")(c.body)) > 0,
            ),
        )
        .order_by(c.seq)
    )
    if campaign_id is not None:
        query = query.where(c.campaign_id == campaign_id)
    rows: Sequence[Any] = await tx.all(query)
    return rows


async def calls_of_checks(tx: Tx, check_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """Return check → the attempt made on it."""
    rows = await tx.all(
        select(attempts).where(a.account_id == tx.account_id, a.check_id.in_(check_ids))
    )
    return {row.check_id: row for row in rows}


async def transcript_hashes(tx: Tx, attempt_ids: Sequence[UUID]) -> dict[UUID, tuple[int, str]]:
    """Return call → how many turns it has and the SHA-256 of them.

    Hashed are the turns in order, each as a line of JSON: [number, speaker, words, begins, ends,
    interrupted], times in seconds from the answer. No words: no entry.
    """
    t = turns.c
    rows = await tx.all(
        select(t.attempt_id, t.number, t.speaker, t.said, t.starts_s, t.ends_s, t.is_interrupted)
        .where(t.account_id == tx.account_id, t.attempt_id.in_(attempt_ids))
        .order_by(t.attempt_id, t.number)
    )
    lines: dict[UUID, list[bytes]] = defaultdict(list)
    for attempt_id, *turn in rows:
        lines[attempt_id].append(msgspec.json.encode(turn) + b"\n")
    return {
        attempt_id: (len(said), hashlib.sha256(b"".join(said)).hexdigest())
        for attempt_id, said in lines.items()
    }


async def recorded(tx: Tx, attempt_ids: Sequence[UUID]) -> dict[UUID, float | None]:
    """Return call → seconds of its recording."""
    r = recordings.c
    rows = await tx.all(
        select(r.attempt_id, r.seconds).where(
            r.account_id == tx.account_id, r.attempt_id.in_(attempt_ids)
        )
    )
    return {row.attempt_id: row.seconds for row in rows}


async def leads_of_phone(tx: Tx, phone: str) -> Sequence[Any]:
    query = (
        select(leads, lead_lists.c.name.label("list_name"))
        .join(
            lead_lists,
            and_(lead_lists.c.account_id == ld.account_id, lead_lists.c.id == ld.list_id),
        )
        .where(ld.account_id == tx.account_id, ld.phone == phone)
        .order_by(ld.id)
    )
    rows: Sequence[Any] = await tx.all(query)
    return rows


async def consents_of_leads(tx: Tx, lead_ids: Sequence[UUID]) -> Sequence[Any]:
    k = consents.c
    rows: Sequence[Any] = await tx.all(
        select(consents)
        .where(k.account_id == tx.account_id, k.lead_id.in_(lead_ids))
        .order_by(k.id)
    )
    return rows


async def scrubs_of_phone(tx: Tx, phone: str) -> Sequence[Any]:
    """Return each register run that had the number, with what it said."""
    r = scrub_results.c
    rows: Sequence[Any] = await tx.all(
        select(scrubs, r.verdict)
        .join(scrub_results, and_(r.account_id == scrubs.c.account_id, r.scrub_id == scrubs.c.id))
        .where(r.account_id == tx.account_id, r.phone == phone)
        .order_by(scrubs.c.at, scrubs.c.id)
    )
    return rows


async def suppression_history(tx: Tx, phone: str, phone_hash: str) -> list[dict[str, Any]]:
    """Return when and why a number came on the do-not-call list, and when it was lifted."""
    rows = await list_suppressions(tx, phone=phone, limit=1000)
    history = [
        {
            "at": row.at,
            "what": "listed",
            "scope": row.scope,
            "campaign_id": row.campaign_id,
            "source": row.source,
            "reason": row.reason,
            "attempt_id": row.attempt_id,
        }
        for row in rows
    ]
    g = admin_log.c
    lifted = await tx.all(
        select(g.at, g.actor, g.detail).where(
            g.account_id == tx.account_id,
            g.action == "suppression_lifted",
            g.detail["phone_hash"].astext == phone_hash,
        )
    )
    for row in lifted:
        shared = {"scope": row.detail.get("scope"), "campaign_id": None, "attempt_id": None}
        was = {"source": row.detail.get("source"), "reason": row.detail.get("reason")}
        began = row.detail.get("suppressed_at")
        if began is not None:
            at = msgspec.convert(began, type(row.at))
            history.append({"at": at, "what": "listed", **shared, **was})
        lifting = {"source": row.actor, "reason": "lifted by hand"}
        history.append({"at": row.at, "what": "lifted", **shared, **lifting})
    return sorted(history, key=lambda one: one["at"])


async def campaign_names(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, str]:
    n = campaigns.c
    rows = await tx.all(select(n.id, n.name).where(n.account_id == tx.account_id, n.id.in_(ids)))
    return {row.id: row.name for row in rows}


async def hash_of(tx: Tx, seq: int) -> bytes | None:
    """Return the hash of the check with this number."""
    found: bytes | None = await tx.scalar(
        select(c.hash).where(c.account_id == tx.account_id, c.seq == seq)
    )
    return found
