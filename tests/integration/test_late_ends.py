"""Recovery had to suppose how a call ended; then the carrier tells, late."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from dialer.dialing.recovery import recover
from dialer.dialing.redial import redial
from dialer.providers.protocols import CarrierCall
from dialer.store import reports, spending
from dialer.store.breakers import breaker_of
from dialer.store.carrier import get_carrier
from dialer.store.tables import enrolments, outbox
from tests.integration.dialing_floor import ASHA, Floor

RANG_OUT = {"HangupCauseCode": "3000", "CallStatus": "no-answer", "CallUUID": "call-1"}
#: A pause for each end, so that a lead shows which one decided.
DELAYS = {"max_attempts": 3, "delays": {"failed": ["PT20M"], "busy": ["PT3H"], "no_answer": []}}


async def suppose(floor: Floor, *, heard: str = "", retry: Any = DELAYS) -> UUID:
    """Ring Asha; every callback but ``heard`` is lost, and the carrier's lists show nothing."""
    await floor.launch([ASHA], retry=retry)
    attempt_id = await floor.ring_one()
    if heard:
        await floor.hear(attempt_id, heard, CallUUID="call-1")
    for _ in range(2):
        await floor.later(31)
        await floor.recover()
    found = await floor.attempt(attempt_id)
    assert found.end_supposed_at is not None and found.hangup_code is None
    return attempt_id


async def record(floor: Floor, attempt_id: UUID, code: int = 3010, **more: Any) -> None:
    """The carrier's record of the call appears."""
    row = await floor.attempt(attempt_id)
    floor.carrier.finished.append(
        CarrierCall(
            row.call_uuid or row.request_uuid,
            to=row.phone,
            begun_at=row.placing_at,
            hangup_code=code,
            **more,
        )
    )


async def look(floor: Floor, minutes: float = 1) -> None:
    await floor.later(minutes * 60)
    await floor.recover()


async def told(floor: Floor, kind: str) -> list[Any]:
    query = select(outbox.c.payload).where(outbox.c.type == kind).order_by(outbox.c.id)
    async with floor.db.begin() as tx:
        return [row.payload["data"] for row in await tx.all(query)]


async def ends_told(floor: Floor) -> list[tuple[Any, ...]]:
    names = ("outcome", "is_supposed", "is_correction")
    return [tuple(event[name] for name in names) for event in await told(floor, "call.ended")]


@pytest.mark.parametrize("by_callback", [True, False])
async def test_a_lost_callback_and_a_late_record_still_end_true(
    floor: Floor, by_callback: bool
) -> None:
    attempt_id = await suppose(floor)
    supposed = await floor.attempt(attempt_id)
    lead = await floor.lead(ASHA)
    async with floor.db.begin() as tx:
        assert await reports.count_supposed(tx, supposed.campaign_id) == 1
    assert (supposed.outcome, lead.due_at - supposed.ended_at) == ("failed", timedelta(minutes=20))
    if by_callback:
        await floor.later(60)
        form = {"HangupCauseCode": "3010", "CallUUID": "call-1", "TotalCost": "0.004"}
        await floor.hear(attempt_id, "hangup", **form)
    else:
        await record(floor, attempt_id, hangup_cause="Busy Line", cost_usd=Decimal("0.004"))
        await look(floor)
    found, lead = await floor.attempt(attempt_id), await floor.lead(ASHA)
    assert (found.state, found.outcome, found.hangup_code) == ("ended", "busy", 3010)
    assert found.end_supposed_at is None and found.ended_at == supposed.ended_at
    async with floor.db.begin() as tx:
        assert await reports.count_supposed(tx, found.campaign_id) == 0
    assert (found.cost_usd, found.known_cost_usd) == (Decimal("0.004"), Decimal("0.004"))
    assert (lead.state, lead.attempts) == ("waiting", 1)
    assert lead.due_at - found.ended_at == timedelta(hours=3), "from its end, not from the news"
    assert await ends_told(floor) == [("failed", True, False), ("busy", False, True)]


async def test_what_the_carrier_told_once_is_never_overwritten(floor: Floor) -> None:
    attempt_id = await suppose(floor)
    await record(floor, attempt_id)
    await look(floor)
    before, lead = await floor.attempt(attempt_id), await floor.lead(ASHA)
    await floor.hear(attempt_id, "hangup", **RANG_OUT)
    await look(floor, 30)
    after = await floor.attempt(attempt_id)
    assert (after.outcome, after.hangup_code) == (before.outcome, 3010)
    assert await floor.lead(ASHA) == lead
    assert len(await told(floor, "call.ended")) == 2


async def test_a_callback_that_does_not_say_how_corrects_nothing(floor: Floor) -> None:
    attempt_id = await suppose(floor)
    await floor.hear(attempt_id, "hangup", CallUUID="call-1", Duration="0")
    assert (await floor.attempt(attempt_id)).end_supposed_at is not None
    await record(floor, attempt_id)
    await look(floor)
    assert (await floor.attempt(attempt_id)).outcome == "busy"


