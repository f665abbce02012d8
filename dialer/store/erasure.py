"""Forgetting a person: every row that names one loses the name, and no row that counts is lost.

Where a row must stay, a tombstone takes the number's place (`dialer.domain.erasure`). The checks
hold no number: without its ``subjects`` row nothing leads from them to a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, text, update

from dialer.domain.attempt import LIVE
from dialer.domain.erasure import without_person
from dialer.domain.ids import uuid7
from dialer.domain.retry import EnrolmentState
from dialer.store.engine import Tx
from dialer.store.tables import (
    answers,
    attempts,
    carrier_events,
    consents,
    enrolments,
    erasures,
    leads,
    lines,
    recordings,
    scrub_results,
    subjects,
    suppressions,
    turns,
)

a, e, ld, s = attempts.c, enrolments.c, leads.c, suppressions.c
x = erasures.c

Counts = dict[str, int]


async def add_erasure(tx: Tx, *, phone: str, actor: str) -> UUID:
    erasure_id = uuid7()
    await tx.execute(
        insert(erasures).values(
            account_id=tx.account_id, id=erasure_id, phone=phone, actor=actor, asked_at=tx.now
        )
    )
    return erasure_id


async def open_erasure(tx: Tx, phone: str) -> UUID | None:
    """Return the erasure of a number that waits for the end of a call, or None."""
    found: UUID | None = await tx.scalar(
        select(x.id).where(x.account_id == tx.account_id, x.done_at.is_(None), x.phone == phone)
    )
    return found


async def find_erasure(tx: Tx, erasure_id: UUID) -> Any:
    return await tx.one_or_none(
        select(erasures).where(x.account_id == tx.account_id, x.id == erasure_id)
    )


async def open_erasures(tx: Tx) -> Sequence[Any]:
    rows: Sequence[Any] = await tx.all(
        select(erasures)
        .where(x.account_id == tx.account_id, x.done_at.is_(None))
        .order_by(x.id)
        .with_for_update(key_share=True, skip_locked=True)
    )
    return rows


async def erased_since(tx: Tx, since: datetime) -> Sequence[UUID]:
    rows = await tx.all(select(x.id).where(x.account_id == tx.account_id, x.done_at >= since))
    return [row.id for row in rows]


async def close_erasure(tx: Tx, erasure_id: UUID, counts: Counts) -> None:
    await tx.execute(
        update(erasures)
        .where(x.account_id == tx.account_id, x.id == erasure_id)
        .values(phone=None, done_at=tx.now, counts=counts)
    )


async def lock_person(tx: Tx, phone: str) -> bool:
    """Lock a person's rows in the lock order (design §6.0); True if no call to them is live.

    The leads come first and whole, so that nobody enrols one meanwhile.
    """
    locked = [
        select(ld.id)
        .where(ld.account_id == tx.account_id, ld.phone == phone)
        .order_by(ld.id)
        .with_for_update(),
        select(e.id)
        .where(e.account_id == tx.account_id, e.phone == phone)
        .order_by(e.id)
        .with_for_update(key_share=True),
        select(lines.c.phone)
        .where(lines.c.account_id == tx.account_id, lines.c.phone == phone)
        .with_for_update(key_share=True),
        select(a.id)
        .where(a.account_id == tx.account_id, a.phone == phone)
        .order_by(a.id)
        .with_for_update(key_share=True),
    ]
    for query in locked:
        await tx.execute(query)
    live = select(a.id).where(
        a.account_id == tx.account_id, a.phone == phone, a.state.in_(sorted(LIVE))
    )
    return (await tx.one_or_none(live.limit(1))) is None


async def is_known(tx: Tx, phone: str) -> bool:
    """True if some row still has this number in clear, rejected lines aside."""
    for column in (ld.phone, lines.c.phone, subjects.c.phone, scrub_results.c.phone, s.phone):
        query = select(column).where(column.table.c.account_id == tx.account_id, column == phone)
        if await tx.one_or_none(query.limit(1)) is not None:
            return True
    return False


async def cancel_waiting(tx: Tx, phone: str) -> int:
    """Take a person out of every queue; leads that are being called follow when their call ends."""
    result = await tx.execute(
        update(enrolments)
        .where(
            e.account_id == tx.account_id,
            e.phone == phone,
            e.state == EnrolmentState.WAITING,
        )
        .values(state=EnrolmentState.CANCELLED, due_at=None, changed_at=tx.now)
    )
    return int(result.rowcount)


async def erase_rows(tx: Tx, phone: str, *, stone: str, digits: str) -> Counts:
    """Take a person out of every table but those of their calls; return rows by table.

    digits: the national number, as it is found in rejected lines however they were written.
    """
    rows = await tx.all(select(ld.id).where(ld.account_id == tx.account_id, ld.phone == phone))
    lead_ids = [str(row.id) for row in rows]
    counts = {
        "leads": await _erase_leads(tx, phone, stone),
        "rejects": await _run(tx, _REJECTS, digits=f"%{digits}%"),
        "scrub_results": await _delete(tx, scrub_results, scrub_results.c.phone == phone),
        "subjects": await _delete(tx, subjects, subjects.c.phone == phone),
        "suppressions": await _mark_suppressions(tx, phone),
    }
    for table in (enrolments, attempts, lines):
        await tx.execute(
            update(table)
            .where(table.c.account_id == tx.account_id, table.c.phone == phone)
            .values(phone=stone)
        )
    await _run(tx, _OTHER_PHONES, phone=phone)
    await _run(tx, _EVENTS, phone=phone, leads=lead_ids)
    await _run(tx, _REPLIES, phone=phone)
    return counts


async def _erase_leads(tx: Tx, phone: str, stone: str) -> int:
    """A lead that no campaign knows goes whole; another keeps its place, without a person."""
    mine = (ld.account_id == tx.account_id, ld.phone == phone)
    is_used = select(e.id).where(e.account_id == tx.account_id, e.lead_id == ld.id).exists()
    ids = select(ld.id).where(*mine)
    await _delete(tx, consents, consents.c.lead_id.in_(ids))
    deleted = await tx.execute(delete(leads).where(*mine, ~is_used))
    blanked = await tx.execute(
        update(leads)
        .where(*mine)
        .values(
            phone=stone,
            other_phones=[],
            external_id=None,
            name=None,
            first_name=None,
            timezone=None,
            language=None,
            attributes={},
            updated_at=tx.now,
        )
    )
    return int(deleted.rowcount + blanked.rowcount)


async def _mark_suppressions(tx: Tx, phone: str) -> int:
    result = await tx.execute(
        update(suppressions)
        .where(s.account_id == tx.account_id, s.phone == phone)
        .values(phone=tx.mark_of(phone))
    )
    return int(result.rowcount)


async def erase_calls(tx: Tx, stone: str) -> tuple[Counts, list[str]]:
    """Forget what was said in the calls of an erased person; return rows by table, and the paths
    of the recordings on our disk. May run again: a call's last words can come after its end."""
    calls = [
        row.id
        for row in await tx.all(select(a.id).where(a.account_id == tx.account_id, a.phone == stone))
    ]
    r = recordings.c
    named = await tx.all(
        select(r.path).where(
            r.account_id == tx.account_id, r.attempt_id.in_(calls), r.path.is_not(None)
        )
    )
    counts = {
        table.name: await _delete(tx, table, table.c.attempt_id.in_(calls))
        for table in (turns, answers, recordings)
    }
    counts["carrier_events"] = await _clean_events(tx, calls)
    await tx.execute(
        update(attempts)
        .where(a.account_id == tx.account_id, a.id.in_(calls), a.callback_at.is_not(None))
        .values(callback_at=None)
    )
    return counts, [row.path for row in named]


