"""Leads over REST: find, add, correct."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Struct, UnsetType

from dialer.dialing.enrol import lead_changed
from dialer.dialing.erase import erase_person
from dialer.domain.erasure import is_erased, shown_phone
from dialer.errors import NotFound
from dialer.leads.single import add_lead, change_lead
from dialer.store import leads
from dialer.store.engine import Tx
from dialer.web.api.pages import Page, page_of
from dialer.web.api.phones import read_phone
from dialer.web.api.rights import after_erasure
from dialer.web.context import Context


class LeadFields(Struct, forbid_unknown_fields=True, kw_only=True):
    """The columns of a CSV, read by the same rules."""

    name: str | UnsetType | None = UNSET
    first_name: str | UnsetType | None = UNSET
    external_id: str | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    language: str | UnsetType | None = UNSET
    consent_kind: str | UnsetType | None = UNSET
    consent_at: str | UnsetType | None = UNSET
    consent_source: str | UnsetType | None = UNSET
    consent_evidence: str | UnsetType | None = UNSET


class NewLead(LeadFields, forbid_unknown_fields=True, kw_only=True):
    """``attributes``: every other column."""

    list_id: UUID
    phone: str
    default_region: str = "IN"
    attributes: dict[str, str] = {}


class LeadChange(LeadFields, forbid_unknown_fields=True, kw_only=True):
    """What is left out stays, null takes away. A kind of consent adds a fact."""

    attributes: dict[str, str | None] = {}


class ConsentOut(Struct):
    """A fact: given, or with ``has_ended`` over."""

    kind: str
    captured_at: datetime | None
    has_ended: bool
    source: str | None
    evidence: str | None
    recorded_at: datetime


class LeadOut(Struct):
    """``consents``: oldest first, in the reply for one lead; null in a list of leads. ``phone``:
    null once the person was erased."""

    id: UUID
    list_id: UUID
    phone: str | None
    other_phones: list[str]
    external_id: str | None
    name: str | None
    first_name: str | None
    timezone: str | None
    language: str | None
    attributes: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    consents: list[ConsentOut] | None = None


def _shown(row: Any) -> LeadOut:
    names = [name for name in LeadOut.__struct_fields__ if name not in ("consents", "phone")]
    values = {name: getattr(row, name) for name in names}
    return LeadOut(**values, phone=shown_phone(row.phone))


async def _one(tx: Tx, lead_id: UUID) -> LeadOut:
    shown = _shown(await leads.get_lead(tx, lead_id))
    shown.consents = [
        ConsentOut(**{name: getattr(row, name) for name in ConsentOut.__struct_fields__})
        for row in await leads.consents_of(tx, lead_id)
    ]
    return shown


def _given(data: LeadFields) -> dict[str, str | None]:
    """The fields that stand in the body, null included."""
    fields = {name: getattr(data, name) for name in LeadFields.__struct_fields__}
    return {name: value for name, value in fields.items() if value is not UNSET}


class LeadController(Controller):
    path = "/leads"
    tags = ("leads",)

    @get()
    async def list_leads(
        self,
        tx: NamedDependency[Tx],
        list_id: FromQuery[UUID | None] = None,
        phone: FromQuery[str | None] = None,
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> Page[LeadOut]:
        """List leads in the order of their import."""
        rows = await leads.page_leads(
            tx,
            list_id=list_id,
            phone=None if phone is None else read_phone(phone, "phone"),
            after=after,
            limit=limit + 1,
        )
        return page_of([_shown(row) for row in rows], limit)

    @post(status_code=201)
    async def create_lead(self, tx: NamedDependency[Tx], data: JSONBody[NewLead]) -> LeadOut:
        """Add one lead to a list. A campaign takes it with ``POST /campaigns/{id}/leads``."""
        lead_id = await add_lead(
            tx,
            data.list_id,
            phone=data.phone,
            default_region=data.default_region,
            fields=_given(data),
            attributes=data.attributes,
        )
        return await _one(tx, lead_id)

    @get("/{lead_id:uuid}")
    async def get_lead(self, tx: NamedDependency[Tx], lead_id: FromPath[UUID]) -> LeadOut:
        """Look at one lead and what it consented to."""
        return await _one(tx, lead_id)

    @delete("/{lead_id:uuid}", status_code=204)
    async def erase_lead(
        self, state: State, tx: NamedDependency[Tx], lead_id: FromPath[UUID]
    ) -> None:
        """Forget the person behind a lead, everywhere, as ``POST /erasures`` does."""
        context: Context = state.context
        lead = await leads.get_lead(tx, lead_id)
        if is_erased(lead.phone):
            raise NotFound(f"lead {lead_id} is erased already")
        after_erasure(tx, context, await erase_person(tx, lead.phone, actor="api"))

    @patch("/{lead_id:uuid}")
    async def correct_lead(
        self, tx: NamedDependency[Tx], lead_id: FromPath[UUID], data: JSONBody[LeadChange]
    ) -> LeadOut:
        """Correct a lead. Its phone stays: another number is another lead."""
        phone = (await leads.get_lead(tx, lead_id)).phone
        if is_erased(phone):
            raise NotFound(f"lead {lead_id} is erased")
        fields = _given(data)
        await change_lead(tx, lead_id, fields=fields, attributes=data.attributes)
        took_away = not all((*fields.values(), *data.attributes.values()))
        await lead_changed(tx, lead_id, phone, took_away=took_away)
        return await _one(tx, lead_id)
