"""Who asks for calls to end ends those too that were just being asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from dialer.dialing.hang_up import end_asked, end_calls
from dialer.dialing.optout import suppress
from dialer.providers.protocols import (
    Accepted,
    Ambiguous,
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

    async def slowly(request: CallRequest, may_go: Callable[[], Awaitable[bool]]) -> PlaceResult:
        assert await may_go()
        asked.set()
        await answer.wait()
        return reply

    floor.carrier.place = slowly  # type: ignore[method-assign]
    placing = asyncio.create_task(floor.place(attempt_id))
    async with asyncio.timeout(30):
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


async def test_the_wish_to_end_a_call_outlives_the_process_that_had_it(floor: Floor) -> None:
    """Asked for while the reply is under way; then the process is killed with the reply unread."""
    campaign = await floor.launch([ASHA])
    attempt_id = await floor.claim_one()
    async with reply_under_way(floor, attempt_id, Ambiguous("killed")) as answer:
        assert await floor.ask(campaign, "cancelled", in_flight="hang_up") == []
        answer()
    assert await end_asked(floor.db, floor.carrier) == 0, "it has no id yet"
    floor.carrier.queued["request-7"] = ASHA
    await floor.later(6)
    await floor.recover()
    assert await end_asked(floor.db, floor.carrier) == 1
    assert floor.carrier.ended == [("cancel", "request-7")]
    await floor.hear(attempt_id, "hangup", HangupCauseCode="1000")
    assert (await floor.attempt(attempt_id)).state == "never_placed"
    await floor.later(60)
    assert await end_asked(floor.db, floor.carrier) == 0, "it is over"


async def test_a_callback_that_brings_the_id_ends_the_call(floor: Floor) -> None:
    await floor.launch([ASHA])
    floor.carrier.reply = Ambiguous("reset")
    attempt_id = await floor.ring_one()
    await floor.db.run(lambda tx: suppress(tx, phone=ASHA, source="api", reason="opt_out"))
    heard = await floor.hear(attempt_id, "ring", CallUUID="call-1")
    await end_calls(floor.db, floor.carrier, heard.to_end)
    assert ("hang_up", "call-1") in floor.carrier.ended
    again = await floor.hear(attempt_id, "ring", CallUUID="call-1", Repeated="1")
    assert again.to_end == [], "once is enough while it is fresh"


async def test_a_hang_up_that_failed_or_was_never_sent_is_tried_again(floor: Floor) -> None:
    campaign = await floor.launch([ASHA, RAVI])
    for intent in await floor.claim():
        await floor.place(intent.attempt_id)
        await floor.hear(intent.attempt_id, "answer", CallUUID=intent.phone)
    to_end = await floor.ask(campaign, "paused", in_flight="hang_up")
    floor.carrier.is_down = True
    await end_calls(floor.db, floor.carrier, to_end[:1])  # and killed before the second
    floor.carrier.is_down = False
    assert await end_asked(floor.db, floor.carrier) == 0, "they were only just tried"
    await floor.later(11)
    tried = await asyncio.gather(*(end_asked(floor.db, floor.carrier) for _ in range(3)))
    assert sum(tried) == 2, "each by one process"
    assert {name for how, name in floor.carrier.ended if how == "hang_up"} == {ASHA, RAVI}
