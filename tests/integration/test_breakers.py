"""Circuit breakers on the dialing floor: why it stops, who is told, and how it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update

from dialer.dialing import breakers
from dialer.dialing.claim import Intended
from dialer.dialing.law import loaded_packs
from dialer.dialing.place import record_reply
from dialer.dialing.test_call import test_call as make_test_call
from dialer.domain.attempt import AttemptState
from dialer.errors import InvalidInput, RuleViolation
from dialer.providers.protocols import Ambiguous, PlaceResult, RefusalReason, Refused
from dialer.reports.stats import stats
from dialer.store import campaigns, spending
from dialer.store.carrier import save_carrier
from dialer.store.engine import Tx
from dialer.store.tables import attempts, campaign_log, carrier_accounts, outbox, prices
from tests.integration.dialing_floor import ASHA, RAVI, Floor

PEOPLE = [f"+9198765{number:05d}" for number in range(60)]
UNAUTHORISED = Refused(RefusalReason.CREDENTIALS, 401, "unauthorised")
TOO_MANY = Refused(RefusalReason.RATE_LIMITED, 429, "slow down")
BUSY = {"HangupCauseCode": "3010", "CallStatus": "busy", "Duration": "0"}
BROKE = {"HangupCauseCode": "5010", "CallStatus": "failed", "Duration": "0"}
NOTHING_THERE = {"HangupCauseCode": "7011", "AnswerTime": "2027-06-01 12:00:00", "Duration": "1"}


async def tick(floor: Floor) -> int:
    return await breakers.tick(floor.db)


async def ring(floor: Floor, intents: Sequence[Intended], reply: PlaceResult | None = None) -> None:
    floor.carrier.reply = reply
    for intent in intents:
        await floor.place(intent.attempt_id)
    floor.carrier.reply = None


async def hang_up(floor: Floor, intents: Sequence[Intended], form: dict[str, str]) -> None:
    for number, intent in enumerate(intents):
        await floor.hear(intent.attempt_id, "hangup", CallUUID=f"{intent.phone}-{number}", **form)


async def why(floor: Floor, campaign_id: UUID) -> list[str]:
    """The log's reasons, oldest first."""
    c = campaign_log.c
    query = select(c.reason).where(c.campaign_id == campaign_id).order_by(c.id)
    async with floor.db.begin() as tx:
        return [row.reason for row in await tx.all(query)]


async def told(floor: Floor, kind: str) -> list[dict[str, Any]]:
    query = select(outbox.c.payload).where(outbox.c.type == kind).order_by(outbox.c.id)
    async with floor.db.begin() as tx:
        return [row.payload["data"] for row in await tx.all(query)]


async def status(floor: Floor, campaign_id: UUID) -> dict[str, Any]:
    async with floor.db.begin() as tx:
        campaign = await campaigns.get(tx, campaign_id)
        return await stats(tx, campaign, loaded_packs(campaign.definition))


async def account(floor: Floor) -> Any:
    async with floor.db.begin() as tx:
        return (await tx.execute(select(carrier_accounts))).one()


async def test_wrong_credentials_wait_for_a_hand(floor: Floor) -> None:
    campaign = await floor.launch([ASHA, RAVI])
    first, second = await floor.claim()
    await ring(floor, [first], UNAUTHORISED)
    await floor.later(300)
    assert await floor.claim() == []  # at once, before any tick
    assert await tick(floor) == 1
    shown = await status(floor, campaign)
    assert shown["state"] == "paused"
    assert "credentials" in shown["paused_reason"] and "PLIVO_AUTH_ID" in shown["paused_reason"]
    assert "credentials" in (await why(floor, campaign))[-1]
    event = (await told(floor, "campaign.state_changed"))[-1]
    assert (event["from"], event["to"]) == ("running", "paused") and "401" in event["reason"]
    await floor.later(86_400)
    assert (await tick(floor), await floor.claim()) == (0, [])
    assert (await floor.lead(first.phone)).attempts == 0
    await floor.ask(campaign, "running")
    assert (await account(floor)).paused_reason is None
    await floor.place(second.attempt_id)  # long stale
    assert {one.phone for one in await floor.claim()} >= {first.phone}
    assert await tick(floor) == 0
    assert (await status(floor, campaign))["paused_reason"] is None


