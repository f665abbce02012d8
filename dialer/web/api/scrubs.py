"""Register runs over REST: what the operator's portal said of our numbers."""

from __future__ import annotations

import asyncio
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromQuery, MultipartBody, QueryParameter
from msgspec import Meta, Struct

from dialer.errors import FieldError, InvalidInput
from dialer.leads.phone_file import read_verdicts
from dialer.store import enrolments, lists, scrubs
from dialer.store.engine import Tx
from dialer.web.api.pages import Page, page_of

Text = Annotated[str, Meta(min_length=1, max_length=200)]


class NewScrub(Struct, forbid_unknown_fields=True):
    """``file``: CSV ``phone,verdict``. ``at``: when the register was asked. ``list_id``: leave it
    out if the verdicts hold for the phones in the file whatever list they are in."""

    file: UploadFile
    ref: Text
    provider: Text
    at: str
    list_id: UUID | None = None


class ScrubOut(Struct):
    """``submitted``: phones in the file; ``blocked``: those whose verdict forbids something."""

    id: UUID
    ref: str
    provider: str
    at: datetime
    list_id: UUID | None
    submitted: int
    blocked: int


def _shown(row: Any) -> ScrubOut:
    return ScrubOut(row.id, row.ref, row.provider, row.at, row.list_id, row.submitted, row.blocked)


class ScrubController(Controller):
    path = "/scrubs"
    tags = ("scrubs",)

    @get()
    async def list_scrubs(
        self,
        tx: NamedDependency[Tx],
        list_id: FromQuery[UUID | None] = None,
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> Page[ScrubOut]:
        """List register runs, oldest first."""
        rows = await scrubs.page_scrubs(tx, list_id=list_id, after=after, limit=limit + 1)
        return page_of([_shown(row) for row in rows], limit)

    @post(status_code=201)
    async def create_scrub(
        self, tx: NamedDependency[Tx], data: MultipartBody[NewScrub]
    ) -> ScrubOut:
        """Keep one run. Leads that waited for it become due at once; one bad row and nothing of
        the file is kept."""
        at = _read_at(data.at, tx.now)
        if data.list_id is not None:
            await lists.get_list(tx, data.list_id)
        content = await data.file.read()
        verdicts = await asyncio.to_thread(read_verdicts, content)
        row = await scrubs.add_scrub(
            tx,
            ref=data.ref,
            provider=data.provider,
            at=at,
            list_id=data.list_id,
            verdicts=verdicts.pairs,
            blocked=verdicts.blocked,
            file_sha256=sha256(content).digest(),
        )
        await enrolments.wake(tx, codes=["DNC_SCRUB_STALE"])
        return _shown(row)


def _read_at(text: str, now: datetime) -> datetime:
    """Read when the register was asked: a run that has not happened proves nothing."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    message = ""
    if at is None or at.tzinfo is None or at.year < 2000:
        message = f"found {text!r}; write an ISO time with an offset: 2026-11-23T11:00:00+05:30"
    elif at > now:
        message = f"{text} is in the future; give the time at which the register was asked"
    if at is None or message:
        raise InvalidInput(f"at: {message}", [FieldError("at", message, text)])
    return at
