"""Who asks for calls to end ends those too that were just being asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from dialer.dialing.hang_up import end_calls
from dialer.dialing.optout import suppress
from dialer.providers.protocols import (
    Accepted,
    CallRequest,
    PlaceResult,
    RefusalReason,
    Refused,
)
from tests.integration.dialing_floor import ASHA, RAVI, Floor


@asynccontextmanager
async def reply_under_way(floor: Floor, attempt_id: UUID, reply: PlaceResult) -> AsyncIterator[Any]:
    """The carrier has the request, and answers when the body calls what it is given."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slowly(request: CallRequest) -> PlaceResult:
        asked.set()
        await answer.wait()
        return reply

    floor.carrier.place = slowly  # type: ignore[method-assign]
    placing = asyncio.create_task(floor.place(attempt_id))
    await asked.wait()
    yield answer.set
    await placing


@pytest.mark.parametrize("how", ["cancelled", "opted_out"])
async def test_a_call_that_is_being_asked_for_is_ended_once_it_has_a_name(
    floor: Floor, how: str
) -> None:
    campaign = await floor.launch([ASHA])
    attempt_id = await floor.claim_one()
    async with reply_under_way(floor, attempt_id, Accepted("request-9")) as answer:
        if how == "cancelled":
            to_end = await floor.ask(campaign, "cancelled", in_flight="hang_up")
        else:
            to_end = await floor.db.run(
                lambda tx: suppress(tx, phone=ASHA, source="api", reason="opt_out")
            )
        ending = asyncio.create_task(end_calls(floor.db, floor.carrier, to_end))
        await asyncio.sleep(0)
        answer()
    await ending
    assert ("cancel", "request-9") in floor.carrier.ended


async def test_a_refused_request_holds_nobody_up(floor: Floor) -> None:
    campaign = await floor.launch([ASHA, RAVI])
    first, second = [intent.attempt_id for intent in await floor.claim()]
    await floor.place(first)
    refusal = Refused(RefusalReason.NUMBER_INVALID, 400, "no such number")
    async with reply_under_way(floor, second, refusal) as answer:
        to_end = await floor.ask(campaign, "cancelled", in_flight="hang_up")
        ending = asyncio.create_task(end_calls(floor.db, floor.carrier, to_end))
        answer()
    await ending
    assert {name for _, name in floor.carrier.ended} == {"request-1"}
