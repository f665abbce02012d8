"""Our own do-not-call list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.dialects.postgresql import insert

from dialer.domain.ids import uuid7
from dialer.store.engine import Tx
from dialer.store.tables import suppressions

s = suppressions.c


def _applies(tx: Tx, campaign_id: UUID | None) -> Any:
    everywhere = s.scope == "everywhere"
    of_campaign = and_(s.scope == "campaign", s.campaign_id == campaign_id)
    return and_(s.account_id == tx.account_id, or_(everywhere, of_campaign))


async def suppressed_among(tx: Tx, phones: Iterable[str], campaign_id: UUID) -> set[str]:
    """Return those of ``phones`` that must not be dialed for this campaign."""
    rows = await tx.all(
        select(s.phone).where(_applies(tx, campaign_id), s.phone.in_(sorted(set(phones))))
    )
    return {row.phone for row in rows}


async def add_suppression(
    tx: Tx,
    *,
    phone: str,
    source: str,
    reason: str,
    scope: str = "everywhere",
    campaign_id: UUID | None = None,
    attempt_id: UUID | None = None,
) -> bool:
    """Suppress a number; False if it already was in that scope."""
    result = await tx.execute(
        insert(suppressions)
        .values(
            account_id=tx.account_id,
            id=uuid7(),
            phone=phone,
            scope=scope,
            campaign_id=campaign_id,
            source=source,
            reason=reason,
            at=tx.now,
            attempt_id=attempt_id,
        )
        .on_conflict_do_nothing()
        .returning(s.id)
    )
    return result.first() is not None


async def list_suppressions(
    tx: Tx, *, after: UUID | None = None, limit: int = 100, phone: str | None = None
) -> Sequence[Any]:
    query = select(suppressions).where(s.account_id == tx.account_id).order_by(s.id).limit(limit)
    if after is not None:
        query = query.where(s.id > after)
    if phone is not None:
        query = query.where(s.phone == phone)
    return (await tx.execute(query)).all()  # type: ignore[no-any-return]
