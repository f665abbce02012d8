"""One budget of REST requests, whichever process sends them."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from dialer.dialing import request_turns
from dialer.dialing.request_turns import RequestTurns
from dialer.domain.request_budget import Allowance
from dialer.errors import OverBudget
from dialer.providers.plivo_rest import PlivoRest
from tests.integration.dialing_floor import Floor
from tests.integration.plivo_replies import AUTH_ID, TOKEN, always, rest_at

SLOW = Allowance(per_s=0.01, burst=6, lookup_burst=3)


async def test_processes_share_one_budget_and_look_ups_leave_a_part_of_it(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_turns, "LOOKUP_WITHIN_S", 0.3)
    one, two = RequestTurns(floor.db, SLOW), RequestTurns(floor.db, SLOW)
    got = await asyncio.gather(
        *(turns.to_look_up() for turns in (one, two) for _ in range(4)), return_exceptions=True
    )
    assert [isinstance(each, OverBudget) for each in got].count(False) == 3
    async with asyncio.timeout(1):  # the rest of the burst is for what must not wait
        await asyncio.gather(one.to_call(), two.to_call(), two.to_end())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await one.to_call()


async def test_a_look_up_that_had_to_wait_goes_on_as_soon_as_it_may(floor: Floor) -> None:
    turns = RequestTurns(floor.db, Allowance(per_s=50, burst=4, lookup_burst=1))
    async with asyncio.timeout(5):
        await asyncio.gather(*(turns.to_look_up() for _ in range(8)), turns.to_call())


async def test_a_call_is_ended_though_nobody_can_count_the_request(floor: Floor) -> None:
    """The database is away: the hang-up goes out, the look-up and the new call do not."""
    turns = RequestTurns(floor.db, SLOW)
    await floor.db.run(lambda tx: tx.execute(text("drop table request_budgets")))
    await turns.to_end()
    with pytest.raises(OverBudget):
        await turns.to_look_up()
    with pytest.raises(Exception, match="request_budgets"):
        await turns.to_call()


async def test_every_request_waits_for_its_turn() -> None:
    class Counted:
        def __init__(self) -> None:
            self.urgent = self.lookups = 0

        async def to_end(self) -> None:
            self.urgent += 1

        async def to_look_up(self) -> None:
            self.lookups += 1

    turns = Counted()
    async with rest_at(always(200, {"calls": [], "objects": [], "meta": {}})) as (plain, asked):
        rest = PlivoRest(AUTH_ID, TOKEN, plain.api_url, turns=turns)
        await rest.hang_up("c-1")
        await rest.cancel_request("r-1")
        await rest.transfer("c-1", "https://h/t")
        await rest.end_streams("c-1")
        assert (turns.urgent, turns.lookups) == (4, 0)
        await rest.queued_calls()
        await rest.finished_calls("+919876543210")
        await rest.live_call("c-1")
    assert (turns.urgent, turns.lookups) == (4, 3)
    assert len(asked) == 7
