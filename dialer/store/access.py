"""API keys and idempotency keys."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from dialer.domain.ids import uuid7
from dialer.errors import NotFound, RuleViolation
from dialer.keys import Keys
from dialer.store.engine import Tx
from dialer.store.tables import api_keys, idempotency_keys

k = api_keys.c
i = idempotency_keys.c

SCOPES = ("read", "write", "admin")


async def scopes_of(tx: Tx, key_hash: bytes) -> Sequence[str] | None:
    """Return what a key may do; None if there is no such key, or it was revoked."""
    row = await tx.one_or_none(
        select(k.scopes).where(
            k.account_id == tx.account_id, k.key_hash == key_hash, k.revoked_at.is_(None)
        )
    )
    return None if row is None else list(row.scopes)


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new API key. ``key`` is seen here and nowhere else: only its keyed hash is stored."""

    id: UUID
    name: str
    key: str
    scopes: Sequence[str]


async def make_key(tx: Tx, keys: Keys, *, name: str, scopes: Sequence[str]) -> MadeKey:
    """Make an API key; ``scopes`` from `SCOPES`. Raises `RuleViolation` if the name is taken."""
    key = f"dk_{secrets.token_urlsafe(32)}"
    unique = [scope for scope in SCOPES if scope in scopes]
    key_id = await add_key(tx, name=name, key_hash=keys.api_key_hash(key), scopes=unique)
    return MadeKey(key_id, name, key, unique)


async def add_key(tx: Tx, *, name: str, key_hash: bytes, scopes: Sequence[str]) -> UUID:
    taken = await tx.one_or_none(select(k.id).where(k.account_id == tx.account_id, k.name == name))
    if taken is not None:
        raise RuleViolation(f"there is a key {name!r} already; choose another name")
    key_id = uuid7()
    await tx.execute(
        insert(api_keys).values(
            account_id=tx.account_id,
            id=key_id,
            name=name,
            key_hash=key_hash,
            scopes=list(scopes),
            created_at=tx.now,
        )
    )
    return key_id


async def revoke_key(tx: Tx, key: UUID | str) -> None:
    """Revoke a key by id or name; `NotFound` if there is none."""
    which = k.id == key if isinstance(key, UUID) else k.name == key
    result = await tx.execute(
        update(api_keys)
        .where(k.account_id == tx.account_id, which, k.revoked_at.is_(None))
        .values(revoked_at=tx.now)
    )
    if result.rowcount == 0:
        raise NotFound(f"no active key {key}")


async def list_keys(tx: Tx) -> Sequence[Any]:
    query = select(k.id, k.name, k.scopes, k.created_at, k.revoked_at)
    rows: Sequence[Any] = (
        await tx.execute(query.where(k.account_id == tx.account_id).order_by(k.id))
    ).all()
    return rows


@dataclass(frozen=True, slots=True)
class Replay:
    """The stored reply of an earlier request with the same Idempotency-Key."""

    status: int
    content_type: str
    body: bytes


async def claim_idempotency_key(tx: Tx, key: str, request_hash: bytes) -> Replay | None:
    """Take the key for this transaction, or return the reply it already led to.

    A second request with the key waits here until the first has committed or rolled back.
    Raises `RuleViolation` if the key was used for another request.
    """
    result = await tx.execute(
        upsert(idempotency_keys)
        .values(account_id=tx.account_id, key=key, request_hash=request_hash, created_at=tx.now)
        .on_conflict_do_nothing()
        .returning(i.key)
    )
    if result.first() is not None:
        return None
    row = await tx.one_or_none(
        select(idempotency_keys).where(i.account_id == tx.account_id, i.key == key)
    )
    if row is None or row.request_hash != request_hash:
        raise RuleViolation("this Idempotency-Key was used for another request; use a new one")
    return Replay(row.status, row.content_type, row.body)


async def store_reply(tx: Tx, key: str, reply: Replay) -> None:
    await tx.execute(
        update(idempotency_keys)
        .where(i.account_id == tx.account_id, i.key == key)
        .values(status=reply.status, content_type=reply.content_type, body=reply.body)
    )
