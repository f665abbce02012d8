"""Our own do-not-call list over REST."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.datastructures import State, UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, MultipartBody, QueryParameter
from msgspec import Meta, Struct

from dialer.dialing.complaints import judge, lock_to_judge
from dialer.dialing.optout import suppress, suppress_all
from dialer.domain.erasure import MARK, shown_phone
from dialer.errors import FieldError, InvalidInput
from dialer.leads.phone_file import read_phones
from dialer.store import admin_log, campaigns, suppressions
from dialer.store.attempts import CarrierIds
from dialer.store.engine import Tx
from dialer.web.api.pages import Page, page_of
from dialer.web.api.phones import read_phone
from dialer.web.context import Context

_SHOWN_PROBLEMS = 100

Word = Annotated[str, Meta(min_length=1, max_length=80)]


class NewSuppression(Struct, forbid_unknown_fields=True):
    """``scope`` campaign needs ``campaign_id``."""

    phone: str
    scope: Literal["everywhere", "campaign"] = "everywhere"
    campaign_id: UUID | None = None
    reason: Word = "opt_out"
    source: Word = "api"


class SuppressionFile(Struct, forbid_unknown_fields=True):
    """``file``: CSV with a column ``phone``, or one number a line."""

    file: UploadFile
    reason: Word = "opt_out"
    source: Word = "import"


class SuppressionOut(Struct):
    """``attempt_id``: the call in which it was asked for. ``phone``: null of an erased person,
    of whose number only a keyed hash is left; a look-up by the number finds it."""

    id: UUID
    phone: str | None
    scope: str
    campaign_id: UUID | None
    source: str
    reason: str
    at: datetime
    attempt_id: UUID | None


class BadLine(Struct):
    line: int
    reason: str


class SuppressionCounts(Struct):
    """rows = added + known + duplicate + rejected. ``problems``: the first rejected lines."""

    rows: int
    added: int
    known: int
    duplicate: int
    rejected: int
    problems: list[BadLine]


def _shown(row: Any) -> SuppressionOut:
    return SuppressionOut(
        row.id,
        shown_phone(row.phone),
        row.scope,
        row.campaign_id,
        row.source,
        row.reason,
        row.at,
        row.attempt_id,
    )


class SuppressionController(Controller):
    path = "/suppressions"
    tags = ("suppressions",)

    @get()
    async def list_suppressions(
        self,
        tx: NamedDependency[Tx],
        phone: FromQuery[str | None] = None,
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> Page[SuppressionOut]:
        """List suppressed numbers, oldest first."""
        rows = await suppressions.list_suppressions(
            tx,
            phone=None if phone is None else read_phone(phone, "phone"),
            after=after,
            limit=limit + 1,
        )
        return page_of([_shown(row) for row in rows], limit)

    @post(status_code=201)
    async def add_suppression(
        self, state: State, tx: NamedDependency[Tx], data: JSONBody[NewSuppression]
    ) -> SuppressionOut:
        """Never call a number again. Calls to it that wait or ring are ended."""
        context: Context = state.context
        phone = read_phone(data.phone, "phone")
        if (data.scope == "campaign") != (data.campaign_id is not None):
            message = "goes with scope campaign, and scope campaign needs it"
            field = FieldError("campaign_id", message, data.campaign_id)
            raise InvalidInput(f"campaign_id: {message}", [field])
        if data.campaign_id is not None:
            await campaigns.get(tx, data.campaign_id)
        await lock_to_judge(tx, data.reason)
        ringing = await suppress(
            tx,
            phone=phone,
            source=data.source,
            reason=data.reason,
            scope=data.scope,
            campaign_id=data.campaign_id,
        )
        await judge(tx, context.law, [phone], data.reason)
        _end_after_commit(tx, context, ringing)
        row = await suppressions.find_suppression(
            tx, phone=phone, scope=data.scope, campaign_id=data.campaign_id
        )
        return _shown(row)

    @post("/import", status_code=200)
    async def import_suppressions(
        self, state: State, tx: NamedDependency[Tx], data: MultipartBody[SuppressionFile]
    ) -> SuppressionCounts:
        """Suppress a file of numbers everywhere. Lines without a number are told of and do not
        hold up the others."""
        context: Context = state.context
        content = await data.file.read()
        read = await asyncio.to_thread(read_phones, content)
        await lock_to_judge(tx, data.reason)
        added, ringing = await suppress_all(tx, read.phones, source=data.source, reason=data.reason)
        await judge(tx, context.law, read.phones, data.reason)
        _end_after_commit(tx, context, ringing)
        problems = [BadLine(*problem) for problem in read.problems[:_SHOWN_PROBLEMS]]
        return SuppressionCounts(
            rows=read.rows,
            added=added,
            known=len(read.phones) - added,
            duplicate=read.duplicate,
            rejected=len(read.problems),
            problems=problems,
        )

    @delete("/{suppression_id:uuid}", status_code=204)
    async def delete_suppression(
        self, state: State, tx: NamedDependency[Tx], suppression_id: FromPath[UUID]
    ) -> None:
        """Lift a suppression: for mistakes. Who lifted which number, hashed, is logged."""
        context: Context = state.context
        row = await suppressions.delete_suppression(tx, suppression_id)
        await admin_log.note(
            tx,
            actor="api",
            action="suppression_lifted",
            suppression_id=str(row.id),
            phone_hash=_hash(context, row.phone),
            scope=row.scope,
            source=row.source,
            reason=row.reason,
            suppressed_at=row.at.isoformat(),
        )


def _hash(context: Context, phone: str) -> str:
    """The keyed hash of a number that may be on the list as its mark alone."""
    return (
        phone.removeprefix(MARK) if shown_phone(phone) is None else context.keys.phone_hash(phone)
    )


def _end_after_commit(tx: Tx, context: Context, ringing: Sequence[CarrierIds]) -> None:
    async def end_calls() -> None:
        context.end_calls_later(ringing)

    tx.after_commit.append(end_calls)
