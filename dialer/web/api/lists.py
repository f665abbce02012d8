"""Lead lists over REST: upload a CSV, look, take back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.datastructures import State, UploadFile
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, MultipartBody, QueryParameter
from msgspec import Meta, Struct

from dialer.domain.lead import Problem, read_region
from dialer.errors import FieldError, InvalidInput
from dialer.leads.load import MAX_NAME, ImportResult, import_leads
from dialer.leads.rejects import rejects_csv, rejects_of
from dialer.leads.scrub import scrub_file
from dialer.leads.spool import import_spooled, spool
from dialer.store import admin_log, lists
from dialer.store.engine import Tx
from dialer.web.api.pages import Page, page_of
from dialer.web.context import Context


class Upload(Struct, forbid_unknown_fields=True):
    """``map``: JSON object, column of the file → field of a lead."""

    file: UploadFile
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    map: str | None = None
    default_region: str = "IN"


class Counts(Struct):
    """rows = loaded + updated + duplicate + rejected."""

    rows: int
    loaded: int
    updated: int
    duplicate: int
    rejected: int


class ListOut(Struct):
    """``counts``: of this import in the reply to an upload, of all imports elsewhere; null until
    one is done. ``notes``: how the uploaded file was read."""

    id: UUID
    name: str
    status: str
    counts: Counts | None
    problem: str | None
    columns: list[str]
    created_at: datetime
    notes: list[str] | None = None


def shown(row: Any, result: ImportResult | None = None) -> ListOut:
    """Return a list's row as the API shows it, with the counts of one import if given."""
    counted = row if result is None else result
    is_new = row.status == "importing" and row.rows == 0
    counts = Counts(
        counted.rows, counted.loaded, counted.updated, counted.duplicate, counted.rejected
    )
    return ListOut(
        id=row.id,
        name=row.name,
        status=row.status,
        counts=None if is_new else counts,
        problem=row.problem,
        columns=list(row.columns),
        created_at=row.created_at,
        notes=None if result is None else list(result.notes),
    )


class ListController(Controller):
    path = "/lists"
    tags = ("lists",)

    @get()
    async def list_lists(
        self,
        tx: NamedDependency[Tx],
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> Page[ListOut]:
        """List lead lists, oldest first."""
        rows = await lists.page_lists(tx, after=after, limit=limit + 1)
        return page_of([shown(row) for row in rows], limit)

    @post(
        status_code=201,
        responses={
            202: ResponseSpec(
                ListOut, description="kept, and imported after this", generate_examples=False
            )
        },
    )
    async def upload_list(
        self,
        state: State,
        tx: NamedDependency[Tx],
        data: MultipartBody[Upload],
        wait: FromQuery[bool] = True,
    ) -> Response[ListOut]:
        """Import a CSV into a new or an existing list. With ``wait=false`` the reply is 202 and
        the list is ``importing`` until it is ``ready`` or ``failed``."""
        context: Context = state.context
        name, mapping, region = data.name.strip(), _read_map(data.map), _region(data)
        content = await data.file.read()
        if wait:
            await lists.lock_idle(tx, name)
            result = await import_leads(
                tx, name=name, data=content, mapping=mapping, default_region=region
            )
            row = await lists.get_list(tx, result.list_id)
            return Response(shown(row, result), status_code=201)
        if not name:
            raise _wrong("name", "a list needs a name")
        list_id = await lists.begin_import(tx, name)
        await asyncio.to_thread(
            spool, context.data_dir, list_id, content, mapping=mapping, default_region=region
        )

        async def begin() -> None:
            context.background.spawn(_import(context))

        tx.after_commit.append(begin)
        return Response(shown(await lists.get_list(tx, list_id)), status_code=202)

    @get("/{list_id:uuid}")
    async def get_list(self, tx: NamedDependency[Tx], list_id: FromPath[UUID]) -> ListOut:
        """Look at one list."""
        return shown(await lists.get_list(tx, list_id))

    @get("/{list_id:uuid}/rejects.csv", media_type="text/csv")
    async def get_rejects(self, tx: NamedDependency[Tx], list_id: FromPath[UUID]) -> Response[str]:
        """Download the rows that were not loaded, each with its line, column and reason."""
        row = await lists.get_list(tx, list_id)
        rejects = await rejects_of(tx, list_id)
        return Response(
            rejects_csv(rejects, header=row.header, delimiter=row.delimiter),
            media_type="text/csv",
            headers={"content-disposition": f'attachment; filename="rejects-{list_id}.csv"'},
        )

    @get("/{list_id:uuid}/scrub.csv", media_type="text/csv")
    async def get_scrub_file(
        self, tx: NamedDependency[Tx], list_id: FromPath[UUID]
    ) -> Response[bytes]:
        """Download the list's numbers for the operator's do-not-call portal. The header
        ``List-Hash`` binds its verdict to just these: send it back as ``list_hash``."""
        await lists.get_list(tx, list_id)
        content, found = await scrub_file(tx, list_id)
        return Response(
            content,
            media_type="text/csv",
            headers={
                "content-disposition": f'attachment; filename="scrub-{found[:12]}.csv"',
                "list-hash": found,
            },
        )

    @delete("/{list_id:uuid}", status_code=204)
    async def delete_list(self, tx: NamedDependency[Tx], list_id: FromPath[UUID]) -> None:
        """Undo an import: the list and all its leads. 409 once a campaign uses it."""
        row = await lists.delete_list(tx, list_id)
        await admin_log.note(tx, actor="api", action="list_deleted", list=row.name, rows=row.rows)


async def _import(context: Context) -> None:
    await import_spooled(context.db, context.data_dir)


def _read_map(text: str | None) -> Mapping[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str]) if text else {}
    except msgspec.MsgspecError:
        raise _wrong("map", 'send a JSON object such as {"Mobile No": "phone"}') from None


def _region(data: Upload) -> str:
    region = read_region(data.default_region)
    if isinstance(region, Problem):
        raise _wrong("default_region", region.reason)
    return region


def _wrong(field: str, message: str) -> InvalidInput:
    return InvalidInput(f"{field}: {message}", [FieldError(field, message)])
