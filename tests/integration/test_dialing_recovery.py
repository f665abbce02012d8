"""Calls that nobody tells us of: found at the carrier, or proved absent, never guessed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from dialer.dialing.hang_up import end_calls
from dialer.dialing.recovery import recover
from dialer.domain.attempt import AttemptState
from dialer.providers.protocols import Ambiguous, CarrierCall
from dialer.reports.stats import stats
from dialer.reports.view import status_view
from dialer.store import campaigns
from tests.integration.dialing_floor import ASHA, RAVI, Floor


async def lose_reply(floor: Floor) -> UUID:
    """Ring the one due lead; the reply is lost."""
    floor.carrier.reply = Ambiguous("reset")
    attempt_id = await floor.ring_one()
    floor.carrier.reply = None
    return attempt_id


async def now(floor: Floor) -> datetime:
    async with floor.db.begin() as tx:
        return tx.now


async def state(floor: Floor, attempt_id: UUID) -> AttemptState:
    return AttemptState((await floor.attempt(attempt_id)).state)


def finished(phone: str, begun_at: datetime, **more: Any) -> CarrierCall:
    return CarrierCall("call-1", to=phone, begun_at=begun_at, hangup_code=3010, **more)


async def test_two_absences_far_enough_apart_give_a_call_up_and_its_lead_back(
    floor: Floor,
) -> None:
    await floor.launch([ASHA])
    attempt_id = await lose_reply(floor)
    for seconds, expected in ((10, False), (30, False), (6, True), (25, True)):
        await floor.later(seconds)
        await floor.recover()
        found = await floor.attempt(attempt_id)
        assert (found.state, found.absent_since is not None) == ("ambiguous", expected), seconds
    await floor.later(6)
    await floor.recover()
    assert await state(floor, attempt_id) is AttemptState.NEVER_PLACED
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.attempts) == ("waiting", 0)
    assert await floor.line(ASHA) is None


async def test_an_error_of_any_list_starts_the_proof_again(floor: Floor) -> None:
    await floor.launch([ASHA])
    attempt_id = await lose_reply(floor)
    await floor.later(50)
    await floor.recover()
    floor.carrier.is_down = True
    await floor.later(10)
    await floor.recover()
    floor.carrier.is_down = False
    await floor.later(25)
    await floor.recover()
    assert await state(floor, attempt_id) is AttemptState.AMBIGUOUS, "only one absence since"
    await floor.later(31)
    await floor.recover()
    assert await state(floor, attempt_id) is AttemptState.NEVER_PLACED


async def test_a_slow_search_is_no_later_absence(floor: Floor) -> None:
    """What counts is when the carrier was asked, not when the answer was written down."""
    await floor.launch([ASHA])
    attempt_id = await lose_reply(floor)
    await floor.later(40)
    list_calls = floor.carrier.finished_calls

    async def slowly(to: str) -> Any:
        await floor.later(20)
        return await list_calls(to)

    floor.carrier.finished_calls = slowly  # type: ignore[method-assign]
    await floor.recover()
    assert (await floor.attempt(attempt_id)).absent_since is None, "asked 40 s after placing"


@pytest.mark.parametrize("where", ["queued", "live", "finished"])
async def test_an_ambiguous_call_is_found_wherever_the_carrier_has_it(
    floor: Floor, where: str
) -> None:
    await floor.launch([ASHA])
    attempt_id = await lose_reply(floor)
    if where == "finished":
        floor.carrier.finished.append(finished(ASHA, await now(floor)))
    else:
        getattr(floor.carrier, where)["call-1"] = ASHA
    await floor.later(6)
    await floor.recover()
    expected = {"queued": "placed", "live": "in_call", "finished": "ended"}[where]
    found = await floor.attempt(attempt_id)
    assert (found.state, found.request_uuid) == (expected, "call-1")
    assert found.call_uuid == (None if where == "queued" else "call-1")


async def test_an_earlier_or_foreign_call_to_the_phone_is_not_taken_for_this_one(
    floor: Floor,
) -> None:
    await floor.launch([ASHA])
    first = await floor.ring_one()
    await floor.hear(first, "hangup", HangupCauseCode="3010", CallUUID="call-0")
    await floor.later(601)
    second = await lose_reply(floor)
    begun_at = await now(floor)
    floor.carrier.finished += [
        CarrierCall("call-0", to=ASHA, begun_at=begun_at, hangup_code=3010),  # the first's own
        finished(ASHA, begun_at - timedelta(seconds=121)),  # begun before we asked
        finished(RAVI, begun_at),  # another phone
    ]
    await floor.later(6)
    await floor.recover()
    assert await state(floor, second) is AttemptState.AMBIGUOUS


async def test_a_live_call_under_another_id_is_not_taken_for_ended(floor: Floor) -> None:
    """The reply's request id is not the call's id, and every callback is lost (plivo.md §1.1)."""
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    floor.carrier.live["another-id"] = ASHA
    for _ in range(6):
        await floor.later(31)
        await floor.recover()
    found = await floor.attempt(attempt_id)
    assert (found.state, found.call_uuid) == ("in_call", "another-id")
    floor.carrier.live.clear()
    record = CarrierCall("another-id", to=ASHA, begun_at=await now(floor), hangup_code=4000)
    floor.carrier.finished.append(record)
    await floor.later(31)
    await floor.recover()
    assert (await floor.attempt(attempt_id)).hangup_code == 4000


async def test_a_live_call_that_is_seen_again_was_not_absent(floor: Floor) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "answer", CallUUID="call-1")
    await floor.later(50)
    await floor.recover()
    assert (await floor.attempt(attempt_id)).absent_since is not None
    floor.carrier.live["call-1"] = ASHA
    await floor.later(25)
    await floor.recover()
    floor.carrier.live.clear()
    await floor.later(25)
    await floor.recover()
    assert await state(floor, attempt_id) is AttemptState.IN_CALL
    await floor.later(31)
    await floor.recover()
    assert await state(floor, attempt_id) is AttemptState.ENDED


async def test_a_list_that_fails_starts_the_proof_of_a_live_call_again(floor: Floor) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    for is_down in (False, True, False):
        floor.carrier.is_down = is_down
        await floor.later(50)
        await floor.recover()
    assert await state(floor, attempt_id) is AttemptState.PLACED


async def test_one_attempt_that_cannot_be_repaired_does_not_keep_the_others_from_it(
    floor: Floor,
) -> None:
    await floor.launch([ASHA, RAVI])
    intents = {intent.phone: intent.attempt_id for intent in await floor.claim()}
    for attempt_id in intents.values():
        await floor.place(attempt_id)
    # The carrier named no call in its callback: there is no id to ask for.
    await floor.hear(intents[ASHA], "ring")
    await floor.change(intents[ASHA], request_uuid=None)
    record = CarrierCall("call-2", to=RAVI, begun_at=await now(floor), hangup_code=4000)
    floor.carrier.finished.append(record)
    await floor.change(intents[RAVI], request_uuid="call-2")
    await floor.later(50)
    await floor.recover()
    assert await state(floor, intents[RAVI]) is AttemptState.ENDED
    for _ in range(3):
        await floor.later(31)
        await floor.recover()
    assert await state(floor, intents[ASHA]) is AttemptState.ENDED


async def test_a_broken_row_is_passed_over(floor: Floor) -> None:
    await floor.launch([ASHA, RAVI])
    for intent in await floor.claim():
        floor.carrier.reply = Ambiguous("reset")
        await floor.place(intent.attempt_id)
    search = floor.carrier.queued_calls

    async def broken(to: str | None = None) -> Any:
        if to == ASHA:
            raise ValueError("an id that is no id")
        return await search(to)

    floor.carrier.queued_calls = broken  # type: ignore[method-assign]
    for seconds in (50, 31):
        await floor.later(seconds)
        await floor.recover()
    assert (await floor.lead(ASHA)).state == "calling"
    assert (await floor.lead(RAVI)).state == "waiting"


async def test_a_call_cancelled_in_the_carriers_queue_was_never_placed(floor: Floor) -> None:
    """Told by the callback, or found in the carrier's records when that is lost."""
    for phone, is_lost in ((ASHA, False), (RAVI, True)):
        campaign = await floor.launch([phone], name=phone)
        attempt_id = await floor.ring_one()
        request_uuid = (await floor.attempt(attempt_id)).request_uuid
        floor.carrier.queued[request_uuid] = phone
        to_end = await floor.ask(campaign, "paused", in_flight="hang_up")
        await end_calls(floor.db, floor.carrier, to_end)
        assert floor.carrier.ended.pop() == ("cancel", request_uuid)
        floor.carrier.queued.clear()
        if is_lost:
            floor.carrier.finished.append(
                CarrierCall(request_uuid, to=phone, begun_at=await now(floor), hangup_code=1000)
            )
            await floor.later(50)
            await floor.recover()
        else:
            await floor.hear(attempt_id, "hangup", HangupCauseCode="1000")
        assert await state(floor, attempt_id) is AttemptState.NEVER_PLACED, phone
        assert (await floor.lead(phone)).attempts == 0


