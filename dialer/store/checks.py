"""Reading checks, and proving that none was altered, lost or added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from dialer.compliance.chain import ChainFault
from dialer.errors import NotFound
from dialer.store.audit import verify_audit
from dialer.store.engine import Tx
from dialer.store.tables import attempts, checks, subjects

c = checks.c


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