async def test_processes_that_look_at_once_correct_once(floor: Floor) -> None:
    attempt_id = await suppose(floor)
    await record(floor, attempt_id)
    await floor.later(60)
    heard = floor.hear(attempt_id, "hangup", HangupCauseCode="3010", CallUUID="call-1")
    looks = (recover(floor.db, floor.carrier, floor.bounds) for _ in range(4))
    await asyncio.gather(heard, *looks)
    assert [event[2] for event in await ends_told(floor)] == [False, True]
    assert (await floor.lead(ASHA)).attempts == 1


async def test_a_record_is_looked_for_ever_more_rarely_and_for_an_hour(floor: Floor) -> None:
    attempt_id = await suppose(floor)
    began = (await floor.attempt(attempt_id)).end_supposed_at
    asked = []
    find = floor.carrier.finished_call

    async def counting(call_uuid: str) -> Any:
        async with floor.db.begin() as tx:
            asked.append((tx.now - began).total_seconds())
        return await find(call_uuid)

    floor.carrier.finished_call = counting  # type: ignore[method-assign]
    for _ in range(4 * 66):
        await floor.later(15)
        await floor.recover()
    assert len(asked) <= 8 and asked[-1] <= 3600, asked
    # We look at the clock a moment after the product did.
    assert all(later > 2 * sooner - 1 for sooner, later in pairwise(asked)), asked
    await record(floor, attempt_id)
    await look(floor, 10)
    assert (await floor.attempt(attempt_id)).outcome == "failed", "nobody looks any more"
    await floor.hear(attempt_id, "hangup", **RANG_OUT)
    assert (await floor.attempt(attempt_id)).outcome == "no_answer", "but a callback is heard"


@pytest.mark.parametrize(
    ("code", "outcome", "lead"),
    [
        (3000, "no_answer", ("exhausted", "unreachable", 1)),  # has no delay: the wait is over
        (3050, "invalid_number", ("exhausted", "unreachable", 1)),
        (5030, "failed", ("waiting", None, 0)),  # refused: no attempt, and soon again
        (5010, "failed", ("waiting", None, 1)),
    ],
)
async def test_the_leads_plan_follows_the_true_end(
    floor: Floor, code: int, outcome: str, lead: tuple[Any, ...]
) -> None:
    attempt_id = await suppose(floor)
    await record(floor, attempt_id, code)
    await look(floor)
    found = await floor.lead(ASHA)
    assert (await floor.attempt(attempt_id)).outcome == outcome
    assert (found.state, found.disposition, found.attempts) == lead


async def test_a_lead_that_was_closed_for_it_waits_again_and_that_is_told(floor: Floor) -> None:
    delays = {"max_attempts": 3, "delays": {"busy": ["PT3H"], "failed": []}}
    attempt_id = await suppose(floor, retry=delays)
    assert (await floor.lead(ASHA)).state == "exhausted"
    await record(floor, attempt_id)
    await look(floor)
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition) == ("waiting", None)
    said = [
        (event["state"], event["disposition"]) for event in await told(floor, "lead.disposition")
    ]
    assert said == [("exhausted", "unreachable"), ("waiting", None)]


async def test_a_campaign_that_finished_meanwhile_stays_finished(floor: Floor) -> None:
    delays = {"max_attempts": 3, "delays": {"busy": ["PT3H"], "failed": []}}
    attempt_id = await suppose(floor, retry=delays)
    await floor.tick()
    campaign_id = (await floor.attempt(attempt_id)).campaign_id
    assert (await floor.campaign(campaign_id)).state == "finished"
    before = await floor.lead(ASHA)
    await record(floor, attempt_id)
    await look(floor)
    after = await floor.lead(ASHA)
    assert (await floor.attempt(attempt_id)).outcome == "busy"
    assert (after.state, after.disposition) == (before.state, before.disposition)
    assert (await floor.campaign(campaign_id)).state == "finished"


async def test_a_newer_attempt_is_not_disturbed(floor: Floor) -> None:
    first = await suppose(floor)
    await floor.later(20 * 60)
    second = await floor.ring_one()
    row, lead = await floor.attempt(second), await floor.lead(ASHA)
    await floor.hear(first, "hangup", **RANG_OUT)
    assert (await floor.attempt(first)).outcome == "no_answer"
    assert await floor.attempt(second) == row and await floor.lead(ASHA) == lead
    assert await floor.line(ASHA) == second
    await floor.hear(second, "answer", CallUUID="call-2")
    await floor.hear(second, "input", Digits="1", CallUUID="call-2")
    await floor.hear(second, "hangup", HangupCauseCode="4000", Duration="9", CallUUID="call-2")
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition, lead.attempts) == ("done", "confirmed", 2)
    assert len(floor.carrier.placed) == 2


async def test_an_attempt_is_given_back_beside_a_newer_one_but_not_after_a_redial(
    floor: Floor,
) -> None:
    """The first call was refused over the cap: it burnt no attempt."""
    first = await suppose(floor)
    await floor.later(20 * 60)
    second = await floor.ring_one()
    await floor.hear(first, "hangup", HangupCauseCode="5030")
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.attempts, lead.last_attempt_id) == ("calling", 0, second)
    await floor.hear(second, "hangup", **RANG_OUT)
    assert (await floor.lead(ASHA)).attempts == 1