async def test_a_call_that_left_the_queue_before_our_cancel_came_was_placed(floor: Floor) -> None:
    """The carrier rang it, found it busy, and has nothing left to cancel."""
    for phone, is_lost in ((ASHA, False), (RAVI, True)):
        campaign = await floor.launch([phone], name=phone)
        attempt_id = await floor.ring_one()
        request_uuid = (await floor.attempt(attempt_id)).request_uuid
        floor.carrier.queued[request_uuid] = phone
        to_end = await floor.ask(campaign, "paused", in_flight="hang_up")
        await end_calls(floor.db, floor.carrier, to_end)
        floor.carrier.queued.clear()
        if is_lost:
            floor.carrier.finished.append(
                CarrierCall(request_uuid, to=phone, begun_at=await now(floor), hangup_code=3010)
            )
            await floor.later(50)
            await floor.recover()
        else:
            await floor.hear(attempt_id, "hangup", HangupCauseCode="3010", CallStatus="busy")
        found = await floor.attempt(attempt_id)
        assert (found.state, found.outcome) == ("ended", "busy"), phone
        assert (await floor.lead(phone)).attempts == 1


async def test_an_intent_that_nobody_placed_waits_for_recovery_only_a_moment(
    floor: Floor,
) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.claim_one()
    await floor.later(5.5)
    await floor.recover()
    assert await state(floor, attempt_id) is AttemptState.INTENDED, "its own process is first"
    await floor.place(attempt_id)
    assert floor.carrier.placed == [], "but no longer places it"
    assert (await floor.attempt(attempt_id)).refusal == "stale"
    again = await floor.claim_one()
    await floor.later(7)
    await floor.recover()
    assert (await floor.attempt(again)).refusal == "stale"
    assert (await floor.lead(ASHA)).attempts == 0


