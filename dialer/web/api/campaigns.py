"""Campaigns over REST: create, look, move."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Request, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct
from msgspec.structs import asdict

from dialer.dialing import lifecycle
from dialer.dialing.enrol import enrol
from dialer.dialing.fitness import owned_numbers
from dialer.dialing.redial import clone, redial
from dialer.domain.campaign import CampaignState
from dialer.domain.definition import Definition
from dialer.domain.definition_parse import parse_tables, parse_toml
from dialer.domain.retry import EnrolmentState
from dialer.errors import FieldError, InvalidInput
from dialer.store import campaigns, enrolments
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx
from dialer.store.reports import count_live
from dialer.web.api.campaign_bodies import CampaignOperation, VersionOperation
from dialer.web.api.pages import Page, page_of
from dialer.web.context import Context
from dialer.web.fields import read_json


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


class NewVersion(Struct, forbid_unknown_fields=True):
    """``definition``: the tables of a campaign file as JSON."""

    definition: dict[str, Any]


class Answers(Struct, forbid_unknown_fields=True):
    """``promotional_content``: why words that look promotional are none."""

    promotional_content: Annotated[str, Meta(min_length=10, max_length=500)]


class NewState(Struct, forbid_unknown_fields=True):
    state: Literal["running", "paused", "cancelled"]
    in_flight: Literal["finish", "hang_up"] = "finish"
    answers: Answers | None = None


class Moved(CampaignOut):
    """``dropped``: leads that will not be called, of a cancelled campaign. ``in_flight``: its
    calls that are up or under way; ``hang_up`` ends them within moments."""

    dropped: int
    in_flight: int


class Redialed(CampaignOut):
    """``redialed``: how many leads wait again."""

    redialed: int


class NewClone(Struct, forbid_unknown_fields=True):
    """``list_id``: of the leads to call; default: the campaign's own list."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    list_id: UUID | None = None


class NewLeads(Struct, forbid_unknown_fields=True):
    """Either some leads, or all of a list."""

    list_id: UUID | None = None
    lead_ids: Annotated[list[UUID], Meta(max_length=10_000)] = []


class Enrolled(Struct):
    """``enrolled``: how many of them are new in the campaign."""

    enrolled: int


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


async def moved(tx: Tx, campaign: Campaign) -> Moved:
    """Return a campaign as a move left it."""
    is_over = campaign.state is CampaignState.CANCELLED
    dropped = await enrolments.count_in(tx, campaign.id, EnrolmentState.CANCELLED) if is_over else 0
    live = await count_live(tx, campaign.id)
    return Moved(**asdict(shown(campaign)), dropped=dropped, in_flight=sum(live.values()))


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

    @post(status_code=201, operation_class=CampaignOperation)
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
        if _is_toml(request):
            if list_id is None:
                message = "add ?list_id= with the id of a lead list"
                raise InvalidInput(f"list_id: {message}", [FieldError("list_id", message)])
            definition = _read_toml(body)
            name = definition.campaign.name
        else:
            new = read_json(body, NewCampaign)
            list_id = new.list_id
            definition = parse_tables(new.definition, source="definition")
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

    @put("/{campaign_id:uuid}", operation_class=VersionOperation)
    async def redefine_campaign(
        self,
        request: Request[Any, Any, Any],
        state: State,
        tx: NamedDependency[Tx],
        campaign_id: FromPath[UUID],
    ) -> CampaignOut:
        """Give a draft or paused campaign a new version of its definition. Attempts made before
        keep theirs; the campaign keeps its name and its list."""
        context: Context = state.context
        body = await request.body()
        if _is_toml(request):
            definition = _read_toml(body)
        else:
            new = read_json(body, NewVersion)
            definition = parse_tables(new.definition, source="definition")
        return shown(await lifecycle.redefine(tx, context.law, campaign_id, definition))

    @put("/{campaign_id:uuid}/state")
    async def change_state(
        self,
        state: State,
        tx: NamedDependency[Tx],
        campaign_id: FromPath[UUID],
        data: JSONBody[NewState],
    ) -> Moved:
        """Start, pause, resume or cancel. ``in_flight`` of a pause or a cancellation: let calls
        ``finish``, or ``hang_up``. A 409 carries the ``legal`` states."""
        context: Context = state.context
        is_start = data.state == "running"
        owned = await owned_numbers(context.carrier) if is_start else None
        campaign, to_end = await lifecycle.change_state(
            tx,
            campaign_id,
            CampaignState(data.state),
            actor="api",
            in_flight=data.in_flight,
            not_promotional=None if data.answers is None else data.answers.promotional_content,
            missing_keys=context.law.missing_keys,
            owned_numbers=owned,
        )

        async def end_calls() -> None:
            context.end_calls_later(to_end)

        tx.after_commit.append(end_calls)
        return await moved(tx, campaign)

    @post("/{campaign_id:uuid}/redial", status_code=200)
    async def redial_campaign(
        self, state: State, tx: NamedDependency[Tx], campaign_id: FromPath[UUID]
    ) -> Redialed:
        """Call the leads again that were not reached. They begin their retry plan anew, their
        history stays; a finished campaign runs again."""
        context: Context = state.context
        campaign, count = await redial(
            tx, campaign_id, actor="api", missing_keys=context.law.missing_keys
        )
        return Redialed(**asdict(shown(campaign)), redialed=count)

    @post("/{campaign_id:uuid}/clone", status_code=201)
    async def clone_campaign(
        self,
        state: State,
        tx: NamedDependency[Tx],
        campaign_id: FromPath[UUID],
        data: JSONBody[NewClone],
    ) -> CampaignOut:
        """Create a draft with this campaign's definition. Dates that have passed are left out."""
        context: Context = state.context
        made = await clone(tx, context.law, campaign_id, name=data.name, list_id=data.list_id)
        return shown(made)

    @post("/{campaign_id:uuid}/leads", status_code=200)
    async def enrol_leads(
        self, tx: NamedDependency[Tx], campaign_id: FromPath[UUID], data: JSONBody[NewLeads]
    ) -> Enrolled:
        """Enrol more leads; those of a running campaign are due at once."""
        if (data.list_id is None) == (not data.lead_ids):
            message = "give either list_id or lead_ids"
            raise InvalidInput(message, [FieldError("lead_ids", message)])
        count = await enrol(tx, campaign_id, list_id=data.list_id, lead_ids=data.lead_ids)
        return Enrolled(count)


def _is_toml(request: Request[Any, Any, Any]) -> bool:
    return request.headers.get("content-type", "").startswith("application/toml")


def _read_toml(body: bytes) -> Definition:
    try:
        return parse_toml(body.decode(), source="request body")
    except UnicodeDecodeError:
        raise InvalidInput("request body: not UTF-8; save the file as UTF-8") from None
