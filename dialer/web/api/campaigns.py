"""Campaigns over REST: create, look, move."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Request, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from dialer.dialing import lifecycle
from dialer.domain.campaign import CampaignState
from dialer.domain.definition_parse import parse_tables, parse_toml
from dialer.errors import InvalidInput
from dialer.store import campaigns
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx
from dialer.web.api.pages import Page, page_of
from dialer.web.context import Context


class CampaignOut(Struct):
    id: UUID
    name: str
    state: str
    version: int
    list_id: UUID
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime


class NewCampaign(Struct, forbid_unknown_fields=True):
    """``definition``: the tables of a campaign file as JSON."""

    list_id: UUID
    definition: dict[str, Any]
    name: Annotated[str, Meta(min_length=1, max_length=80)] | None = None


class NewState(Struct, forbid_unknown_fields=True):
    state: Literal["running", "paused", "cancelled"]
    in_flight: Literal["finish", "hang_up"] = "finish"


def shown(campaign: Any) -> CampaignOut:
    """Return a campaign row as the API shows it."""
    row = campaign.row if isinstance(campaign, Campaign) else campaign
    return CampaignOut(
        id=row.id,
        name=row.name,
        state=row.state,
        version=row.version,
        list_id=row.list_id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        created_at=row.created_at,
    )


class CampaignController(Controller):
    path = "/campaigns"
    tags = ("campaigns",)

    @get()
    async def list_campaigns(
        self,
        tx: NamedDependency[Tx],
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> Page[CampaignOut]:
        """List campaigns, oldest first."""
        rows = await campaigns.page(tx, after=after, limit=limit + 1)
        return page_of([shown(row) for row in rows], limit)

    @post(status_code=201)
    async def create_campaign(
        self,
        request: Request[Any, Any, Any],
        state: State,
        tx: NamedDependency[Tx],
        list_id: FromQuery[UUID | None] = None,
    ) -> CampaignOut:
        """Create a draft. Body: JSON ``{name, list_id, definition}``, or the TOML file itself
        (``Content-Type: application/toml``) with ``?list_id=``."""
        context: Context = state.context
        body = await request.body()
        if request.headers.get("content-type", "").startswith("application/toml"):
            if list_id is None:
                raise InvalidInput("list_id: add ?list_id= with the id of a lead list")
            definition = parse_toml(body.decode("utf-8", "replace"), source="request body")
            name = definition.campaign.name
        else:
            try:
                new = msgspec.json.decode(body, type=NewCampaign)
            except msgspec.MsgspecError as error:
                raise InvalidInput(f"request body: {error}") from None
            list_id, tables = new.list_id, new.definition
            definition = parse_tables(tables, source="definition")
            name = new.name or definition.campaign.name
        made = await lifecycle.create(
            tx, context.law, definition=definition, list_id=list_id, name=name
        )
        return shown(made)

    @get("/{campaign_id:uuid}")
    async def get_campaign(
        self, tx: NamedDependency[Tx], campaign_id: FromPath[UUID]
    ) -> CampaignOut:
        """Look at one campaign."""
        return shown(await campaigns.get(tx, campaign_id))

    @put("/{campaign_id:uuid}/state")
    async def change_state(
        self,
        state: State,
        tx: NamedDependency[Tx],
        campaign_id: FromPath[UUID],
        data: JSONBody[NewState],
    ) -> CampaignOut:
        """Start, pause, resume or cancel. A 409 carries the ``legal`` states."""
        context: Context = state.context
        campaign, to_end = await lifecycle.change_state(
            tx,
            campaign_id,
            CampaignState(data.state),
            actor="api",
            in_flight=data.in_flight,
        )

        async def end_calls() -> None:
            context.end_calls_later(to_end)

        tx.after_commit.append(end_calls)
        return shown(campaign)
