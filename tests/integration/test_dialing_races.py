"""Two of us at once, at the worst moments: nothing is lost, nobody waits for ever."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dialer.dialing.claim import COMMIT_TIME, dial_pass
from dialer.dialing.hang_up import end_calls
from dialer.dialing.lifecycle import change_state
from dialer.dialing.optout import suppress
from dialer.dialing.place import record_reply
from dialer.dialing.test_call import test_call as make_test_call
from dialer.domain.campaign import CampaignState
from dialer.domain.placing import POST_WITHIN
from dialer.domain.retry import EnrolmentState
from dialer.providers.protocols import RefusalReason, Refused
from dialer.store import campaigns, enrolments
from dialer.store.callers import upsert_callers
from dialer.store.carrier import lock_carrier, save_carrier
from dialer.store.engine import Tx
from dialer.store.lines import lock_lines
from tests.integration.dialing_floor import ASHA, CALLER_ID, MEENA, RAVI, Floor, drained

BUSY = {"HangupCauseCode": "3010", "Duration": "0"}


async def test_a_call_that_ends_while_its_campaign_is_cancelled_leaves_nothing_waiting(
    floor: Floor,
) -> None:
    campaign = await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    async with floor.db.begin() as tx:
        await floor.hear_in(tx, attempt_id, "hangup", **BUSY)  # settled as waiting for a retry
        await floor.ask(campaign, "cancelled")
    await floor.tick()
    assert (await floor.lead(ASHA)).state == "cancelled"


async def test_facts_that_arrive_during_a_pass_wake_the_leads_it_denied(floor: Floor) -> None:
    await floor.launch([ASHA], campaign={"category": "promotional", "sector": 5})
    async with floor.db.begin() as tx:
        assert await dial_pass(tx, floor.law) == []  # denied for want of a scrub, not committed
        woken = asyncio.create_task(floor.db.run(_wake))
        await asyncio.wait([woken], timeout=0.1)
    await woken
    lead = await floor.lead(ASHA)
    assert lead.blocked_code is not None and lead.due_at is not None


async def _wake(tx: Tx) -> int:
    return await enrolments.wake(tx, codes=["DNC_SCRUB_STALE", "CLI_SERIES_MISMATCH"])


async def test_a_refusal_that_pauses_the_account_keeps_the_lock_order(floor: Floor) -> None:
    """Carrier first: a pass that holds it may want the line of the refused call."""
    await floor.launch([ASHA])
    attempt_id = await floor.claim_one()
    await floor.place(attempt_id)
    await floor.change(attempt_id, state="placing")
    refused = Refused(RefusalReason.CREDENTIALS, 401, "no")
    async with floor.db.begin() as tx:
        await lock_carrier(tx)
        reply = asyncio.create_task(_once(floor, lambda tx: record_reply(tx, attempt_id, refused)))
        await floor.blocked()
        await lock_lines(tx, [ASHA])
    await reply
    assert (await floor.attempt(attempt_id)).refusal == "credentials"


async def test_a_hangup_for_want_of_credit_keeps_the_lock_order(floor: Floor) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    async with floor.db.begin() as tx:
        await lock_carrier(tx)
        heard = asyncio.create_task(
            _once(
                floor,
                lambda tx: floor.hear_in(tx, attempt_id, "hangup", HangupCauseCode="1010"),
            )
        )
        await floor.blocked()
        await lock_lines(tx, [ASHA])
    await heard
    assert (await floor.attempt(attempt_id)).state == "ended"


async def test_a_pause_during_a_pass_finds_every_intent_of_it(floor: Floor) -> None:
    """The pass books in the campaign's own pace too: whoever moves the campaign comes after."""
    campaign = await floor.launch([ASHA, RAVI, MEENA], dialing={"max_cps": 10.0})
    async with floor.db.begin() as tx:
        intents = await dial_pass(tx, floor.law)
        paused = asyncio.create_task(
            _once(floor, lambda tx: change_state(tx, campaign, CampaignState.PAUSED, actor="test"))
        )
        await floor.blocked()
    await paused
    assert len(intents) == 3
    for intent in intents:
        assert (await floor.attempt(intent.attempt_id)).refusal == "campaign_stopped"
        assert (await floor.lead(intent.phone)).state == "waiting"


async def test_a_campaign_that_someone_holds_does_not_hold_up_the_others(floor: Floor) -> None:
    held = await floor.launch([ASHA], name="held")
    await floor.launch([RAVI], name="free")
    async with floor.db.begin() as tx:
        await change_state(tx, held, CampaignState.PAUSED, actor="test")
        async with asyncio.timeout(5):
            (intent,) = await floor.claim()
    assert intent.phone == RAVI


async def test_a_pass_that_waited_books_no_slot_in_the_past(floor: Floor) -> None:
    await floor.launch([ASHA])
    async with floor.db.begin() as tx:
        await lock_carrier(tx)
        waiting = asyncio.create_task(floor.claim())
        await floor.blocked()
        await asyncio.sleep(2 * COMMIT_TIME.total_seconds())
        await tx.read_clock()
        let_go_at = tx.now
    (intent,) = await waiting
    row = await floor.attempt(intent.attempt_id)
    assert row.created_at > let_go_at, "the clock is read when the wait is over"
    assert row.place_at > let_go_at + COMMIT_TIME


