"""What people may ask of us: to be forgotten, and that nothing is kept for longer than it needs."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from dialer.dialing.erase import Erased, delete_files, erase_person
from dialer.domain.retention import DEFAULT_DAYS, Retention, check_days
from dialer.errors import NotFound
from dialer.store import admin_log, erasure
from dialer.store.engine import Tx
from dialer.store.retention import get_retention, save_retention
from dialer.web.api.phones import read_phone
from dialer.web.context import Context


class NewErasure(Struct, forbid_unknown_fields=True):
    """``phone``: of the person who asked to be forgotten."""

    phone: str


class ErasureOut(Struct):
    """``status``: done, or waiting for the end of a call that is up. ``counts``: rows by table."""

    id: UUID
    status: str
    asked_at: datetime
    done_at: datetime | None
    counts: dict[str, int]


class RetentionOut(Struct):
    """Days by kind. Checks are no kind: the proof is kept for ever."""

    days: dict[str, int]


async def _shown(tx: Tx, erasure_id: UUID) -> ErasureOut:
    row: Any = await erasure.find_erasure(tx, erasure_id)
    if row is None:
        raise NotFound(f"no erasure {erasure_id}")
    status = "waiting" if row.done_at is None else "done"
    return ErasureOut(row.id, status, row.asked_at, row.done_at, row.counts)


def after_erasure(tx: Tx, context: Context, erased: Erased) -> None:
    """Once it is committed: end calls to the person, delete their recordings."""

    async def follow() -> None:
        context.end_calls_later(erased.to_end)
        await delete_files(context.data_dir, erased.files)

    tx.after_commit.append(follow)


class ErasureController(Controller):
    path = "/erasures"
    tags = ("people's rights",)

    @post(status_code=201)
    async def create_erasure(
        self, state: State, tx: NamedDependency[Tx], data: JSONBody[NewErasure]
    ) -> Response[ErasureOut]:
        """Forget a person. 202: a call to them is up; it is ended, and the rest follows.

        Name, number, words, answers and recordings go, their leads leave every campaign, and a
        keyed hash of the number stays on the do-not-call list. The checks stay and still verify.
        """
        context: Context = state.context
        erased = await erase_person(tx, read_phone(data.phone, "phone"), actor="api")
        after_erasure(tx, context, erased)
        shown = await _shown(tx, erased.erasure_id)
        return Response(shown, status_code=201 if erased.is_done else 202)

    @get("/{erasure_id:uuid}")
    async def get_erasure(self, tx: NamedDependency[Tx], erasure_id: FromPath[UUID]) -> ErasureOut:
        """Look at one erasure. It tells nothing of the person."""
        return await _shown(tx, erasure_id)


class RetentionController(Controller):
    path = "/retention"
    tags = ("people's rights",)

    @get()
    async def get_retention(self, tx: NamedDependency[Tx]) -> RetentionOut:
        """Look at how many days each kind of row is kept."""
        return _days(await get_retention(tx))

    @put()
    async def put_retention(
        self, tx: NamedDependency[Tx], data: JSONBody[dict[str, int]]
    ) -> RetentionOut:
        """Change how many days rows are kept, by kind; what is left out stays as it is. What is
        older goes within the hour."""
        check_days(data)
        days = {**(await get_retention(tx)).days, **data}
        changed = {kind: count for kind, count in days.items() if count != DEFAULT_DAYS[kind]}
        await save_retention(tx, changed)
        await admin_log.note(tx, actor="api", action="retention_changed", days=data)
        return _days(Retention.of(changed))


def _days(retention: Retention) -> RetentionOut:
    return RetentionOut(dict(retention.days))
