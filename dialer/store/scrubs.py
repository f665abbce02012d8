"""Register runs and their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from dialer.domain.ids import uuid7
from dialer.store.engine import Tx
from dialer.store.tables import scrub_results, scrubs

s = scrubs.c


async def add_scrub(
    tx: Tx,
    *,
    ref: str,
    provider: str,
    at: datetime,
    list_id: UUID | None,
    verdicts: Sequence[tuple[str, str]],
    blocked: int,
    file_sha256: bytes,
) -> Any:
    """Keep one run with its (phone, verdict) pairs, each phone once; return its row."""
    scrub_id = uuid7()
    row = (
        await tx.execute(
            insert(scrubs)
            .values(
                account_id=tx.account_id,
                id=scrub_id,
                ref=ref,
                provider=provider,
                at=at,
                list_id=list_id,
                submitted=len(verdicts),
                blocked=blocked,
                file_sha256=file_sha256,
                recorded_at=tx.now,
            )
            .returning(scrubs)
        )
    ).one()
    await tx.copy_rows(
        "scrub_results",
        [column.name for column in scrub_results.columns],
        [(tx.account_id, scrub_id, phone, verdict) for phone, verdict in verdicts],
    )
    tx.grew("scrub_results", rows=len(verdicts))
    return row


async def page_scrubs(
    tx: Tx, *, list_id: UUID | None = None, after: UUID | None = None, limit: int
) -> Sequence[Any]:
    query = select(scrubs).where(s.account_id == tx.account_id).order_by(s.id).limit(limit)
    if list_id is not None:
        query = query.where(s.list_id == list_id)
    if after is not None:
        query = query.where(s.id > after)
    rows: Sequence[Any] = await tx.all(query)
    return rows
