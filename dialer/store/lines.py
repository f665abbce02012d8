"""Lines: one row a phone ever dialed; while it holds an attempt, that phone is busy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from dialer.domain.attempt import LIVE
from dialer.store.engine import Tx
from dialer.store.tables import attempts, lines

_LIVE = sorted(LIVE)

_LOCK = """
SELECT phone, live_attempt_id FROM lines WHERE account_id = $1 AND phone = ANY($2::text[])
ORDER BY phone FOR NO KEY UPDATE
"""
# A row that this statement makes is ours already and not yet seen by its own select.
_LOCK_OR_MAKE = """
WITH made AS (
  INSERT INTO lines (account_id, phone) SELECT $1, unnest($2::text[])
  ON CONFLICT DO NOTHING RETURNING phone, live_attempt_id
), held AS (
  SELECT phone, live_attempt_id FROM lines WHERE account_id = $1 AND phone = ANY($2::text[])
  ORDER BY phone FOR NO KEY UPDATE
)
SELECT * FROM held UNION ALL SELECT * FROM made
"""


async def lock_lines(tx: Tx, phones: Iterable[str]) -> dict[str, UUID | None]:
    """Lock the lines of ``phones`` in ascending order, made on first use; phone → live attempt."""
    wanted: Sequence[str] = sorted(set(phones))
    if not wanted:
        return {}
    rows = await tx.fetch(_LOCK_OR_MAKE, tx.account_id, wanted)
    if len(rows) < len(wanted):  # one was made by somebody else while we looked
        return await lock_known_lines(tx, wanted)
    return {row.phone: row.live_attempt_id for row in rows}


async def lock_known_lines(tx: Tx, phones: Iterable[str]) -> dict[str, UUID | None]:
    """Lock lines that are known to exist, as those of every attempt do."""
    found = await tx.fetch(_LOCK, tx.account_id, sorted(set(phones)))
    return {row.phone: row.live_attempt_id for row in found}


async def take_line(tx: Tx, phone: str, attempt_id: UUID) -> None:
    """Give a locked line to an attempt."""
    await tx.execute(_of(tx, phone).values(live_attempt_id=attempt_id))


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