async def test_a_reply_from_before_the_hand_holds_nothing_again(floor: Floor) -> None:
    campaign = await floor.launch([ASHA, RAVI])
    first, second = await floor.claim()
    await ring(floor, [first], UNAUTHORISED)
    await floor.change(second.attempt_id, state=AttemptState.PLACING)
    async with floor.db.begin() as tx:
        await tx.execute(
            update(attempts)
            .where(attempts.c.id == second.attempt_id)
            .values(placing_at=tx.now - timedelta(seconds=1))
        )
    await floor.ask(campaign, "running")
    await floor.db.run(lambda tx: record_reply(tx, second.attempt_id, UNAUTHORISED))
    assert (await account(floor)).paused_reason is None


async def test_an_empty_balance_pauses_every_campaign_until_the_account_is_resumed(
    floor: Floor,
) -> None:
    one = await floor.launch([ASHA], name="one")
    two = await floor.launch([RAVI], name="two")
    by_hand = await floor.launch(PEOPLE[:1], name="by hand")
    intents = await floor.claim()
    await floor.ask(by_hand, "paused")
    await ring(floor, intents[:1])
    await hang_up(floor, intents[:1], {"HangupCauseCode": "1010", "CallStatus": "failed"})
    await tick(floor)
    assert [(await status(floor, each))["state"] for each in (one, two, by_hand)] == ["paused"] * 3
    with pytest.raises(RuleViolation, match="no_credit"):
        await floor.db.run(lambda tx: make_test_call(tx, floor.law, one, ASHA))
    names = await floor.db.run(lambda tx: breakers.resume_account(tx, actor="test"))
    assert sorted(names) == ["one", "two"]
    states = [(await status(floor, each))["state"] for each in (one, two, by_hand)]
    assert states == ["running", "running", "paused"]


@pytest.mark.parametrize("reply", [TOO_MANY, Ambiguous("status 503", 503)])
async def test_a_burst_of_refusals_or_errors_ends_by_itself(
    floor: Floor, reply: PlaceResult
) -> None:
    campaign = await floor.launch(PEOPLE)
    await floor.db.run(lambda tx: save_carrier(tx, cps=4.0))
    intents = await floor.claim()
    await ring(floor, intents[:5], reply)
    await tick(floor)
    assert (await account(floor)).paused_until is not None
    shown = await status(floor, campaign)
    assert shown["state"] == "running" and "carrier account" in shown["paused_reason"]
    assert "carrier account" in (await why(floor, campaign))[-1]
    assert await floor.claim() == []
    await floor.later(10)
    probe = await floor.claim()
    assert len(probe) == 1 and await floor.claim() == []
    await ring(floor, probe, reply)
    await tick(floor)
    assert (await account(floor)).failed_probes == 1 and await floor.claim() == []
    await floor.later(20)
    (probe,) = [await floor.claim()]
    assert len(probe) == 1
    await ring(floor, probe)
    await tick(floor)
    assert (await account(floor)).paused_reason is None
    assert "got through" in (await why(floor, campaign))[-1]
    await floor.later(5)
    assert len(await floor.claim()) > 1
    assert (await floor.lead(intents[0].phone)).attempts == 0


async def test_a_probe_that_we_did_not_send_gives_way_to_the_next(floor: Floor) -> None:
    await floor.launch(PEOPLE)
    await ring(floor, (await floor.claim())[:5], TOO_MANY)
    await tick(floor)
    await floor.later(10)
    (probe,) = await floor.claim()
    await floor.later(10)
    await floor.place(probe.attempt_id)  # stale by now
    await tick(floor)
    assert (await account(floor)).failed_probes == 0
    assert len(await floor.claim()) == 1