async def test_what_comes_late_of_a_call_before_a_redial_changes_no_count(floor: Floor) -> None:
    delays = {"max_attempts": 3, "delays": {"failed": [], "busy": ["PT3H"]}}
    first = await suppose(floor, retry=delays)
    campaign_id = (await floor.attempt(first)).campaign_id
    await floor.db.run(lambda tx: redial(tx, campaign_id, actor="test"))
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.attempts) == ("waiting", 0)
    await floor.hear(first, "hangup", HangupCauseCode="5030")
    assert await floor.lead(ASHA) == lead
    second = await floor.ring_one()
    await floor.hear(second, "hangup", HangupCauseCode="3010", CallUUID="call-2")
    assert (await floor.lead(ASHA)).attempts == 1


@pytest.mark.parametrize("state", ["blocked", "cancelled"])
async def test_a_lead_that_law_or_a_person_took_out_is_not_called_again(
    floor: Floor, state: str
) -> None:
    attempt_id = await suppose(floor)
    taken_out = update(enrolments).values(state=state, due_at=None)
    await floor.db.run(lambda tx: tx.execute(taken_out))
    await record(floor, attempt_id)
    await look(floor)
    assert (await floor.attempt(attempt_id)).outcome == "busy"
    assert (await floor.lead(ASHA)).state == state


async def test_what_a_talk_established_holds_however_the_call_ended(floor: Floor) -> None:
    attempt_id = await suppose(floor, heard="answer")
    await floor.hear(attempt_id, "input", Digits="1", CallUUID="call-1")
    lead = await floor.lead(ASHA)
    assert (lead.state, lead.disposition) == ("done", "confirmed")
    await record(floor, attempt_id, 7011, bill_s=4)
    await look(floor)
    found = await floor.attempt(attempt_id)
    assert (found.outcome, found.talk_s, found.disposition) == ("failed", 4.0, "confirmed")
    assert await floor.lead(ASHA) == lead


async def test_an_answer_nobody_told_of_is_found_in_the_record(floor: Floor) -> None:
    attempt_id = await suppose(floor)
    answered_at = (await floor.attempt(attempt_id)).placing_at + timedelta(seconds=5)
    await record(floor, attempt_id, 4000, answered_at=answered_at, bill_s=7)
    await look(floor)
    found, lead = await floor.attempt(attempt_id), await floor.lead(ASHA)
    assert (found.outcome, found.answered_at, found.talk_s) == ("completed", answered_at, 7.0)
    assert (lead.state, lead.disposition) == ("done", "incomplete")


async def test_a_call_dropped_from_the_carriers_queue_burns_no_attempt(floor: Floor) -> None:
    attempt_id = await suppose(floor)
    await floor.change(attempt_id, queue_cancelled_at=(await floor.attempt(attempt_id)).placing_at)
    await record(floor, attempt_id, 1000)
    await look(floor)
    lead = await floor.lead(ASHA)
    assert (await floor.attempt(attempt_id)).outcome == "cancelled"
    assert (lead.state, lead.attempts) == ("waiting", 0)


async def test_a_record_under_an_id_nobody_told_us_is_found_by_its_number(floor: Floor) -> None:
    attempt_id = await suppose(floor)
    row = await floor.attempt(attempt_id)
    floor.carrier.finished.append(
        CarrierCall("another-id", to=ASHA, begun_at=row.placing_at, hangup_code=3010)
    )
    await look(floor)
    found = await floor.attempt(attempt_id)
    assert (found.outcome, found.call_uuid) == ("busy", "another-id")


async def test_no_credit_that_is_learned_late_holds_the_account(floor: Floor) -> None:
    attempt_id = await suppose(floor)
    await record(floor, attempt_id, 1010)
    await look(floor)
    assert (await floor.lead(ASHA)).attempts == 0
    async with floor.db.begin() as tx:
        breaker = breaker_of(await get_carrier(tx))
    assert breaker is not None and breaker.reason == "no_credit"


async def test_a_sum_that_was_kept_already_takes_the_late_cost_in(floor: Floor) -> None:
    attempt_id = await suppose(floor)
    campaign_id = (await floor.attempt(attempt_id)).campaign_id
    await floor.later(15 * 60)
    await floor.db.run(lambda tx: spending.add_up(tx, campaign_id))
    form = {"HangupCauseCode": "3010", "CallUUID": "call-1", "TotalCost": "0.5"}
    before = await floor.db.run(lambda tx: spending.spent(tx, campaign_id))
    await floor.hear(attempt_id, "hangup", **form)
    after = await floor.db.run(lambda tx: spending.spent(tx, campaign_id))
    assert (before.known_usd, before.unknown) == (0, 1)
    assert (after.known_usd, after.unknown) == (Decimal("0.5"), 0)
    assert after.dearest_usd == Decimal("0.5")
