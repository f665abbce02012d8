"""Compliance checks over REST: every decision with the facts it was made on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from dialer.compliance.verdict import REASONS
from dialer.errors import FieldError, InvalidInput
from dialer.store import checks
from dialer.store.engine import Tx
from dialer.web.api.pages import Page, page_of
from dialer.web.api.phones import read_phone

Reason = Literal["OK", *REASONS]  # type: ignore[valid-type]
#: Without an offset it would mean another instant to everybody.


class CheckOut(Struct):
    """One decision. ``body``: what was chained, as JSON; it holds no phone number and no name.
    ``codes``: every reason, of which ``code`` is the first. ``hash``: its link of the chain, in
    hexadecimal digits."""

    id: UUID
    seq: int
    campaign_id: UUID
    enrolment_id: UUID
    lead_id: UUID
    subject_id: UUID
    decided_at: datetime
    decision: str
    code: str
    codes: list[str]
    rule_id: str | None
    next_allowed_at: datetime | None
    category: str
    mode: str
    caller_id: str | None
    hash: str
    body: dict[str, Any]


def _shown(row: Any) -> CheckOut:
    found = dict(row._mapping)
    found |= {"hash": row.hash.hex(), "body": msgspec.json.decode(row.body)}
    return CheckOut(**{name: found[name] for name in CheckOut.__struct_fields__})


def _aware(at: datetime | None, path: str) -> datetime | None:
    """An instant without an offset could be any of many."""
    if at is not None and at.tzinfo is None:
        message = "give an offset, such as 2026-11-23T11:00:00+05:30"
        raise InvalidInput(f"{path}: {message}", [FieldError(path, message, at.isoformat())])
    return at


class CheckController(Controller):
    path = "/checks"
    tags = ("checks",)

    @get()
    async def list_checks(
        self,
        tx: NamedDependency[Tx],
        campaign_id: FromQuery[UUID | None] = None,
        lead_id: FromQuery[UUID | None] = None,
        phone: FromQuery[str | None] = None,
        decision: FromQuery[Literal["allow", "deny"] | None] = None,
        code: Annotated[
            Reason | None, QueryParameter(description="the first reason; OK: allowed")
        ] = None,
        attempt_id: FromQuery[UUID | None] = None,
        from_at: Annotated[
            datetime | None, QueryParameter(name="from", description="decided then or later")
        ] = None,
        to_at: Annotated[
            datetime | None, QueryParameter(name="to", description="decided before then")
        ] = None,
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> Page[CheckOut]:
        """List decisions, oldest first, by any of these filters together."""
        rows = await checks.list_checks(
            tx,
            campaign_id=campaign_id,
            lead_id=lead_id,
            phone=None if phone is None else read_phone(phone, "phone"),
            decision=decision,
            code=code,
            attempt_id=attempt_id,
            from_at=_aware(from_at, "from"),
            to_at=_aware(to_at, "to"),
            after=after,
            limit=limit + 1,
        )
        return page_of([_shown(row) for row in rows], limit)

    @get("/{check_id:uuid}")
    async def get_check(self, tx: NamedDependency[Tx], check_id: FromPath[UUID]) -> CheckOut:
        """Look at one decision."""
        return _shown(await checks.get_check(tx, check_id))