async def test_an_opt_out_of_one_campaign_stops_that_campaign_only(floor: Floor) -> None:
    one = await floor.launch([ASHA, RAVI], name="one")
    intents = {intent.phone: intent.attempt_id for intent in await floor.claim()}
    async with floor.db.begin() as tx:
        await suppress(tx, phone=ASHA, source="api", reason="r", scope="campaign", campaign_id=one)
    for attempt_id in intents.values():
        await floor.place(attempt_id)
    assert (await floor.attempt(intents[ASHA])).refusal == "suppressed"
    assert (await floor.lead(ASHA)).state == "blocked"
    assert (await floor.attempt(intents[RAVI])).state == "placed"
    await floor.launch([ASHA], name="two")
    (again,) = await floor.claim()
    assert again.phone == ASHA, "another campaign may"


@pytest.mark.parametrize(
    ("state", "ends"),
    [("intended", []), ("placed", ["request-1"]), ("ringing", ["call-1"]), ("in_call", [])],
)
async def test_an_opt_out_ends_what_has_not_been_answered(
    floor: Floor, state: str, ends: list[str]
) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.claim_one()
    if state != "intended":
        await floor.place(attempt_id)
    if state in ("ringing", "in_call"):
        await floor.hear(attempt_id, "ring", CallUUID="call-1")
    if state == "in_call":
        await floor.hear(attempt_id, "answer", CallUUID="call-1")
    async with floor.db.begin() as tx:
        to_end = await suppress(tx, phone=ASHA, source="api", reason="opt_out")
    assert [call.call_uuid or call.request_uuid for call in to_end] == ends


async def test_nothing_starts_after_the_campaigns_end(floor: Floor) -> None:
    """An intent whose slot lies before the end is not placed after it."""
    async with floor.db.begin() as tx:
        ends_at = tx.now + timedelta(seconds=30)
    campaign = await floor.launch(
        [ASHA], dialing={"ends_at": ends_at.isoformat()}, retry={"delays": {}}
    )
    await floor.later(20)  # the rest is time for a busy machine
    attempt_id = await floor.claim_one()
    await floor.later(11)
    await floor.place(attempt_id)
    assert floor.carrier.placed == []
    assert (await floor.lead(ASHA)).state == "exhausted"
    await floor.tick()
    assert (await floor.campaign(campaign)).state == "finished"


@pytest.mark.parametrize("state", ["running", "paused"])
async def test_a_campaign_past_its_end_finishes_once_its_calls_are_over(
    floor: Floor, state: str
) -> None:
    async with floor.db.begin() as tx:
        ends_at = tx.now + timedelta(seconds=30)
    campaign = await floor.launch(
        [ASHA, RAVI],
        dialing={"ends_at": ends_at.isoformat()},
        retry={"delays": {"busy": ["PT25S"]}},
    )
    await floor.db.run(lambda tx: save_carrier(tx, cap=1))
    attempt_id = await floor.ring_one()
    if state == "paused":
        await floor.ask(campaign, "paused")
    await floor.later(31)
    await floor.tick()
    assert (await floor.lead(RAVI)).state == "exhausted"
    assert (await floor.campaign(campaign)).state == state, "one call is still up"
    await floor.hear(attempt_id, "hangup", **BUSY)
    assert (await floor.lead(ASHA)).state == "exhausted", "its retry would come after the end"
    await floor.tick()
    assert (await floor.campaign(campaign)).state == "finished"


async def test_an_agreed_callback_that_the_end_overtakes_is_handed_over(floor: Floor) -> None:
    async with floor.db.begin() as tx:
        now = tx.now
    ends_at = now + timedelta(hours=1)
    campaign = await floor.launch([ASHA], dialing={"ends_at": ends_at.isoformat()})
    attempt_id = await floor.ring_one()
    agreed = {"disposition": "callback", "callback_at": now + timedelta(minutes=50)}
    await floor.change(attempt_id, **agreed)
    await floor.hear(attempt_id, "hangup", HangupCauseCode="4000", Duration="9")
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.due_at) == ("waiting", agreed["callback_at"])
    await floor.later(3700)
    await floor.tick()
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition) == ("done", "callback")
    assert (await floor.campaign(campaign)).state == "finished"


async def test_a_cancelled_campaign_hangs_up_by_the_id_that_the_carrier_takes(
    floor: Floor,
) -> None:
    campaign = await floor.launch([ASHA, RAVI, MEENA])
    intents = {intent.phone: intent.attempt_id for intent in await floor.claim()}
    for phone in (ASHA, RAVI):
        await floor.place(intents[phone])
    await floor.hear(intents[RAVI], "ring", CallUUID="call-of-ravi")
    to_end = await floor.ask(campaign, "cancelled", in_flight="hang_up")
    await end_calls(floor.db, floor.carrier, to_end)
    asha = (await floor.attempt(intents[ASHA])).request_uuid
    by_call, by_request = [("hang_up", "call-of-ravi")], [("cancel", asha), ("hang_up", asha)]
    assert sorted(floor.carrier.ended) == sorted(by_call + by_request)
    assert (await floor.attempt(intents[MEENA])).refusal == "campaign_stopped"
    for phone in (ASHA, RAVI):
        await floor.hear(intents[phone], "hangup", HangupCauseCode="1000")
    states = {(await floor.lead(phone)).state for phone in intents}
    assert states <= {"cancelled", "exhausted"}