async def test_an_answer_url_that_nobody_reaches_holds_the_account(floor: Floor) -> None:
    await floor.launch(PEOPLE)
    await floor.db.run(lambda tx: save_carrier(tx, cps=4.0))
    intents = await floor.claim()
    await ring(floor, intents[:7])
    for intent in intents[:6]:
        await hang_up(floor, [intent], NOTHING_THERE)
        await floor.later(3)
    await tick(floor)
    assert (await account(floor)).paused_reason == "answer_url"
    await floor.later(5)
    (probe,) = await floor.claim()
    await ring(floor, [probe])
    await hang_up(floor, [probe], BUSY)  # tells nothing
    await tick(floor)
    (probe,) = await floor.claim()
    await ring(floor, [probe])
    await floor.hear(probe.attempt_id, "answer", CallUUID="x")
    await hang_up(floor, [probe], NOTHING_THERE | {"HangupCauseCode": "4000", "Duration": "20"})
    await tick(floor)
    assert (await account(floor)).paused_reason is None


async def test_a_campaign_whose_calls_fail_pauses_and_probes_while_others_go_on(
    floor: Floor,
) -> None:
    campaign = await floor.launch(PEOPLE[:40], dialing={"max_concurrent": 15})
    other = await floor.launch(PEOPLE[40:], name="other")
    mine = [one for one in await floor.claim() if one.phone in PEOPLE[:40]]
    await ring(floor, mine[:15])
    await hang_up(floor, mine[:15], BROKE)
    await tick(floor)
    shown = await status(floor, campaign)
    assert shown["state"] == "paused" and "15 of the last 15" in shown["paused_reason"]
    assert (await status(floor, other))["state"] == "running"
    await floor.later(11)
    await tick(floor)
    assert (await status(floor, campaign))["state"] == "running"
    probes = [one for one in await floor.claim() if one.phone in PEOPLE[:40]]
    assert len(probes) == 1
    await ring(floor, probes)
    await hang_up(floor, probes, BROKE)
    await tick(floor)
    assert (await status(floor, campaign))["state"] == "paused"
    await floor.later(21)
    await tick(floor)
    probes = [one for one in await floor.claim() if one.phone in PEOPLE[:40]]
    await ring(floor, probes)
    await hang_up(floor, probes, BUSY)
    await tick(floor)
    shown = await status(floor, campaign)
    assert (shown["state"], shown["paused_reason"]) == ("running", None)
    assert len([one for one in await floor.claim() if one.phone in PEOPLE[:40]]) > 1


async def test_a_person_who_pauses_is_not_overruled_by_a_probe(floor: Floor) -> None:
    campaign = await floor.launch(PEOPLE)
    intents = await floor.claim()
    await ring(floor, intents[:5], Refused(RefusalReason.CALLER_ID, 400, "from is invalid"))
    await tick(floor)
    assert "caller_id" in (await status(floor, campaign))["paused_reason"]
    await floor.ask(campaign, "paused")
    await floor.later(3600)
    assert (await tick(floor), (await floor.campaign(campaign)).state) == (0, "paused")


async def test_opt_outs_above_the_rate_wait_for_a_hand_and_are_not_counted_twice(
    floor: Floor,
) -> None:
    campaign = await floor.launch([f"+9198764{number:05d}" for number in range(101)])
    await floor.claim()
    async with floor.db.begin() as tx:
        ids = [row.id for row in await tx.all(select(attempts.c.id).order_by(attempts.c.id))]
        assert len(ids) == 100
        over = {"state": "ended", "outcome": "completed", "answered_at": tx.now, "ended_at": tx.now}
        await tx.execute(update(attempts).values(**over))
        asked = attempts.c.id.in_(ids[:20])
        await tx.execute(update(attempts).where(asked).values(disposition="opted_out"))
    assert await tick(floor) == 0  # 20 of 100
    await floor.change(ids[20], disposition="opted_out")
    assert await tick(floor) == 1
    shown = await status(floor, campaign)
    assert shown["state"] == "paused" and "21%" in shown["paused_reason"].replace(" ", "")
    await floor.later(7200)
    assert await tick(floor) == 0
    await floor.ask(campaign, "running")
    assert (await tick(floor), (await floor.campaign(campaign)).state) == (0, "running")