async def test_a_reply_that_could_not_be_written_down_is_doubted_and_found(floor: Floor) -> None:
    """The database went away between the POST and the record of its reply."""
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    await floor.change(attempt_id, state="placing", request_uuid=None, placed_at=None)
    await floor.later(14)
    await floor.recover()
    assert await state(floor, attempt_id) is AttemptState.PLACING
    floor.carrier.live["call-1"] = ASHA
    await floor.later(2)
    await floor.recover()
    await floor.later(6)
    await floor.recover()
    assert await state(floor, attempt_id) is AttemptState.IN_CALL


async def test_processes_that_recover_at_once_settle_each_attempt_once(floor: Floor) -> None:
    await floor.launch([ASHA, RAVI])
    intents = {intent.phone: intent.attempt_id for intent in await floor.claim()}
    floor.carrier.reply = Ambiguous("reset")
    await floor.place(intents[ASHA])
    floor.carrier.finished.append(finished(ASHA, await now(floor)))
    await floor.later(20)
    moved = await asyncio.gather(
        *(recover(floor.db, floor.carrier, floor.bounds) for _ in range(4))
    )
    assert sum(moved) == 2, "one was found, one intent was stale"
    leads = [await floor.lead(phone) for phone in (ASHA, RAVI)]
    assert [(lead.state, lead.attempts) for lead in leads] == [("waiting", 1), ("waiting", 0)]


@pytest.mark.parametrize("has_record", [True, False])
async def test_a_slot_is_free_within_a_minute_though_every_callback_is_lost(
    floor: Floor, has_record: bool
) -> None:
    """With the carrier's record of the call, and without one."""
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "answer", CallUUID="call-1")
    floor.carrier.live["call-1"] = ASHA
    for _ in range(12):
        await floor.later(2)
        await floor.recover()
    floor.carrier.live.clear()  # it ends, right after recovery saw it up
    if has_record:
        floor.carrier.finished.append(finished(ASHA, await now(floor), answered_at=None))
    for _ in range(29):
        await floor.later(2)
        await floor.recover()
    assert await state(floor, attempt_id) is AttemptState.ENDED
    assert await floor.line(ASHA) is None


async def test_what_is_in_doubt_is_listed_with_what_it_awaits(floor: Floor) -> None:
    campaign_id = await floor.launch([ASHA, RAVI])
    rang, lost = [intent.attempt_id for intent in await floor.claim()]
    await floor.place(rang)
    known = await floor.attempt(rang)
    floor.carrier.live[known.request_uuid] = known.phone
    floor.carrier.reply = Ambiguous("reset")
    await floor.place(lost)
    for words in ("an absence counts from", "first absence at"):
        async with floor.db.begin() as tx:
            campaign = await campaigns.get(tx, campaign_id)
            numbers = await stats(tx, campaign, floor.law.packs_of(campaign.definition))
            shown = Console(width=200, file=StringIO())
            shown.print(status_view("floor", numbers, tx.now))
        (one,) = numbers["unresolved"]
        assert (one["call_id"], one["state"]) == (lost, "ambiguous")
        assert words in one["awaits"]
        assert words in shown.file.getvalue()  # type: ignore[attr-defined]
        await floor.later(50)
        await floor.recover()
