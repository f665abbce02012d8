"""Our own do-not-call list.

A number on it is in clear, or, once its person was erased, as a mark (`dialer.domain.erasure`);
every look-up by number finds both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import column, delete, func, literal, or_, select, update, values
from sqlalchemy.dialects.postgresql import insert

from dialer.domain.erasure import MARK
from dialer.domain.ids import uuid7, uuid7s
from dialer.errors import NotFound
from dialer.store.engine import Tx
from dialer.store.tables import suppressions

s = suppressions.c


_AMONG = """
SELECT phone FROM suppressions WHERE account_id = $1 AND phone = ANY($2::text[])
  AND (scope = 'everywhere' OR scope = 'campaign' AND campaign_id = $3)
"""


async def suppressed_among(tx: Tx, phones: Iterable[str], campaign_id: UUID) -> set[str]:
    """Return those of ``phones`` that must not be dialed for this campaign."""
    listed = {tx.mark_of(phone): phone for phone in set(phones)}
    wanted = sorted([*listed, *listed.values()])
    rows = await tx.fetch(_AMONG, tx.account_id, wanted, campaign_id)
    return {listed.get(row.phone, row.phone) for row in rows}


async def erased_marks(tx: Tx, campaign_id: UUID | None = None) -> set[str]:
    """Return the marks of erased numbers that are suppressed everywhere, or for this campaign."""
    rows = await tx.all(
        select(s.phone).where(
            s.account_id == tx.account_id,
            s.phone.startswith(MARK),
            or_(s.scope == "everywhere", s.campaign_id == campaign_id),
        )
    )
    return {row.phone for row in rows}


async def is_erased(tx: Tx, phone: str) -> bool:
    """True for a number whose person was erased and stays suppressed everywhere. A mark for one
    campaign is not enough: the other was lifted, and the person may be called again, and opt out.
    """
    query = select(s.id).where(
        s.account_id == tx.account_id, s.phone == tx.mark_of(phone), s.scope == "everywhere"
    )
    return await tx.scalar(query) is not None


async def without_erased(tx: Tx, phones: Sequence[str]) -> Sequence[str]:
    """Leave out the numbers of erased people, as `is_erased` has it."""
    erased = await erased_marks(tx)
    return [phone for phone in phones if tx.mark_of(phone) not in erased] if erased else phones


def _is(tx: Tx, phone: str) -> Any:
    return s.phone.in_([phone, tx.mark_of(phone)])


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
    if await find_suppression(tx, phone=phone, scope=scope, campaign_id=campaign_id) is not None:
        return False
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


async def add_many(tx: Tx, phones: Sequence[str], *, source: str, reason: str) -> int:
    """Suppress numbers everywhere; return how many were not yet. At most 5,000 at a time."""
    shared = {
        "account_id": tx.account_id,
        "scope": "everywhere",
        "source": source,
        "reason": reason,
        "at": tx.now,
    }
    given = values(column("id", s.id.type), column("phone", s.phone.type), name="given").data(
        list(zip(uuid7s(len(phones)), phones, strict=True))
    )
    source_rows = select(
        given.c.id,
        given.c.phone,
        *(literal(value, s[name].type) for name, value in shared.items()),
    )
    result = await tx.execute(
        insert(suppressions)
        .from_select(["id", "phone", *shared], source_rows)
        .on_conflict_do_nothing()
        .returning(s.id)
    )
    tx.grew("suppressions", rows=len(phones))
    return len(result.all())


async def note_complaints(tx: Tx, phones: Sequence[str]) -> None:
    """Write down when suppressed people complained, each once."""
    listed = [*phones, *map(tx.mark_of, phones)]
    await tx.execute(
        update(suppressions)
        .where(s.account_id == tx.account_id, s.phone.in_(listed), s.complained_at.is_(None))
        .values(complained_at=tx.now)
    )


async def complaints(tx: Tx) -> list[datetime]:
    """Return when each person complained in the last year, a thousand at the most."""
    first = func.min(s.complained_at)
    rows = await tx.all(
        select(first)
        .where(
            s.account_id == tx.account_id,
            s.complained_at.is_not(None),
            s.complained_at > tx.now - timedelta(days=366),
        )
        .group_by(s.phone)
        .order_by(first.desc())
        .limit(1_000)
    )
    return [row[0] for row in rows]


async def find_suppression(tx: Tx, *, phone: str, scope: str, campaign_id: UUID | None) -> Any:
    """Return the row of a number in one scope, or None."""
    return await tx.one_or_none(
        select(suppressions).where(
            s.account_id == tx.account_id,
            _is(tx, phone),
            s.scope == scope,
            s.campaign_id.is_not_distinct_from(campaign_id),
        )
    )


async def delete_suppression(tx: Tx, suppression_id: UUID) -> Any:
    """Lift a suppression and return the row it was; `NotFound` if there is none."""
    row = (
        await tx.execute(
            delete(suppressions)
            .where(s.account_id == tx.account_id, s.id == suppression_id)
            .returning(suppressions)
        )
    ).one_or_none()
    if row is None:
        raise NotFound(f"no suppression {suppression_id}")
    return row


async def list_suppressions(
    tx: Tx, *, after: UUID | None = None, limit: int = 100, phone: str | None = None
) -> Sequence[Any]:
    query = select(suppressions).where(s.account_id == tx.account_id).order_by(s.id).limit(limit)
    if after is not None:
        query = query.where(s.id > after)
    if phone is not None:
        query = query.where(_is(tx, phone))
    return (await tx.execute(query)).all()  # type: ignore[no-any-return]
