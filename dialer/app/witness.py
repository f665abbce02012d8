"""Our database held against the twin's ledger, an independent witness of every ring."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import aiohttp
from sqlalchemy import and_, func, select

from dialer.domain.attempt import AttemptState
from dialer.store.engine import Database, Tx
from dialer.store.tables import attempts, checks

_NOTHING_RANG = (AttemptState.REFUSED, AttemptState.NEVER_PLACED)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the two sides say. Everything but the first two, and the high water, should be 0."""

    rings: int
    attempts: int
    unknown_rings: int  # rings that no attempt of ours explains
    missing_rings: int  # attempts that no ring explains
    rung_twice: int  # attempts with more than one ring
    unproved: int  # attempts without exactly one earlier allowing check
    high_water: dict[str, Any]

    @property
    def disagreements(self) -> int:
        return (
            abs(self.rings - self.attempts)
            + self.unknown_rings
            + self.missing_rings
            + self.rung_twice
            + self.unproved
        )


async def compare(db: Database, twin_url: str) -> Comparison:
    """Read both sides and count where they disagree."""
    async with aiohttp.ClientSession() as session, session.get(f"{twin_url}/twin/ledger") as reply:
        ledger = await reply.json()
    rings = Counter(ring["request_uuid"] for ring in ledger["rings"])
    async with db.begin() as tx:
        ours = await _attempts_that_rang(tx)
        unproved = await _count_unproved(tx)
    return Comparison(
        rings=rings.total(),
        attempts=len(ours),
        unknown_rings=sum(n for uuid, n in rings.items() if uuid not in ours),
        missing_rings=len(ours - set(rings)),
        rung_twice=sum(1 for n in rings.values() if n > 1),
        unproved=unproved,
        high_water=ledger["high_water"],
    )


async def _attempts_that_rang(tx: Tx) -> set[str]:
    a = attempts.c
    rows = await tx.all(
        select(
            func.coalesce(a.request_uuid, a.call_uuid, func.concat("unknown-", a.id)).label("u")
        ).where(a.account_id == tx.account_id, a.state.not_in(_NOTHING_RANG))
    )
    return {row.u for row in rows}


async def _count_unproved(tx: Tx) -> int:
    """Count attempts that do not have exactly one allowing check, decided before placing."""
    a, c = attempts.c, checks.c
    proofs = (
        select(func.count())
        .where(
            c.account_id == a.account_id,
            c.id == a.check_id,
            c.decision == "allow",
            c.decided_at <= func.coalesce(a.placing_at, a.created_at),
        )
        .scalar_subquery()
    )
    shared = (
        select(a.check_id)
        .where(a.account_id == tx.account_id)
        .group_by(a.check_id)
        .having(func.count() > 1)
    )
    lacking = and_(a.account_id == tx.account_id, (proofs != 1) | a.check_id.in_(shared))
    return await tx.scalar(select(func.count()).select_from(attempts).where(lacking)) or 0
