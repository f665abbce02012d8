"""Register runs over REST: what the operator's portal said of our numbers."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromQuery, MultipartBody, QueryParameter
from msgspec import Meta, Struct, structs

from dialer.leads.phone_file import read_verdicts
from dialer.leads.scrub import Kept, keep_scrub
from dialer.store import scrubs
from dialer.store.engine import Tx
from dialer.web.api.pages import Page, page_of

Text = Annotated[str, Meta(min_length=1, max_length=200)]


class NewScrub(Struct, forbid_unknown_fields=True):
    """``file``: CSV ``phone,verdict``. ``at``: when the register was asked. ``list_id``: leave it
    out if the verdicts hold for the phones in the file whatever list they are in.
    ``list_hash``: the list's as its export told it, to hear if it has changed since."""

    file: UploadFile
    ref: Text
    provider: Text
    at: str
    list_id: UUID | None = None
    list_hash: Annotated[str, Meta(max_length=200)] | None = None


class ScrubOut(Struct):
    """``submitted``: phones in the file; ``blocked``: those whose verdict forbids something."""

    id: UUID
    ref: str
    provider: str
    at: datetime
    list_id: UUID | None
    submitted: int
    blocked: int


class KeptScrub(ScrubOut, kw_only=True):
    """A run just taken in. ``list_hash``: its list's as it is now; ``notes``: what the run does
    not cover."""

    list_hash: str | None
    notes: list[str]


def shown(row: Any) -> ScrubOut:
    return ScrubOut(row.id, row.ref, row.provider, row.at, row.list_id, row.submitted, row.blocked)


def shown_kept(kept: Kept) -> KeptScrub:
    fields = structs.asdict(shown(kept.row))
    return KeptScrub(**fields, list_hash=kept.list_hash, notes=list(kept.notes))


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
        return page_of([shown(row) for row in rows], limit)

    @post(status_code=201)
    async def create_scrub(
        self, tx: NamedDependency[Tx], data: MultipartBody[NewScrub]
    ) -> KeptScrub:
        """Keep one run. Leads that waited for it become due at once; one bad row and nothing of
        the file is kept."""
        content = await data.file.read()
        verdicts = await asyncio.to_thread(read_verdicts, content)
        kept = await keep_scrub(
            tx,
            content,
            verdicts,
            ref=data.ref,
            provider=data.provider,
            at=data.at,
            list_id=data.list_id,
            expected_hash=data.list_hash,
        )
        return shown_kept(kept)
