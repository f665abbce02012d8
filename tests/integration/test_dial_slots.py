"""Slots of a process that is late, or stands still: the pace is kept, and nobody waits for it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dialer.dialing.claim import dial_pass
from dialer.dialing.place import place, place_at_slot
from dialer.domain.pacing import Slot, Slots, gap_s
from dialer.errors import DatabaseAway
from dialer.providers.protocols import Accepted, CallRequest
from dialer.store.carrier import get_carrier, lock_carrier, save_carrier
from dialer.store.engine import Tx
from tests.integration.dialing_floor import ASHA, MEENA, RAVI, Floor


async def test_two_processes_late_for_their_slots_keep_the_pace_together(floor: Floor) -> None:
    """Each alone keeps a slot's distance; late together they would go out in pairs."""
    await floor.db.run(lambda tx: save_carrier(tx, cps=5.0))
    await floor.launch([ASHA, RAVI, MEENA, "+919876500004"])
    intents = await floor.claim()
    sent: list[float] = []

    async def place(request: CallRequest, may_go: Callable[[], Awaitable[bool]]) -> Accepted | None:
        if not await may_go():
            return None
        sent.append(time.monotonic())
        return Accepted(request.to)

    floor.carrier.place = place  # type: ignore[method-assign]

    async def stall() -> None:
        await asyncio.sleep(max(0.0, intents[1].slot.at + 0.1 - time.monotonic()))

    late = replace(floor.placing, turn_to_call=stall)
    slots = Slots(), Slots()
    await asyncio.gather(*(place_at_slot(late, one, slots[n % 2]) for n, one in enumerate(intents)))
    gaps = [after - before for before, after in itertools.pairwise(sent)]
    assert len(sent) == len(intents) == 4
    assert min(gaps) > gap_s(5.0) - 0.02


async def test_slots_of_two_passes_lie_as_far_apart_as_they_are_booked(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that waits for its processor just before it asks for the time would take it for
    older than it is, and start the calls of that pass too early."""
    await floor.launch([ASHA, RAVI])
    await floor.db.run(lambda tx: save_carrier(tx, cap=1))
    (first,) = await floor.claim()
    fetch = Tx.fetch

    async def fetch_late(tx: Tx, sql: str, *values: Any) -> Any:
        if "FROM carrier_accounts" in sql:
            time.sleep(0.05)  # noqa: ASYNC251 - all of the process stands still
        return await fetch(tx, sql, *values)

    monkeypatch.setattr(Tx, "fetch", fetch_late)
    await floor.db.run(lambda tx: save_carrier(tx, cap=2))
    intents = await floor.db.run(lambda tx: dial_pass(tx, floor.law), reads_clock=False)
    booked_s = (intents[0].place_at - first.place_at).total_seconds()
    assert abs(intents[0].slot.at - first.slot.at - booked_s) < 0.01


async def test_a_process_that_stands_still_in_its_pass_does_not_stop_the_others(
    floor: Floor,
) -> None:
    """It holds the account's row; after 3 s the server takes it away from it."""
    await floor.launch([ASHA])
    with pytest.raises(DatabaseAway):
        async with floor.db.begin() as frozen:
            await lock_carrier(frozen)
            async with asyncio.timeout(10):
                (intent,) = await floor.claim()
            await frozen.fetch("SELECT 1")
    assert (await floor.attempt(intent.attempt_id)).state == "intended"


async def test_a_late_start_books_no_slot_that_is_too_late_for_it(floor: Floor) -> None:
    """Slots that nobody can use would keep everybody else waiting."""
    await floor.launch([ASHA])
    (intent,) = await floor.claim()

    async def fill(tx: Tx) -> Any:
        await save_carrier(tx, next_slot_at=tx.now + timedelta(seconds=30))
        return (await get_carrier(tx)).next_slot_at

    booked_until = await floor.db.run(fill)
    slots = Slots()
    slots.add(Slot(time.monotonic() - 1))  # gone by
    await place(floor.placing, intent.attempt_id, slots)
    assert floor.carrier.placed == []
    assert (await floor.attempt(intent.attempt_id)).refusal == "stale"
    assert (await floor.db.run(get_carrier)).next_slot_at == booked_until