async def _clean_events(tx: Tx, calls: Sequence[UUID]) -> int:
    """Callbacks stay known by their digest, so that a repeat of one is still a repeat."""
    c = carrier_events.c
    rows = await tx.all(
        select(c.attempt_id, c.digest, c.body).where(
            c.account_id == tx.account_id, c.attempt_id.in_(calls)
        )
    )
    cleaned = 0
    for row in rows:
        body = without_person(row.body)
        if body == row.body:
            continue
        await tx.execute(
            update(carrier_events)
            .where(
                c.account_id == tx.account_id,
                c.attempt_id == row.attempt_id,
                c.digest == row.digest,
            )
            .values(body=body)
        )
        cleaned += 1
    return cleaned


async def _delete(tx: Tx, table: Any, which: Any) -> int:
    result = await tx.execute(delete(table).where(table.c.account_id == tx.account_id, which))
    return int(result.rowcount)


async def _run(tx: Tx, statement: str, **values: Any) -> int:
    result = await tx.execute(text(statement), {"account_id": tx.account_id, **values})
    return int(result.rowcount)


# A number may have been written in any way, so that only its digits are compared.
_REJECTS = r"""
UPDATE rejects SET raw = '' WHERE account_id = :account_id AND raw <> ''
  AND regexp_replace(raw, '\D', '', 'g') LIKE :digits
"""
_OTHER_PHONES = """
UPDATE leads SET other_phones = array_remove(other_phones, :phone)
WHERE account_id = :account_id AND other_phones @> ARRAY[:phone]
"""
# Events that were promised are still delivered, with nulls where the person was.
_EVENTS = """
UPDATE outbox SET payload = jsonb_set(payload, '{data}', (payload -> 'data') || (
    SELECT coalesce(jsonb_object_agg(name, NULL), '{}') FROM unnest(
        ARRAY['phone', 'external_id', 'answers', 'callback_at']) AS name
    WHERE jsonb_exists(payload -> 'data', name)))
WHERE account_id = :account_id
  AND (payload -> 'data' ->> 'phone' = :phone
       OR payload -> 'data' ->> 'lead_id' = ANY(CAST(:leads AS text[])))
"""
_REPLIES = """
DELETE FROM idempotency_keys
WHERE account_id = :account_id AND position(convert_to(:phone, 'UTF8') IN body) > 0
"""
