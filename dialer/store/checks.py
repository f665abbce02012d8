"""The one way a check enters the database: through the append that extends the chain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import select

from dialer.compliance.chain import ChainFault, chain_hash
from dialer.errors import NotFound
from dialer.store.arrays import columns_of, taken, unnest
from dialer.store.audit import verify_audit
from dialer.store.engine import Tx
from dialer.store.tables import attempts, checks, subjects

c = checks.c


async def append_checks(tx: Tx, key: bytes, rows: Sequence[dict[str, Any]]) -> None:
    """Write check rows in their order and move the chain's head (design §6.1).

    Each row brings everything but ``seq`` and ``hash``. The account row is locked here, the last
    lock of the transaction, so that the chain has one writer at a time.
    """
    if not rows:
        return
    (head,) = await tx.fetch(_LOCK_HEAD, tx.account_id)
    seq, previous = head.chain_seq, head.chain_head
    chained = []
    for row in rows:
        seq += 1
        previous = chain_hash(key, previous, seq, row["body"])
        chained.append(row | {"seq": seq, "hash": previous})
    names = tuple(chained[0])
    await tx.fetch(
        _append(names),
        tx.account_id,
        previous,
        seq,
        head.chain_count + len(rows),
        *columns_of(checks, names, chained),
    )


_LOCK_HEAD = """
SELECT chain_head, chain_seq, chain_count FROM accounts WHERE id = $1 FOR NO KEY UPDATE
"""


@lru_cache(maxsize=8)
def _append(names: tuple[str, ...]) -> str:
    """The rows and the new head in one statement."""
    return (
        "WITH head AS (UPDATE accounts SET chain_head = $2, chain_seq = $3, chain_count = $4 "
        f"WHERE id = $1) INSERT INTO checks (account_id, {', '.join(names)}) "
        f"SELECT $1, {taken(checks, names)} FROM {unnest(checks, names, 5)}"
    )


async def list_checks(
    tx: Tx,
    *,
    campaign_id: UUID | None = None,
    lead_id: UUID | None = None,
    phone: str | None = None,
    decision: str | None = None,
    code: str | None = None,
    attempt_id: UUID | None = None,
    from_at: datetime | None = None,
    to_at: datetime | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> Sequence[Any]:
    """Return checks in the order they were made.

    phone: found through its subject, so that there is none once the person was erased.
    from_at, to_at: decided at the first or later, and before the second.
    """
    query = select(checks).where(c.account_id == tx.account_id).order_by(c.id).limit(limit)
    for column, value in (
        (c.campaign_id, campaign_id),
        (c.lead_id, lead_id),
        (c.decision, decision),
        (c.code, code),
    ):
        if value is not None:
            query = query.where(column == value)
    if phone is not None:
        s = subjects.c
        subject = select(s.id).where(s.account_id == tx.account_id, s.phone == phone)
        query = query.where(c.subject_id == subject.scalar_subquery())
    if attempt_id is not None:
        a = attempts.c
        check = select(a.check_id).where(a.account_id == tx.account_id, a.id == attempt_id)
        query = query.where(c.id == check.scalar_subquery())
    if from_at is not None:
        query = query.where(c.decided_at >= from_at)
    if to_at is not None:
        query = query.where(c.decided_at < to_at)
    if after is not None:
        query = query.where(c.id > after)
    rows: Sequence[Any] = (await tx.execute(query)).all()
    return rows


async def get_check(tx: Tx, check_id: UUID) -> Any:
    """Return one check's row; `NotFound` if there is none."""
    row = await tx.one_or_none(
        select(checks).where(c.account_id == tx.account_id, c.id == check_id)
    )
    if row is None:
        raise NotFound(f"no check {check_id}")
    return row


async def verify_checks(tx: Tx, key: bytes) -> tuple[int, Sequence[ChainFault]]:
    """Verify the whole proof; return how many checks there are and the faults found."""
    audit = await verify_audit(tx, key)
    return audit.checks, audit.faults
