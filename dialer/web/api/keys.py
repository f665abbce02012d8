"""API keys over REST: make, list, revoke. All of it needs the scope ``admin``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Request, delete, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from dialer.store import access
from dialer.store.access import Replay
from dialer.store.engine import Tx
from dialer.web.api.pages import Page
from dialer.web.context import Context
from dialer.web.transaction import REPEAT_GETS

Scope = Literal["read", "write", "admin"]


class NewKey(Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)] = ("read", "write", "admin")


class MadeKeyOut(Struct):
    """``key``: shown in this reply only; null in the reply to a repeated request."""

    id: UUID
    name: str
    key: str | None
    scopes: list[str]


class KeyOut(Struct):
    id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None


class KeyController(Controller):
    path = "/keys"
    tags = ("keys",)

    @get()
    async def list_keys(self, tx: NamedDependency[Tx]) -> Page[KeyOut]:
        """List all keys, without their secrets."""
        rows = await access.list_keys(tx)
        return Page([KeyOut(*row) for row in rows], None)

    @post(status_code=201)
    async def create_key(
        self,
        request: Request[Any, Any, Any],
        state: State,
        tx: NamedDependency[Tx],
        data: JSONBody[NewKey],
    ) -> MadeKeyOut:
        """Make a key; it is shown once."""
        context: Context = state.context
        made = await access.make_key(tx, context.keys, name=data.name, scopes=data.scopes)
        shown = MadeKeyOut(made.id, made.name, made.key, list(made.scopes))
        # The reply that Idempotency-Key stores must not be a second home of the secret.
        again = msgspec.json.encode(msgspec.structs.replace(shown, key=None))
        request.scope["state"][REPEAT_GETS] = Replay(201, "application/json", again)
        return shown

    @delete("/{key_id:uuid}", status_code=204)
    async def revoke_key(self, tx: NamedDependency[Tx], key_id: FromPath[UUID]) -> None:
        """Revoke a key at once; it stays in the list."""
        await access.revoke_key(tx, key_id)
