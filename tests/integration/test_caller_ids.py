"""The caller id pool: everyone's turn comes, who answered keeps the number, the law has its say."""

from __future__ import annotations

from typing import Any

from dialer.dialing.explain import explain
from dialer.store.callers import upsert_callers
from tests.integration.dialing_floor import ASHA, CALLER_ID, MEENA, RAVI, Floor

SECOND, THIRD, OTHER = "+911601200002", "+911601200003", "+911402000001"
POOL = {"caller_ids": [CALLER_ID, SECOND, THIRD]}
BUSY = {"HangupCauseCode": "3010", "Duration": "0"}
TALKED = {"HangupCauseCode": "4000", "Duration": "20", "CallStatus": "completed"}
DELAYS = {"max_attempts": 9, "delays": {"busy": ["PT1M"], "completed": ["PT1M"]}}


async def _pool(floor: Floor) -> None:
    await floor.db.run(lambda tx: upsert_callers(tx, [(SECOND, "1601"), (THIRD, "1601")]))


async def _shown(floor: Floor) -> list[str]:
    """Claim what is due and return the numbers shown, in the order of their slots."""
    rows = [await floor.attempt(one.attempt_id) for one in await floor.claim()]
    return [row.caller_id for row in sorted(rows, key=lambda row: row.place_at)]


async def test_the_least_recently_used_number_has_its_turn(floor: Floor) -> None:
    await _pool(floor)
    phones = [f"+9198765{n:05d}" for n in range(8)]
    await floor.launch(phones[:5], dialing=POOL)
    first = await _shown(floor)
    assert first == [CALLER_ID, SECOND, THIRD, CALLER_ID, SECOND]
    # THIRD was used before the two others; a later pass, and another campaign, remember that.
    await floor.launch(phones[5:], name="second", dialing=POOL)
    assert await _shown(floor) == [THIRD, CALLER_ID, SECOND]


async def test_a_lead_keeps_the_number_that_it_answered(floor: Floor) -> None:
    await _pool(floor)
    await floor.launch([ASHA], dialing=POOL, retry=DELAYS)
    shown = []
    for end in (BUSY, TALKED, BUSY, BUSY):
        attempt_id = await floor.ring_one()
        if end is TALKED:
            await floor.hear(attempt_id, "answer", CallStatus="in-progress")
        await floor.hear(attempt_id, "hangup", **end)
        shown.append((await floor.attempt(attempt_id)).caller_id)
        await floor.later(120)
    assert shown == [CALLER_ID, SECOND, SECOND, SECOND]


async def test_a_machine_has_not_answered_a_number(floor: Floor) -> None:
    await _pool(floor)
    plan = {"max_attempts": 9, "delays": {"machine": ["PT1M"]}}
    await floor.launch([ASHA], dialing=POOL, retry=plan)
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "answer", CallStatus="in-progress", Machine="true")
    await floor.hear(attempt_id, "hangup", **TALKED)
    await floor.later(120)
    assert await _shown(floor) == [SECOND]


async def test_a_number_that_the_law_refuses_is_passed_over(floor: Floor) -> None:
    """A 140 number may not carry service calls; a number of no known series may carry none."""
    await floor.db.run(lambda tx: upsert_callers(tx, [(OTHER, "140"), (SECOND, "1601")]))
    ids = {"caller_ids": ["+911601299999", OTHER, SECOND, CALLER_ID]}
    await floor.launch([ASHA, RAVI, MEENA], dialing=ids)
    assert await _shown(floor) == [SECOND, CALLER_ID, SECOND]


async def test_a_number_that_left_the_campaign_is_not_kept(floor: Floor) -> None:
    await _pool(floor)
    first = await floor.launch([ASHA], dialing=POOL)
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "answer", CallStatus="in-progress")
    await floor.hear(attempt_id, "hangup", **TALKED)
    assert (await floor.attempt(attempt_id)).caller_id == CALLER_ID
    await floor.ask(first, "cancelled")
    await floor.launch([ASHA], name="second", dialing={"caller_ids": [THIRD, SECOND]})
    assert await _shown(floor) == [THIRD]


async def test_a_campaign_none_of_whose_numbers_is_lawful_says_so(floor: Floor) -> None:
    await floor.db.run(lambda tx: upsert_callers(tx, [(OTHER, "140")]))
    await floor.launch([ASHA], dialing={"caller_ids": [OTHER, "+911601299999"]})
    assert await floor.claim() == []
    assert (await floor.lead(ASHA)).blocked_code == "CLI_SERIES_MISMATCH"

    async def ask(tx: Any) -> str:
        verdict = (await explain(tx, floor.law, name="floor", phone=ASHA, at=None)).verdict
        return verdict.code

    assert await floor.db.run(ask) == "CLI_SERIES_MISMATCH"
