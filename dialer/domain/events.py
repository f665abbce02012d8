"""What the customer's systems are told, event by event: the bodies of the webhooks.

Their schemas stand in the OpenAPI document. Times are product time; what is unknown is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, get_args
from uuid import UUID

from msgspec import Meta, Struct

EventType = Literal[
    "campaign.state_changed", "call.ended", "lead.disposition", "lead.opted_out", "list.imported"
]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)

_At = Annotated[datetime, Meta(tz=True)]
_ExternalId = Annotated[str | None, Meta(description="the lead's id in your own system")]


class Event(Struct, frozen=True, kw_only=True):
    """What happened; ``type`` names it."""

    type: ClassVar[EventType]


class CallEnded(Event, frozen=True, kw_only=True):
    """A call is over. Costs that are known later stand in the results."""

    type: ClassVar[EventType] = "call.ended"

    call_id: UUID
    campaign_id: UUID
    lead_id: UUID
    external_id: _ExternalId
    is_test: bool
    outcome: str | None
    is_supposed: Annotated[bool, Meta(description="the carrier has not told how it ended")]
    is_correction: Annotated[bool, Meta(description="by now it has")]
    disposition: str | None
    hangup_code: int | None
    hangup_cause: str | None
    placed_at: _At | None
    answered_at: _At | None
    ended_at: _At | None
    talk_s: float | None
    cost_usd: Decimal | None


class LeadDisposition(Event, frozen=True, kw_only=True):
    """It is known what became of a lead: what a talk came to, or that there will be none."""

    type: ClassVar[EventType] = "lead.disposition"

    lead_id: UUID
    external_id: _ExternalId
    phone: str
    campaign_id: UUID
    call_id: UUID
    state: str
    disposition: str | None
    callback_at: Annotated[_At | None, Meta(description="as it was agreed with the lead")]
    answers: Annotated[Mapping[str, Any], Meta(description="by question")]


class LeadOptedOut(Event, frozen=True, kw_only=True):
    """A number must not be called any more. call_id: in which it was asked for, if in one."""

    type: ClassVar[EventType] = "lead.opted_out"

    phone: str
    lead_id: UUID | None
    external_id: _ExternalId
    campaign_id: UUID | None
    call_id: UUID | None
    scope: str
    source: str
    reason: str


class CampaignStateChanged(Event, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A campaign moved, by whomever."""

    type: ClassVar[EventType] = "campaign.state_changed"

    campaign_id: UUID
    name: str
    from_: str | None
    to: str
    actor: str
    reason: Annotated[str, Meta(description="why, such as which breaker stopped it")]


class ListImported(Event, frozen=True, kw_only=True):
    """An import is done."""

    type: ClassVar[EventType] = "list.imported"

    list_id: UUID
    name: str
    counts: Annotated[Mapping[str, int], Meta(description="rows, and what became of them")]


EVENTS: tuple[type[Event], ...] = (
    CampaignStateChanged,
    CallEnded,
    LeadDisposition,
    LeadOptedOut,
    ListImported,
)
