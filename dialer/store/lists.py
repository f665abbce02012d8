"""Lead lists: looking, marking an import under way, undoing one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update

from dialer.domain.ids import uuid7
from dialer.errors import NotFound, RuleViolation
from dialer.store.engine import Tx
from dialer.store.tables import campaigns, enrolments, lead_lists, leads, scrub_results, scrubs

ll = lead_lists.c


async def get_list(tx: Tx, list_id: UUID) -> Any:
    """Return one list's row; `NotFound` if there is none."""
    row = await tx.one_or_none(
        select(lead_lists).where(ll.account_id == tx.account_id, ll.id == list_id)
    )
    if row is None:
        raise NotFound(f"no lead list {list_id}")
    return row


async def list_by_name(tx: Tx, name: str) -> Any:
    """Return the list called ``name``; `NotFound` says how to make one."""
    row = await tx.one_or_none(
        select(lead_lists).where(ll.account_id == tx.account_id, ll.name == name)
    )
    if row is None:
        raise NotFound(f"no lead list {name!r}; make it: dialer leads import FILE --list {name!r}")
    return row


async def phones_in(tx: Tx, list_id: UUID) -> list[str]:
    """Return the phones of a list's leads, in order."""
    ld = leads.c
    rows = await tx.all(
        select(ld.phone)
        .where(ld.account_id == tx.account_id, ld.list_id == list_id)
        .order_by(ld.phone)
    )
    return [row.phone for row in rows]


async def page_lists(tx: Tx, *, after: UUID | None, limit: int) -> Sequence[Any]:
    query = select(lead_lists).where(ll.account_id == tx.account_id).order_by(ll.id).limit(limit)
    if after is not None:
        query = query.where(ll.id > after)
    rows: Sequence[Any] = await tx.all(query)
    return rows


async def lock_idle(tx: Tx, name: str) -> Any:
    """Lock the list ``name``, or return None if there is none yet.

    Raises `RuleViolation` while an upload for it waits: to load another file now would call the
    list ready, and the one that waits would be lost.
    """
    row = await tx.one_or_none(
        select(lead_lists)
        .where(ll.account_id == tx.account_id, ll.name == name)
        .with_for_update(key_share=True)
    )
    if row is not None and row.status == "importing":
        raise RuleViolation(f"lead list {name!r} is importing; wait until it is ready")
    return row


async def begin_import(tx: Tx, name: str) -> UUID:
    """Mark the list ``name`` as importing, made if there is none; return its id."""
    row = await lock_idle(tx, name)
    if row is not None:
        await _save(tx, row.id, status="importing", problem=None)
        return row.id  # type: ignore[no-any-return]
    list_id = uuid7()
    await tx.execute(
        insert(lead_lists).values(
            account_id=tx.account_id, id=list_id, name=name, status="importing", created_at=tx.now
        )
    )
    return list_id


async def take_importing(tx: Tx, list_ids: Sequence[UUID]) -> Any:
    """Lock one of ``list_ids`` that still waits for its import and that nobody else imports."""
    return await tx.one_or_none(
        select(lead_lists)
        .where(ll.account_id == tx.account_id, ll.id.in_(list_ids), ll.status == "importing")
        .order_by(ll.id)
        .limit(1)
        .with_for_update(key_share=True, skip_locked=True)
    )


async def lock_status(tx: Tx, list_id: UUID) -> str | None:
    """Lock a list and return its status; ``locked`` if another holds it, None if there is none."""
    query = select(ll.status).where(ll.account_id == tx.account_id, ll.id == list_id)
    row = await tx.one_or_none(query.with_for_update(key_share=True, skip_locked=True))
    if row is None:
        return None if await tx.one_or_none(query) is None else "locked"
    return row.status  # type: ignore[no-any-return]


async def fail_import(tx: Tx, list_id: UUID, problem: str) -> None:
    """Say why an import brought nothing; what the list had before stays."""
    await _save(tx, list_id, status="failed", problem=problem)


async def _save(tx: Tx, list_id: UUID, **values: Any) -> None:
    await tx.execute(
        update(lead_lists).where(ll.account_id == tx.account_id, ll.id == list_id).values(**values)
    )


async def delete_list(tx: Tx, list_id: UUID) -> Any:
    """Undo a list with its leads, rejects and register runs; return the row it was.

    Raises `RuleViolation` while a campaign uses it: a campaign of this list, or one in which a
    lead of it is enrolled.
    """
    await tx.execute(
        select(ll.id).where(ll.account_id == tx.account_id, ll.id == list_id).with_for_update()
    )
    row = await get_list(tx, list_id)
    users = await tx.all(
        select(campaigns.c.name)
        .where(campaigns.c.account_id == tx.account_id, campaigns.c.list_id == list_id)
        .union(_enrolling(tx, list_id))
        .limit(5)
    )
    if users:
        names = ", ".join(repr(user.name) for user in users)
        raise RuleViolation(f"lead list {row.name!r} is used by {names}; it cannot be deleted")
    # A register run over this list holds for nothing else.
    runs = select(scrubs.c.id).where(
        scrubs.c.account_id == tx.account_id, scrubs.c.list_id == list_id
    )
    await tx.execute(
        delete(scrub_results).where(
            scrub_results.c.account_id == tx.account_id, scrub_results.c.scrub_id.in_(runs)
        )
    )
    await tx.execute(
        delete(scrubs).where(scrubs.c.account_id == tx.account_id, scrubs.c.list_id == list_id)
    )
    await tx.execute(delete(lead_lists).where(ll.account_id == tx.account_id, ll.id == list_id))
    return row


def _enrolling(tx: Tx, list_id: UUID) -> Any:
    """Campaigns of other lists that enrolled leads of this one."""
    from_leads = leads.join(
        enrolments,
        (enrolments.c.account_id == leads.c.account_id) & (enrolments.c.lead_id == leads.c.id),
    ).join(
        campaigns,
        (campaigns.c.account_id == enrolments.c.account_id)
        & (campaigns.c.id == enrolments.c.campaign_id),
    )
    return (
        select(campaigns.c.name)
        .select_from(from_leads)
        .where(leads.c.account_id == tx.account_id, leads.c.list_id == list_id)
    )
