"""People who call our numbers use the cap while they are up, and not a minute longer."""

from __future__ import annotations

import asyncio

from dialer.dialing.inbound import end_lost_inbound, hear_inbound
from dialer.store.carrier import live_by_campaign, save_carrier
from tests.integration.dialing_floor import ASHA, MEENA, RAVI, Floor

PEOPLE = [ASHA, RAVI, MEENA]


async def _live(floor: Floor) -> int:
    async with floor.db.begin() as tx:
        return (await live_by_campaign(tx))[1].inbound


async def _tell(floor: Floor, call: str, status: str, **form: str) -> None:
    told = {"CallUUID": call, "Direction": "inbound", "CallStatus": status, **form}
    await hear_inbound(floor.db, told)


async def test_live_inbound_calls_leave_fewer_of_ours(floor: Floor) -> None:
    await floor.db.run(lambda tx: save_carrier(tx, cap=4, inbound_reserve=1))
    await floor.launch(PEOPLE)
    await _tell(floor, "in-1", "ringing")
    await _tell(floor, "in-2", "in-progress")
    assert len(await floor.claim()) == 2
    await _tell(floor, "in-1", "completed", Event="Hangup")
    assert len(await floor.claim()) == 1  # the reserve stays, for the next who calls


async def test_inbound_callbacks_repeat_and_overtake_each_other(floor: Floor) -> None:
    await _tell(floor, "in-1", "completed", Event="Hangup")
    await _tell(floor, "in-1", "ringing")
    assert await _live(floor) == 0
    await asyncio.gather(*(_tell(floor, "in-2", "ringing") for _ in range(4)))
    assert await _live(floor) == 1
    for _ in range(2):
        await _tell(floor, "in-2", "completed", Event="Hangup")
    assert await _live(floor) == 0


async def test_a_call_of_ours_is_no_inbound_one(floor: Floor) -> None:
    told = {"CallUUID": "ours", "Direction": "outbound", "CallStatus": "in-progress"}
    await hear_inbound(floor.db, told)
    await hear_inbound(floor.db, {"Direction": "inbound", "CallStatus": "ringing"})
    assert await _live(floor) == 0


async def test_an_inbound_call_whose_end_nobody_told_is_looked_up(floor: Floor) -> None:
    await _tell(floor, "gone", "ringing")
    await _tell(floor, "long", "in-progress")
    floor.carrier.live["long"] = ASHA
    await floor.later(10)
    assert await end_lost_inbound(floor.db, floor.carrier, 20) == 0
    assert await _live(floor) == 2
    await floor.later(15)
    floor.carrier.is_down = True
    assert await end_lost_inbound(floor.db, floor.carrier, 20) == 0
    floor.carrier.is_down = False
    assert await end_lost_inbound(floor.db, floor.carrier, 20) == 1
    assert await _live(floor) == 1
