"""Leads one by one; files of them are `dialer.leads.load`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import insert as upsert

from dialer.domain.ids import uuid7
from dialer.errors import NotFound, RuleViolation
from dialer.store.engine import Tx
from dialer.store.tables import consents, lead_lists, leads

c = leads.c


async def get_lead(tx: Tx, lead_id: UUID, *, lock: bool = False) -> Any:
    """Return one lead's row; `NotFound` if there is none."""
    query = select(leads).where(c.account_id == tx.account_id, c.id == lead_id)
    row = await tx.one_or_none(query.with_for_update(key_share=True) if lock else query)
    if row is None:
        raise NotFound(f"no lead {lead_id}")
    return row


async def page_leads(
    tx: Tx,
    *,
    list_id: UUID | None = None,
    phone: str | None = None,
    after: UUID | None = None,
    limit: int,
) -> Sequence[Any]:
    query = select(leads).where(c.account_id == tx.account_id).order_by(c.id).limit(limit)
    if list_id is not None:
        query = query.where(c.list_id == list_id)
    if phone is not None:
        query = query.where(c.phone == phone)
    if after is not None:
        query = query.where(c.id > after)
    rows: Sequence[Any] = await tx.all(query)
    return rows


async def phones_of(tx: Tx, lead_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return lead id → phone of those of ``lead_ids`` that exist."""
    rows = await tx.all(
        select(c.id, c.phone).where(c.account_id == tx.account_id, c.id.in_(lead_ids))
    )
    return {row.id: row.phone for row in rows}


async def add_lead(tx: Tx, list_id: UUID, values: Mapping[str, Any]) -> UUID:
    """Insert a lead; ``values``: columns of `leads`. `RuleViolation` if its phone or external_id
    is in the list already."""
    lead_id = uuid7()
    result = await tx.execute(
        upsert(leads)
        .values(
            account_id=tx.account_id,
            id=lead_id,
            list_id=list_id,
            created_at=tx.now,
            updated_at=tx.now,
            **values,
        )
        .on_conflict_do_nothing()
        .returning(c.id)
    )
    if result.first() is None:
        raise RuleViolation(
            "a lead with this phone or external_id is in the list already; change that one"
        )
    return lead_id


async def change_lead(tx: Tx, lead_id: UUID, values: Mapping[str, Any]) -> None:
    await tx.execute(
        update(leads)
        .where(c.account_id == tx.account_id, c.id == lead_id)
        .values(**values, updated_at=tx.now)
    )


async def is_external_id_taken(tx: Tx, list_id: UUID, external_id: str, lead_id: UUID) -> bool:
    """True if another lead of the list has this external_id."""
    row = await tx.one_or_none(
        select(c.id).where(
            c.account_id == tx.account_id,
            c.list_id == list_id,
            c.external_id == external_id,
            c.id != lead_id,
        )
    )
    return row is not None


async def add_columns(tx: Tx, list_id: UUID, names: Sequence[str]) -> None:
    """Note attributes that the list did not have so far, in their order."""
    ll = lead_lists.c
    for name in names:
        await tx.execute(
            update(lead_lists)
            .where(
                ll.account_id == tx.account_id, ll.id == list_id, literal(name) != ll.columns.all_()
            )
            .values(columns=ll.columns + literal([name], ARRAY(TEXT)))
        )


@dataclass(frozen=True, slots=True)
class NewConsent:
    """``kind``: without ``:ended``, which is ``has_ended``."""

    kind: str
    captured_at: datetime | None
    has_ended: bool
    source: str | None
    evidence: str | None


async def add_consent(tx: Tx, lead_id: UUID, new: NewConsent) -> None:
    """Write down a fact about a lead's consent; facts are never changed."""
    await tx.execute(
        insert(consents).values(
            account_id=tx.account_id,
            id=uuid7(),
            lead_id=lead_id,
            kind=new.kind,
            captured_at=new.captured_at,
            has_ended=new.has_ended,
            source=new.source,
            evidence=new.evidence,
            recorded_at=tx.now,
        )
    )


async def consents_of(tx: Tx, lead_id: UUID) -> Sequence[Any]:
    """Return a lead's consent facts, oldest first."""
    rows: Sequence[Any] = await tx.all(
        select(consents)
        .where(consents.c.account_id == tx.account_id, consents.c.lead_id == lead_id)
        .order_by(consents.c.id)
    )
    return rows
