"""Calls over REST: ring a lead as a test, and look at what became of every attempt."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal
from pathlib import Path
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
from dialer.domain.absence import awaited_of
from dialer.domain.attempt import FINAL, AttemptState, Outcome
from dialer.domain.erasure import shown_phone
from dialer.errors import NotFound
from dialer.settings import RecoveryBounds
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


class CostsOut(Struct):
    """What each part of a call cost in USD; null where it is not known, or was not used."""

    carrier: float | None
    stream: float | None
    speech_to_text: float | None
    model: float | None
    text_to_speech: float | None


class CallOut(Struct):
    """One attempt. What is not known is null; ``refusal`` says why nothing rang. ``cost_usd``:
    the carrier's own word. ``total_cost_usd``: of all parts, null if one that was used is not
    known. ``awaits``: what moves on a call that is not over; null once it is.
    ``end_supposed_at``: since when the call is taken for over though nobody told how it ended; its
    outcome is supposed until the carrier says, and null then."""

    id: UUID
    campaign_id: UUID
    lead_id: UUID
    state: str
    outcome: str | None
    disposition: str | None
    phone: str | None
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
    end_supposed_at: datetime | None
    callback_at: datetime | None
    transfer_reason: str | None
    hangup_code: int | None
    hangup_cause: str | None
    hangup_source: str | None
    talk_s: float | None
    cost_usd: float | None
    costs: CostsOut | None
    total_cost_usd: float | None
    request_uuid: str | None
    call_uuid: str | None
    awaits: str | None


class CallDetail(CallOut):
    """One attempt with what was answered in it, by question; dates are ISO text."""

    answers: dict[str, bool | int | float | str]


class TurnOut(Struct):
    """Times are seconds on the call clock, 0 when it was answered. ``said`` of the agent is what
    was heard of it. ``marks``, as far as they happened: end_of_speech, end_of_turn, first_token,
    first_audio_sent, first_audio_heard; an agent's turn has those of the turn it answers."""

    number: int
    speaker: str
    said: str
    starts_s: float
    ends_s: float | None
    is_interrupted: bool
    marks: dict[str, float]


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


def _shown(row: Any, bounds: RecoveryBounds) -> CallOut:
    return CallOut(**_fields(row, bounds))


def _fields(row: Any, bounds: RecoveryBounds) -> dict[str, Any]:
    found = {name: getattr(row, name, None) for name in CallOut.__struct_fields__}
    found["awaits"] = None if row.state in FINAL else awaited_of(row, bounds).what
    costs = None if row.costs is None else CostsOut(**{k: _usd(v) for k, v in row.costs.items()})
    total_usd = _usd(row.total_cost_usd)
    money = {"cost_usd": _usd(row.cost_usd), "costs": costs, "total_cost_usd": total_usd}
    return found | money | {"phone": shown_phone(row.phone)}


def _usd(amount: Decimal | str | None) -> float | None:
    """A JSON number, as in results."""
    return None if amount is None else float(amount)


class CallController(Controller):
    path = "/calls"
    tags = ("calls",)

    @get()
    async def list_calls(
        self,
        state: State,
        tx: NamedDependency[Tx],
        campaign_id: FromQuery[UUID | None] = None,
        in_state: Annotated[AttemptState | None, QueryParameter(name="state")] = None,
        outcome: FromQuery[Outcome | None] = None,
        unresolved: FromQuery[bool] = False,
        after: FromQuery[UUID | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> Page[CallOut]:
        """List attempts, oldest first. unresolved: only those in doubt or to be ended; each says
        what it awaits."""
        rows = await calls.page_calls(
            tx,
            campaign_id=campaign_id,
            state=in_state,
            outcome=outcome,
            unresolved=unresolved,
            after=after,
            limit=limit + 1,
        )
        context: Context = state.context
        return page_of([_shown(row, context.bounds) for row in rows], limit)

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
        row = await calls.get_call(tx, made.intended.attempt_id)
        return Response(_shown(row, context.bounds))

    @get("/{call_id:uuid}")
    async def get_call(
        self, state: State, tx: NamedDependency[Tx], call_id: FromPath[UUID]
    ) -> CallDetail:
        """Look at one attempt, with what was answered."""
        context: Context = state.context
        row = await calls.get_call(tx, call_id)
        return CallDetail(
            **_fields(row, context.bounds), answers=await calls.answers_of(tx, call_id)
        )

    @get("/{call_id:uuid}/turns")
    async def get_turns(self, tx: NamedDependency[Tx], call_id: FromPath[UUID]) -> Page[TurnOut]:
        """What was said. Empty for a call that only played a notification."""
        await calls.get_call(tx, call_id)
        rows = await calls.turns_of(tx, call_id)
        items = [
            TurnOut(**{name: getattr(row, name) for name in TurnOut.__struct_fields__})
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
        """Download the call's recording: callee left, agent right, 8 kHz."""
        context: Context = state.context
        await calls.get_call(tx, call_id)
        row = await calls.recording_of(tx, call_id)
        data = None if row is None else await asyncio.to_thread(_read, context.data_dir, row.path)
        if data is None:
            raise NotFound(f"call {call_id} has no recording")
        # Whole, not as a stream: the reply leaves after the commit.
        return Response(data, media_type="audio/wav")


def _read(folder: Path, name: str) -> bytes | None:
    """Return a file of the data folder; None if there is none, or it lies anywhere else."""
    home = folder.resolve()
    path = (home / name).resolve()
    if not path.is_relative_to(home) or not path.is_file():
        return None
    return path.read_bytes()


def _place_after_commit(tx: Tx, loop: DialingLoop, intent: Intended) -> None:
    async def place() -> None:
        loop.spawn([intent])

    tx.after_commit.append(place)
