"""Webhooks over REST: who is told of which events, and what came of it. All of it needs the scope
``admin``: an endpoint is sent people's numbers and what they said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from dialer.domain.events import EVENT_TYPES, EventType
from dialer.domain.webhook import DeliveryState, require_url
from dialer.store import admin_log, webhooks
from dialer.store.access import Replay
from dialer.store.engine import Tx
from dialer.web.api.pages import Page, page_of
from dialer.web.transaction import REPEAT_GETS
from dialer.webhooks.sign import new_secret, shown_secret

Types = Annotated[tuple[EventType, ...], Meta(min_length=1)]


class NewWebhook(Struct, forbid_unknown_fields=True):
    """``url``: https, or http on this machine. ``types``: all of them unless told."""

    url: str
    types: Types = EVENT_TYPES


class WebhookChange(Struct, forbid_unknown_fields=True):
    """What is absent stays. What happens while it is not enabled is not told."""

    url: str | UnsetType = UNSET
    types: Types | UnsetType = UNSET
    is_enabled: bool | UnsetType = UNSET


class WebhookOut(Struct):
    """``disabled_reason``: why it was switched off, if not by somebody's wish."""

    id: UUID
    url: str
    types: Sequence[str]
    is_enabled: bool
    disabled_reason: str | None
    created_at: datetime


class MadeWebhookOut(WebhookOut):
    """``secret``: what events are signed with, shown in this reply only; null in the reply to a
    repeated request."""

    secret: str | None


class RetriedOut(Struct):
    count: int


class DeliveryOut(Struct):
    """``id``: of the event, as in the header ``webhook-id``. ``last_error``: why there was no
    reply to the last try, ``last_status``: what it was."""

    id: UUID
    type: str
    at: datetime
    state: DeliveryState
    tries: int
    due_at: datetime | None
    last_status: int | None
    last_error: str | None
    delivered_at: datetime | None


def _shown(row: Any) -> WebhookOut:
    return WebhookOut(
        row.id, row.url, row.types, row.is_enabled, row.disabled_reason, row.created_at
    )


class WebhookController(Controller):
    path = "/webhooks"
    tags = ("webhooks",)

    @get()
    async def list_webhooks(self, tx: NamedDependency[Tx]) -> Page[WebhookOut]:
        """List all endpoints, without their secrets."""
        return Page([_shown(row) for row in await webhooks.list_endpoints(tx)], None)

    @post(status_code=201)
    async def create_webhook(
        self, request: Request[Any, Any, Any], tx: NamedDependency[Tx], data: JSONBody[NewWebhook]
    ) -> MadeWebhookOut:
        """Tell an address of what happens from now on. The secret is shown once."""
        require_url(data.url)
        secret = new_secret()
        types = list(dict.fromkeys(data.types))
        row = await webhooks.add_endpoint(tx, url=data.url, types=types, secret=secret)
        await admin_log.note(tx, actor="api", action="webhook_added", id=str(row.id))
        made = MadeWebhookOut(**msgspec.structs.asdict(_shown(row)), secret=shown_secret(secret))
        # The reply that Idempotency-Key stores must not be a second home of the secret.
        again = msgspec.json.encode(msgspec.structs.replace(made, secret=None))
        request.scope["state"][REPEAT_GETS] = Replay(201, "application/json", again)
        return made

    @get("/{webhook_id:uuid}")
    async def get_webhook(self, tx: NamedDependency[Tx], webhook_id: FromPath[UUID]) -> WebhookOut:
        """Show an endpoint."""
        return _shown(await webhooks.get_endpoint(tx, webhook_id))

    @patch("/{webhook_id:uuid}")
    async def change_webhook(
        self, tx: NamedDependency[Tx], webhook_id: FromPath[UUID], data: JSONBody[WebhookChange]
    ) -> WebhookOut:
        """Change where events go, which, and whether. What is due goes to the new address."""
        values: dict[str, Any] = {}
        if data.url is not UNSET:
            require_url(data.url)
            values["url"] = data.url
        if data.types is not UNSET:
            values["types"] = list(dict.fromkeys(data.types))
        if data.is_enabled is not UNSET:
            values |= {"is_enabled": data.is_enabled, "disabled_reason": None}
        if not values:
            return _shown(await webhooks.get_endpoint(tx, webhook_id))
        row = await webhooks.change_endpoint(tx, webhook_id, **values)
        await admin_log.note(
            tx, actor="api", action="webhook_changed", id=str(webhook_id), fields=sorted(values)
        )
        return _shown(row)

    @delete("/{webhook_id:uuid}", status_code=204)
    async def delete_webhook(self, tx: NamedDependency[Tx], webhook_id: FromPath[UUID]) -> None:
        """Forget an endpoint, and what was still to be sent to it."""
        await webhooks.delete_endpoint(tx, webhook_id)
        await admin_log.note(tx, actor="api", action="webhook_deleted", id=str(webhook_id))

    @get("/{webhook_id:uuid}/deliveries")
    async def list_deliveries(
        self,
        tx: NamedDependency[Tx],
        webhook_id: FromPath[UUID],
        delivery_state: Annotated[DeliveryState | None, QueryParameter(name="state")] = None,
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> Page[DeliveryOut]:
        """What an endpoint was told and is to be told, the oldest event first."""
        await webhooks.get_endpoint(tx, webhook_id)
        rows = await webhooks.list_deliveries(
            tx, webhook_id, state=delivery_state, after=after, limit=limit + 1
        )
        return page_of([DeliveryOut(*row) for row in rows], limit)

    @post("/{webhook_id:uuid}/deliveries/{event_id:uuid}/retry", status_code=200)
    async def send_again(
        self, tx: NamedDependency[Tx], webhook_id: FromPath[UUID], event_id: FromPath[UUID]
    ) -> DeliveryOut:
        """Send an event again now, with the same id, whatever came of it before."""
        await webhooks.get_endpoint(tx, webhook_id)
        return DeliveryOut(*await webhooks.send_again(tx, webhook_id, event_id))

    @post("/{webhook_id:uuid}/deliveries/retry", status_code=200)
    async def send_all_again(
        self, tx: NamedDependency[Tx], webhook_id: FromPath[UUID]
    ) -> RetriedOut:
        """Send everything again that failed, each with its same id: for a receiver that is back."""
        await webhooks.get_endpoint(tx, webhook_id)
        return RetriedOut(await webhooks.send_all_again(tx, webhook_id))
