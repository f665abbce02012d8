"""Lines: one row a phone ever dialed; while it holds an attempt, that phone is busy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import literal, select, update
from sqlalchemy.dialects.postgresql import insert

from dialer.domain.attempt import LIVE
from dialer.store.arrays import rows_of
from dialer.store.engine import Tx
from dialer.store.tables import attempts, lines

_LIVE = sorted(LIVE)


async def lock_lines(tx: Tx, phones: Iterable[str]) -> dict[str, UUID | None]:
    """Lock the lines of ``phones`` in ascending order, made on first use; phone → live attempt."""
    wanted: Sequence[str] = sorted(set(phones))
    if not wanted:
        return {}
    given = rows_of([(lines.c.phone, wanted)])
    rows = select(literal(tx.account_id, lines.c.account_id.type), given.c.phone)
    await tx.execute(
        insert(lines).from_select(["account_id", "phone"], rows).on_conflict_do_nothing()
    )
    return await lock_known_lines(tx, wanted)


async def lock_known_lines(tx: Tx, phones: Iterable[str]) -> dict[str, UUID | None]:
    """Lock lines that are known to exist, as those of every attempt do."""
    found = await tx.all(
        select(lines.c.phone, lines.c.live_attempt_id)
        .where(lines.c.account_id == tx.account_id, lines.c.phone.in_(sorted(set(phones))))
        .order_by(lines.c.phone)
        .with_for_update(key_share=True)
    )
    return {row.phone: row.live_attempt_id for row in found}


async def take_lines(tx: Tx, attempt_of_phone: Iterable[tuple[str, UUID]]) -> None:
    """Give locked lines to their new attempts."""
    taken = list(attempt_of_phone)
    if not taken:
        return
    given = rows_of(
        [
            (lines.c.phone, [phone for phone, _ in taken]),
            (lines.c.live_attempt_id, [attempt_id for _, attempt_id in taken]),
        ]
    )
    await tx.execute(
        update(lines)
        .where(lines.c.account_id == tx.account_id, lines.c.phone == given.c.phone)
        .values(live_attempt_id=given.c.live_attempt_id)
    )


async def free_line(tx: Tx, phone: str, attempt_id: UUID) -> None:
    """Let go of a locked line, unless another attempt holds it by now.

    A phone has a second live attempt only after one that we had given up rang after all; the
    line then passes to it, so that nothing is dialed beside it.
    """
    a = attempts.c
    still_live = (
        select(a.id)
        .where(
            a.account_id == tx.account_id,
            a.phone == phone,
            a.id != attempt_id,
            a.state.in_(_LIVE),
        )
        .order_by(a.id)
        .limit(1)
        .scalar_subquery()
    )
    await tx.execute(
        _of(tx, phone)
        .where(lines.c.live_attempt_id == attempt_id)
        .values(live_attempt_id=still_live)
    )


def _of(tx: Tx, phone: str) -> Any:
    return update(lines).where(lines.c.account_id == tx.account_id, lines.c.phone == phone)
