"""Calls over REST: ring a lead as a test, and look at what became of every attempt."""

from __future__ import annotations

import asyncio
import mimetypes
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Struct

from dialer.dialing.claim import Intended
from dialer.dialing.loop import DialingLoop
from dialer.dialing.test_call import test_call
from dialer.domain.attempt import AttemptState, Outcome
from dialer.errors import NotFound
from dialer.store import calls
from dialer.store.engine import Tx
from dialer.web.api.pages import Page, page_of
from dialer.web.api.phones import read_phone
from dialer.web.context import Context
from dialer.web.problems import MEDIA_TYPE, problem, response
from dialer.web.transaction import COMMIT_ANYWAY


class NewCall(Struct, forbid_unknown_fields=True):
    """``phone``: of a lead of the campaign."""

    campaign_id: UUID
    phone: str


class CallOut(Struct):
    """One attempt. What is not known is null; ``refusal`` says why nothing rang."""

    id: UUID
    campaign_id: UUID
    lead_id: UUID
    state: str
    outcome: str | None
    disposition: str | None
    phone: str
    caller_id: str
    check_id: UUID
    version: int
    is_test: bool
    refusal: str | None
    created_at: datetime
    place_at: datetime
    placing_at: datetime | None
    placed_at: datetime | None
    rang_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    callback_at: datetime | None
    hangup_code: int | None
    hangup_cause: str | None
    hangup_source: str | None
    talk_s: float | None
    cost_usd: float | None
    request_uuid: str | None
    call_uuid: str | None


class TurnOut(Struct):
    """Times are seconds on the call clock, 0 when it was answered."""

    number: int
    speaker: str
    said: str
    starts_s: float
    ends_s: float | None
    is_interrupted: bool


class EventOut(Struct):
    """One callback of the carrier, its fields as they came."""

    kind: str
    received_at: datetime
    body: dict[str, Any]


class DeniedCall(Struct):
    """The problem of a call the law does not allow; the check is kept."""

    type: str
    title: str
    status: int
    detail: str
    check_id: UUID
    code: str
    next_allowed_at: datetime | None


def _shown(row: Any) -> CallOut:
    found = {name: getattr(row, name) for name in CallOut.__struct_fields__}
    cost = None if row.cost_usd is None else float(row.cost_usd)  # a JSON number, as in results
    return CallOut(**found | {"cost_usd": cost})


class CallController(Controller):
    path = "/calls"
    tags = ("calls",)

    @get()
    async def list_calls(
        self,
        tx: NamedDependency[Tx],
        campaign_id: FromQuery[UUID | None] = None,
        in_state: Annotated[AttemptState | None, QueryParameter(name="state")] = None,
        outcome: FromQuery[Outcome | None] = None,
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> Page[CallOut]:
        """List attempts, oldest first."""
        rows = await calls.page_calls(
            tx,
            campaign_id=campaign_id,
            state=in_state,
            outcome=outcome,
            after=after,
            limit=limit + 1,
        )
        return page_of([_shown(row) for row in rows], limit)

    @post(
        status_code=201,
        responses={
            409: ResponseSpec(
                DeniedCall,
                description="denied, busy or no room",
                media_type=MEDIA_TYPE,
                generate_examples=False,
            )
        },
    )
    async def make_test_call(
        self,
        request: Request[Any, Any, Any],
        state: State,
        tx: NamedDependency[Tx],
        data: JSONBody[NewCall],
    ) -> Response[CallOut]:
        """Ring one lead of a campaign now. Checked like any other call; a denial is a 409 with
        the check and when it would be allowed."""
        context: Context = state.context
        phone = read_phone(data.phone, "phone")
        made = await test_call(tx, context.law, data.campaign_id, phone)
        if made.intended is None:
            request.scope["state"][COMMIT_ANYWAY] = True  # the proof of the denial stays
            denied: Any = response(
                *problem(
                    409,
                    "Not lawful now",
                    f"this call is denied: {made.code}",
                    check_id=made.check_id,
                    code=made.code,
                    next_allowed_at=made.next_allowed_at,
                )
            )
            return denied  # type: ignore[no-any-return]  # a problem in place of the call
        _place_after_commit(tx, context.loop, made.intended)
        return Response(_shown(await calls.get_call(tx, made.intended.attempt_id)))

    @get("/{call_id:uuid}")
    async def get_call(self, tx: NamedDependency[Tx], call_id: FromPath[UUID]) -> CallOut:
        """Look at one attempt."""
        return _shown(await calls.get_call(tx, call_id))

    @get("/{call_id:uuid}/turns")
    async def get_turns(self, tx: NamedDependency[Tx], call_id: FromPath[UUID]) -> Page[TurnOut]:
        """What was said. Empty for a call that only played a notification."""
        await calls.get_call(tx, call_id)
        rows = await calls.turns_of(tx, call_id)
        items = [
            TurnOut(row.number, row.speaker, row.said, row.starts_s, row.ends_s, row.is_interrupted)
            for row in rows
        ]
        return Page(items, None)

    @get("/{call_id:uuid}/events")
    async def get_events(self, tx: NamedDependency[Tx], call_id: FromPath[UUID]) -> Page[EventOut]:
        """Every distinct callback of the carrier about this call."""
        await calls.get_call(tx, call_id)
        return Page([EventOut(*row) for row in await calls.events_of(tx, call_id)], None)

    @get("/{call_id:uuid}/recording", media_type="audio/wav")
    async def get_recording(
        self, state: State, tx: NamedDependency[Tx], call_id: FromPath[UUID]
    ) -> Response[bytes]:
        """Download the call's recording."""
        context: Context = state.context
        await calls.get_call(tx, call_id)
        row = await calls.recording_of(tx, call_id)
        path = None if row is None else context.data_dir / row.path
        if path is None or not await asyncio.to_thread(path.is_file):
            raise NotFound(f"call {call_id} has no recording")
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Response(await asyncio.to_thread(path.read_bytes), media_type=kind)


def _place_after_commit(tx: Tx, loop: DialingLoop, intent: Intended) -> None:
    async def place() -> None:
        loop.spawn([intent])

    tx.after_commit.append(place)
