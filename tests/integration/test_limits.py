"""Limits of the carrier account that change while calls are about to start."""

from __future__ import annotations

from typing import Any

from dialer.dialing.limits import change_limits
from dialer.domain.pacing import gap_s
from dialer.store.carrier import get_carrier, save_carrier
from tests.integration.dialing_floor import Floor

PHONES = [f"+9198765{n:05d}" for n in range(12)]


async def test_narrower_limits_hold_at_once(floor: Floor) -> None:
    await floor.db.run(lambda tx: save_carrier(tx, cap=50, cps=4.0))
    await floor.launch(PHONES)
    intents = await floor.claim()
    await floor.place(intents[0].attempt_id)
    await floor.db.run(lambda tx: change_limits(tx, cap=50, cps=1.0, inbound_reserve=0))
    rows = [await floor.attempt(one.attempt_id) for one in intents]
    assert len(rows) >= 5
    assert [row.state for row in rows] == ["placed"] + ["refused"] * (len(rows) - 1)
    assert {row.refusal for row in rows[1:]} == {"stale"}

    async def ahead(tx: Any) -> float:
        account = await get_carrier(tx)
        return float((account.next_slot_at - max(row.place_at for row in rows)).total_seconds())

    assert abs(await floor.db.run(ahead) - gap_s(1.0)) < 0.001
    await floor.later(10)
    again = await floor.claim()
    assert len(again) == 2  # a second apart, as far ahead as a pass may book


async def test_wider_limits_give_nothing_back(floor: Floor) -> None:
    await floor.db.run(lambda tx: save_carrier(tx, cap=50, cps=0.01))
    await floor.launch(PHONES)
    (one,) = await floor.claim()
    await floor.db.run(lambda tx: change_limits(tx, cap=60, cps=2.0, inbound_reserve=0))
    assert (await floor.attempt(one.attempt_id)).state == "intended"
    # 100 seconds to the next slot were those of the old pace.
    assert len(await floor.claim()) >= 2
