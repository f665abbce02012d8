"""Costs of calls on a real Postgres: by part, from dated prices, known only when all are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update

from dialer.call.desk import Metered
from dialer.dialing.live_call import LiveCall, open_call
from dialer.providers.protocols import CarrierCall
from dialer.providers.speech import ModelUsage
from dialer.reports.results import results
from dialer.store import campaigns, migrate
from dialer.store.engine import Tx
from dialer.store.prices import price_of
from dialer.store.tables import accounts, prices
from tests.integration.dialing_floor import ASHA, Floor

TALKED = {
    "HangupCauseCode": "4000",
    "Duration": "20",
    "AnswerTime": "2026-01-01 10:00:00",
    "TotalCost": "0.00475",
}
METERED = Metered(
    stream_s=60.0,
    recogniser="nova-3.multi",
    recogniser_s=30.0,
    voice="sonic-3.5",
    voice_characters=400,
    model="gpt-6-luna",
    model_usage=ModelUsage(prompt=6000, cached=4000, completion=300),
)
SPEECH = {"speech_to_text": "0.002900", "model": "0.000390", "text_to_speech": "0.020000"}


async def add_price(floor: Floor, provider: str, item: str, usd: str, valid_from: datetime) -> None:
    row = {
        "provider": provider,
        "item": item,
        "unit": "minute",
        "usd": Decimal(usd),
        "valid_from": valid_from,
        "source": "a contract",
    }
    await floor.db.run(
        lambda tx: tx.execute(insert(prices).values(account_id=tx.account_id, **row))
    )


async def streamed(floor: Floor) -> tuple[UUID, UUID, LiveCall]:
    """A call whose session has begun: campaign, attempt and desk."""
    campaign = await floor.launch([ASHA], notification={"delivery": "stream"})
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "answer", CallUUID="call-1")
    await floor.db.run(lambda tx: open_call(tx, floor.law, attempt_id, stream_id="s-1"))
    desk = LiveCall(floor.db, floor.carrier, floor.placing.urls, _no_work, attempt_id)
    return campaign, attempt_id, desk


def _no_work(work: Any) -> None:
    raise AssertionError("this desk has no other call to end")


async def cost_in_results(floor: Floor, campaign_id: UUID) -> Any:
    async def read(tx: Tx) -> Any:
        found = await results(tx, await campaigns.get(tx, campaign_id))
        (row,) = found.rows
        return row[found.columns.index("cost_usd")]

    return await floor.db.run(read)


async def test_an_unlisted_price_is_null_and_so_is_the_total(floor: Floor) -> None:
    campaign, attempt_id, desk = await streamed(floor)
    await desk.close(METERED, None)
    before = await floor.attempt(attempt_id)
    assert before.costs == {"carrier": None, "stream": None, **SPEECH}
    await floor.hear(attempt_id, "hangup", **TALKED)
    after = await floor.attempt(attempt_id)
    assert after.costs == {"carrier": "0.00475", "stream": None, **SPEECH}
    assert (after.total_cost_usd, after.cost_usd) == (None, Decimal("0.00475"))
    assert await cost_in_results(floor, campaign) is None


@pytest.mark.parametrize("hangup_first", [False, True])
async def test_the_total_is_there_once_every_used_part_is_known(
    floor: Floor, hangup_first: bool
) -> None:
    await add_price(floor, "plivo", "stream", "0.003", datetime(2026, 1, 1, tzinfo=UTC))
    campaign, attempt_id, desk = await streamed(floor)
    if hangup_first:
        await floor.hear(attempt_id, "hangup", **TALKED)
        assert (await floor.attempt(attempt_id)).total_cost_usd is None, "its use is not told yet"
    await desk.close(METERED, None)
    if not hangup_first:
        assert (await floor.attempt(attempt_id)).total_cost_usd is None, "the carrier has to say"
        await floor.hear(attempt_id, "hangup", **TALKED)
    attempt = await floor.attempt(attempt_id)
    assert attempt.total_cost_usd == Decimal("0.03104")
    assert attempt.total_cost_usd == sum(Decimal(part) for part in attempt.costs.values())
    assert await cost_in_results(floor, campaign) == Decimal("0.03104")


async def test_recovery_knows_the_carriers_part_too(floor: Floor) -> None:
    await add_price(floor, "plivo", "stream", "0.003", datetime(2026, 1, 1, tzinfo=UTC))
    _, attempt_id, desk = await streamed(floor)
    await desk.close(METERED, None)
    async with floor.db.begin() as tx:
        begun_at = tx.now
    floor.carrier.finished.append(
        CarrierCall(
            "call-1", to=ASHA, begun_at=begun_at, hangup_code=4000, cost_usd=Decimal("0.00475")
        )
    )
    await floor.later(30)
    await floor.recover()
    assert (await floor.attempt(attempt_id)).total_cost_usd == Decimal("0.03104")


async def test_a_session_that_left_no_record_leaves_an_unknown_total(floor: Floor) -> None:
    campaign, attempt_id, _ = await streamed(floor)
    await floor.hear(attempt_id, "hangup", **TALKED)
    attempt = await floor.attempt(attempt_id)
    assert (attempt.cost_usd, attempt.total_cost_usd) == (Decimal("0.00475"), None)
    assert await cost_in_results(floor, campaign) is None


async def test_a_call_without_a_stream_costs_what_the_carrier_says(floor: Floor) -> None:
    campaign = await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "hangup", **TALKED)
    attempt = await floor.attempt(attempt_id)
    assert attempt.total_cost_usd == attempt.cost_usd == Decimal("0.00475")
    assert await cost_in_results(floor, campaign) == Decimal("0.00475")


async def test_a_late_callback_tells_the_cost_that_recovery_could_not(floor: Floor) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "hangup", HangupCauseCode="3010")
    assert (await floor.attempt(attempt_id)).total_cost_usd is None
    await floor.hear(attempt_id, "hangup", HangupCauseCode="3010", TotalCost="0.00000")
    assert (await floor.attempt(attempt_id)).total_cost_usd == 0


async def test_the_price_of_a_call_is_the_newest_that_was_valid_then(floor: Floor) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for days, usd in ((0, "1"), (10, "2"), (20, "3")):
        await add_price(floor, "acme", "talk", usd, start + timedelta(days=days))
    async with floor.db.begin() as tx:
        for days, expected in ((-1, None), (0, 1), (9, 1), (10, 2), (25, 3)):
            found = await price_of(tx, "acme", "talk", start + timedelta(days=days))
            assert (found and found.usd) == expected
        assert await price_of(tx, "acme", "silence", start) is None


async def test_prices_come_with_the_schema_once_and_a_changed_one_stays(floor: Floor) -> None:
    async with floor.db.begin() as tx:
        shipped = await tx.all(select(prices))
        assert {row.provider for row in shipped} == {"deepgram", "openai", "cartesia"}
        await tx.execute(update(prices).values(usd=Decimal("0.5")))
    await migrate.upgrade(floor.db.engine)
    async with floor.db.begin() as tx:
        again = await tx.all(select(prices))
        assert len(again) == len(shipped) and {row.usd for row in again} == {Decimal("0.5")}
        assert {row.account_id for row in again} == {await tx.scalar(select(accounts.c.id))}
