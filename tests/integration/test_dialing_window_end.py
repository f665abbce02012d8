"""The law is about the ring: what is asked for too late to ring inside the window never rings."""

from __future__ import annotations

from datetime import datetime, timedelta

from dialer.dialing.decided import RING_DELAY
from dialer.dialing.recall import recall_late
from dialer.dialing.window_close import end_late_rings
from dialer.domain.attempt import AttemptState
from tests.integration.dialing_floor import ASHA, MEENA, RAVI, Floor

_CLOSES = timedelta(hours=21)  # in India, for a service call


async def until_the_window_ends(floor: Floor) -> float:
    async with floor.db.begin() as tx:
        local: datetime = tx.now + timedelta(hours=5, minutes=30)
    since_midnight = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
    return (_CLOSES - since_midnight).total_seconds() - local.microsecond / 1_000_000


async def test_nothing_is_asked_for_that_would_ring_after_the_window(floor: Floor) -> None:
    await floor.launch([ASHA, RAVI])
    await floor.later(await until_the_window_ends(floor) - RING_DELAY.total_seconds() - 3)
    early, late = await floor.claim()
    await floor.place(early.attempt_id)
    await floor.later(3)
    await floor.place(late.attempt_id)
    assert [request.to for request in floor.carrier.placed] == [early.phone]
    assert (await floor.attempt(late.attempt_id)).refusal == "window_closed"
    assert await floor.claim() == [], "the window is open, but no phone would ring inside it"


async def test_a_call_still_in_the_carriers_queue_at_the_windows_end_is_recalled(
    floor: Floor,
) -> None:
    """What has left the queue is left alone, whether it was told to ring or not."""
    await floor.launch([ASHA, RAVI, MEENA])
    await floor.later(await until_the_window_ends(floor) - RING_DELAY.total_seconds() - 3)
    intents = await floor.claim()
    for intent in intents:
        await floor.place(intent.attempt_id)
    a = {i.phone: await floor.attempt(i.attempt_id) for i in intents}
    floor.carrier.queued = {"an id of the queue's own": ASHA}
    await floor.hear(a[MEENA].id, "ring")
    assert await recall_late(floor.db, floor.carrier, floor.bounds) == 0
    await floor.later(3)
    assert await recall_late(floor.db, floor.carrier, floor.bounds) == 1
    assert floor.carrier.ended == [("cancel", a[ASHA].request_uuid)]
    floor.carrier.queued = {}
    assert await recall_late(floor.db, floor.carrier, floor.bounds) == 0
    await floor.hear(a[ASHA].id, "hangup", HangupCauseCode="1000")
    assert (await floor.attempt(a[ASHA].id)).state == AttemptState.NEVER_PLACED
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.attempts) == ("waiting", 0)


async def test_a_carrier_that_does_not_answer_is_asked_again(floor: Floor) -> None:
    await floor.launch([ASHA])
    await floor.later(await until_the_window_ends(floor) - RING_DELAY.total_seconds() - 3)
    attempt_id = await floor.ring_one()
    floor.carrier.queued = {(await floor.attempt(attempt_id)).request_uuid: ASHA}
    await floor.later(3)
    floor.carrier.is_down = True
    assert await recall_late(floor.db, floor.carrier, floor.bounds) == 0
    floor.carrier.is_down = False
    await floor.later(0.5)
    assert await recall_late(floor.db, floor.carrier, floor.bounds) == 1


async def test_a_call_that_waits_too_long_in_the_queue_is_recalled_and_tried_again(
    floor: Floor,
) -> None:
    """Minutes after its check it must not ring; one that left the queue is looked for once."""
    await floor.launch([ASHA, RAVI])
    intents = {intent.phone: intent.attempt_id for intent in await floor.claim()}
    for attempt_id in intents.values():
        await floor.place(attempt_id)
    floor.carrier.queued = {"request-1": ASHA}
    assert await recall_late(floor.db, floor.carrier, floor.bounds) == 0, "it may be about to ring"
    await floor.later(6)
    assert await recall_late(floor.db, floor.carrier, floor.bounds) == 1
    found = await floor.attempt(intents[ASHA])
    assert floor.carrier.ended == [("cancel", found.request_uuid)]
    floor.carrier.queued = {}
    await floor.hear(intents[ASHA], "hangup", HangupCauseCode="1000")
    assert (await floor.lead(ASHA)).state == "waiting"
    await floor.later(6)
    floor.carrier.queued = {"a": RAVI}  # of another request: this one was seen outside
    assert await recall_late(floor.db, floor.carrier, floor.bounds) == 0
    assert (await floor.attempt(intents[RAVI])).left_queue_at is not None


async def test_a_cancelled_campaign_rings_nobody_out_of_the_queue(floor: Floor) -> None:
    """Its calls may finish; what has not rung yet is none of them."""
    campaign = await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    floor.carrier.queued = {(await floor.attempt(attempt_id)).request_uuid: ASHA}
    await floor.ask(campaign, "cancelled")
    assert await recall_late(floor.db, floor.carrier, floor.bounds) == 1


async def test_a_ring_ends_with_its_window_and_a_talk_does_not(floor: Floor) -> None:
    """Whose ring was cut off is called in the next window; that ring was no try of theirs."""
    await floor.launch([ASHA, RAVI], retry={"max_attempts": 1})
    await floor.later(await until_the_window_ends(floor) - 60)
    calls = {intent.phone: intent.attempt_id for intent in await floor.claim()}
    for phone, attempt_id in calls.items():
        await floor.place(attempt_id)
        await floor.hear(attempt_id, "ring", CallUUID=phone)
    await floor.hear(calls[RAVI], "answer", CallUUID=RAVI, CallStatus="in-progress")
    await floor.later(await until_the_window_ends(floor) - 10)
    assert await end_late_rings(floor.db, floor.carrier) == 0
    await floor.later(await until_the_window_ends(floor))
    assert await end_late_rings(floor.db, floor.carrier) == 1
    assert ("hang_up", ASHA) in floor.carrier.ended
    assert not any(name == RAVI for _, name in floor.carrier.ended)
    assert await end_late_rings(floor.db, floor.carrier) == 0

    await floor.hear(calls[ASHA], "hangup", HangupCauseCode="1000", CallStatus="cancel")
    lead = await floor.lead(ASHA)
    opens = (await floor.attempt(calls[ASHA])).ended_at + timedelta(hours=11)
    assert (lead.state, lead.attempts) == ("waiting", 0) and lead.due_at > opens
