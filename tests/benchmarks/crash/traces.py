"""What is known of each violation, in a file."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from dialer.store.engine import Database
from dialer.store.tables import attempts, carrier_events, enrolments
from tests.benchmarks.crash.books import Books
from tests.benchmarks.crash.verdict import Violation

_MOST_TRACES = 40


async def write_traces(
    path: Path, db: Database, books: Books, violations: Sequence[Violation]
) -> None:
    """Rows, callbacks and ledger entries of each violation, some of each kind."""
    lines = []
    for violation in _some(violations):
        lines.append(f"== {violation.kind}: {violation.what}")
        lines += [f"   {line}" for line in await _trace(books, db, violation)]
    await asyncio.to_thread(path.write_text, "\n".join(lines), encoding="utf-8")


def _some(violations: Sequence[Violation]) -> Iterator[Violation]:
    seen: Counter[str] = Counter()
    for one in violations:
        seen[one.kind] += 1
        if seen[one.kind] <= _MOST_TRACES:
            yield one


async def _trace(books: Books, db: Database, violation: Violation) -> list[str]:
    phone = violation.phone
    if violation.attempt is None and not phone:
        return []
    async with db.begin() as tx:
        rows = await tx.all(
            select(attempts).where(attempts.c.phone == phone).order_by(attempts.c.id)
        )
        leads = await tx.all(select(enrolments).where(enrolments.c.phone == phone))
        e = carrier_events.c
        events = await tx.all(
            select(carrier_events)
            .where(e.attempt_id.in_([row.id for row in rows]))
            .order_by(e.received_at)
        )
    found = [f"attempt concerned: {violation.attempt}, phone {phone}"]
    found += [f"lead     {_shown(row)}" for row in leads]
    found += [f"attempt  {_shown(row)}" for row in rows]
    found += [
        f"callback {row.received_at} {row.attempt_id} {row.kind} {row.body}" for row in events
    ]
    if violation.attempt is not None:
        found += [f"ledger   {dict(entry)}" for entry in books.about(violation.attempt, phone)]
    return found


def _shown(row: Any) -> str:
    kept = {k: str(v) for k, v in row._mapping.items() if v is not None and k != "account_id"}
    return str(kept)