async def test_a_budget_stops_before_calls_in_flight_could_cross_it(floor: Floor) -> None:
    campaign = await floor.launch(PEOPLE, dialing={"budget_usd": 0.05})
    costs = {**NOTHING_THERE, "HangupCauseCode": "4000", "TotalCost": "0.01000"}
    first = await floor.claim()
    assert len(first) == 1  # until a call has told its price
    await ring(floor, first)
    await hang_up(floor, first, costs)
    second = await floor.claim()
    assert len(second) == 4 and await floor.claim() == []
    await ring(floor, second)
    await hang_up(floor, second[:3], costs)
    assert (await tick(floor), await floor.claim()) == (0, [])
    await hang_up(floor, second[3:], BUSY | {"TotalCost": "0.00000"})
    last = await floor.claim()
    assert len(last) == 1
    await ring(floor, last)
    await hang_up(floor, last, costs)
    await tick(floor)
    shown = await status(floor, campaign)
    assert (shown["state"], shown["spent_usd"]) == ("paused", 0.05)
    assert "budget" in shown["paused_reason"]
    with pytest.raises(InvalidInput, match=r"dialing\.budget_usd"):
        await floor.ask(campaign, "running")
    await floor.later(900)
    before = await floor.db.run(lambda tx: spending.spent(tx, campaign))
    await asyncio.gather(
        *(floor.db.run(lambda tx: spending.add_up(tx, campaign)) for _ in range(3))
    )
    assert await floor.db.run(lambda tx: spending.spent(tx, campaign)) == before


async def test_a_listed_price_lets_a_budget_count_before_the_first_call_has_ended(
    floor: Floor,
) -> None:
    async def price(tx: Tx) -> None:
        row = {"provider": "plivo", "item": "voice", "unit": "started_minute", "usd": "0.005"}
        at = tx.now - timedelta(days=1)
        await tx.execute(
            insert(prices).values(**row, account_id=tx.account_id, valid_from=at, source="us")
        )

    await floor.db.run(price)
    await floor.launch(PEOPLE, dialing={"budget_usd": 0.1, "max_call_s": 90})
    assert len(await floor.claim()) == 10


async def test_a_tick_on_every_node_moves_a_breaker_once(floor: Floor) -> None:
    campaign = await floor.launch(PEOPLE[:2])
    intents = await floor.claim()
    await ring(floor, intents[:1], UNAUTHORISED)
    await asyncio.gather(*(tick(floor) for _ in range(4)))
    assert len([said for said in await why(floor, campaign) if "credentials" in said]) == 1


async def test_customers_are_told_of_calls_dispositions_and_opt_outs(floor: Floor) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "answer", CallUUID="c")
    await floor.hear(attempt_id, "input", Digits="9", CallUUID="c")
    await floor.hear(attempt_id, "hangup", CallUUID="c", HangupCauseCode="4000", Duration="9")
    (ended,) = await told(floor, "call.ended")
    assert (ended["call_id"], ended["outcome"]) == (str(attempt_id), "completed")
    assert ASHA not in str(ended)
    (settled,) = await told(floor, "lead.disposition")
    assert (settled["phone"], settled["disposition"]) == (ASHA, "opted_out")
    (opted_out,) = await told(floor, "lead.opted_out")
    assert (opted_out["phone"], opted_out["call_id"]) == (ASHA, str(attempt_id))
    (imported,) = await told(floor, "list.imported")
    assert imported["counts"]["loaded"] == 1
    states = [event["to"] for event in await told(floor, "campaign.state_changed")]
    assert states == ["draft", "running"]