async def test_a_process_on_its_way_out_gives_its_intents_back(floor: Floor) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.claim_one()
    with drained(floor):
        await floor.place(attempt_id)
    assert (await floor.attempt(attempt_id)).refusal == "drained"
    assert await floor.claim_one() != attempt_id


async def test_capacity_counts_everything_that_may_ring(floor: Floor) -> None:
    await floor.launch([ASHA, RAVI, MEENA])
    await floor.db.run(lambda tx: save_carrier(tx, cap=1))
    attempt_id = await floor.claim_one()
    for state in ("intended", "placing", "ambiguous", "placed", "ringing", "in_call"):
        await floor.change(attempt_id, state=state)
        assert await floor.claim() == [], state
    await floor.change(attempt_id, state="ended")
    assert len(await floor.claim()) == 1


async def test_a_campaign_keeps_its_own_limits(floor: Floor) -> None:
    await floor.launch([ASHA, RAVI, MEENA], name="narrow", dialing={"max_concurrent": 2})
    assert len(await floor.claim()) == 2
    assert await floor.claim() == []


async def test_campaigns_that_get_one_start_a_pass_take_turns_by_weight(floor: Floor) -> None:
    phones = [f"+9198765{number:05d}" for number in range(90)]
    one = await floor.launch(phones[:30], name="one")
    two = await floor.launch(phones[30:60], name="two")
    heavy = await floor.launch(phones[60:], name="heavy", dialing={"weight": 2.0})
    starts = {one: 0, two: 0, heavy: 0}
    for cap in range(1, 17):
        await floor.db.run(lambda tx, cap=cap: save_carrier(tx, cap=cap))  # type: ignore[misc]
        row = await floor.attempt(await floor.claim_one())
        starts[row.campaign_id] += 1
    assert starts == {one: 4, two: 4, heavy: 8}


async def test_a_corrected_sender_and_a_pass_do_not_wait_for_each_other(floor: Floor) -> None:
    """The sender's rows are written first, then its leads are woken."""
    await floor.launch([ASHA])
    async with floor.db.begin() as tx:
        await upsert_callers(tx, [(CALLER_ID, "1601")])
        claimed = asyncio.create_task(_once(floor, lambda tx: dial_pass(tx, floor.law)))
        await asyncio.wait([claimed], timeout=0.3)
        await _wake(tx)
    await claimed
    assert (await floor.lead(ASHA)).state == "calling"


async def test_a_test_call_and_a_pause_do_not_wait_for_each_other(floor: Floor) -> None:
    campaign = await floor.launch([ASHA, RAVI], dialing={"max_cps": 5.0})
    async with floor.db.begin() as tx:
        await campaigns.get(tx, campaign, lock=True)
        made = asyncio.create_task(
            _once(floor, lambda tx: make_test_call(tx, floor.law, campaign, ASHA))
        )
        await floor.blocked()
        await enrolments.end_waiting(tx, campaign, EnrolmentState.CANCELLED)
        async with floor.db.begin() as other:
            await lock_carrier(other)  # nor does it keep the carrier while it waits
    await made
    assert (await floor.lead(ASHA)).state == "cancelled"


async def test_a_process_that_stood_still_after_its_commit_does_not_dial(floor: Floor) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.claim_one()
    floor.placing = replace(
        floor.placing, monotonic=lambda: time.monotonic() + POST_WITHIN.total_seconds()
    )
    await floor.place(attempt_id)
    assert floor.carrier.placed == []
    found, lead = await floor.attempt(attempt_id), await floor.lead(ASHA)
    assert (found.refusal, lead.state, lead.attempts) == ("stale", "waiting", 0)


async def test_a_process_that_stood_still_before_its_locks_does_not_dial(floor: Floor) -> None:
    """It read the clock, then waited for the line longer than what it read is good for."""
    await floor.launch([ASHA])
    attempt_id = await floor.claim_one()
    stood_s = [0.0]
    floor.placing = replace(floor.placing, monotonic=lambda: time.monotonic() + stood_s[0])
    async with floor.db.begin() as tx:
        await lock_lines(tx, [ASHA])
        placed = asyncio.create_task(floor.place(attempt_id))
        await floor.blocked()
        stood_s[0] = POST_WITHIN.total_seconds()
    await placed
    assert floor.carrier.placed == []
    assert (await floor.attempt(attempt_id)).refusal == "stale"


async def _once(floor: Floor, work: Any) -> None:
    """Run ``work`` in one transaction that is not run again: a deadlock would show."""
    async with floor.db.begin() as tx:
        await work(tx)
