"""Signed heads: where the chain of checks stood, so that its end cannot be cut off unseen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Text, cast, insert, select

from dialer.compliance.chain import SignedHead, sign_head
from dialer.domain.ids import uuid7
from dialer.store.engine import Tx
from dialer.store.tables import accounts, audit_heads

h = audit_heads.c

#: How old the newest signed head may get while checks are made.
SEAL_AFTER = timedelta(hours=1)


async def read_heads(tx: Tx) -> list[SignedHead]:
    """Return every signed head, in the order of the chain."""
    rows = await tx.all(
        select(h.account_id, cast(h.at, Text), h.seq, h.count, h.head, h.signature)
        .where(h.account_id == tx.account_id)
        .order_by(h.seq, h.id)
    )
    return [SignedHead(account, _instant(at), *rest) for account, at, *rest in rows]


def _instant(text: str) -> datetime:
    """A tampered column may hold what is no date for us; no signature fits what stands for it."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


async def seal(tx: Tx, key: bytes) -> SignedHead:
    """Sign where the chain stands now, and keep it."""
    a = accounts.c
    end = (
        await tx.execute(
            select(a.chain_seq, a.chain_count, a.chain_head).where(a.id == tx.account_id)
        )
    ).one()
    head = sign_head(
        key,
        account_id=tx.account_id,
        at=tx.now,
        seq=end.chain_seq,
        count=end.chain_count,
        head=end.chain_head,
    )
    await tx.execute(
        insert(audit_heads).values(
            account_id=head.account_id,
            id=uuid7(),
            at=head.at,
            seq=head.seq,
            count=head.count,
            head=head.head,
            signature=head.signature,
        )
    )
    return head


async def seal_hourly(tx: Tx, key: bytes) -> bool:
    """Sign the chain if it has grown and the newest head is an hour old.

    Harmless on every node: two that look at the same moment sign the same twice.
    """
    a = accounts.c
    newest = await tx.one_or_none(
        select(h.at, h.seq).where(h.account_id == tx.account_id).order_by(h.seq.desc()).limit(1)
    )
    seq = await tx.scalar(select(a.chain_seq).where(a.id == tx.account_id))
    sealed = 0 if newest is None else newest.seq
    if seq <= sealed or (newest is not None and newest.at > tx.now - SEAL_AFTER):
        return False
    await seal(tx, key)
    return True
