"""Counts that are kept are the counts of the rows, whatever happens to the rows and when."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from dialer.dialing.redial import redial
from dialer.store import reports, tallies
from dialer.store.engine import Tx
from dialer.store.reports import CALLED
from dialer.store.tables import attempts, checks, enrolments
from tests.integration.dialing_floor import ASHA, RAVI, Floor

PHONES = [f"+9198765{number:05d}" for number in range(24)]
RETRY = {"max_attempts": 2, "delays": {"busy": ["PT1M"], "failed": ["PT1M"]}}
ENDS = ("3000", "3010", "3050", "5030", "4000", "1000")


async def counted(tx: Tx, campaign_id: UUID) -> tuple[Any, ...]:
    places: Counter[Any] = Counter()
    for one in await reports.count_places(tx, campaign_id):
        places[_place(one)] += one.count
    calls = {one.outcome: one.count for one in await reports.count_calls(tx, campaign_id)}
    return places, calls, await tallies.count_checks(tx, [campaign_id])


async def from_rows(tx: Tx, campaign_id: UUID) -> tuple[Any, ...]:
    """The same, by looking at every row."""
    e, a, c = enrolments.c, attempts.c, checks.c
    leads = await tx.all(select(enrolments).where(e.campaign_id == campaign_id))
    calls = await tx.all(
        select(a.outcome, func.count())
        .where(a.campaign_id == campaign_id, a.state.in_(CALLED), a.is_test.is_(False))
        .group_by(a.outcome)
    )
    proofs = await tx.all(
        select(c.decision, func.count()).where(c.campaign_id == campaign_id).group_by(c.decision)
    )
    return Counter(map(_place, leads)), dict(map(tuple, calls)), dict(map(tuple, proofs))


def _place(one: Any) -> tuple[Any, ...]:
    """What a lead promised while it waits is not counted apart."""
    disposition = None if one.state == "waiting" else one.disposition
    return one.state, disposition, one.blocked_code


async def hold(floor: Floor, campaign_id: UUID, what: str = "") -> None:
    async with floor.db.begin() as tx:
        assert await counted(tx, campaign_id) == await from_rows(tx, campaign_id), what


async def advance(floor: Floor) -> None:
    await floor.db.run(tallies.advance)


@pytest.mark.parametrize("seed", range(4))
async def test_kept_counts_are_those_of_the_rows_after_every_step(floor: Floor, seed: int) -> None:
    dice = random.Random(seed)
    campaign_id = await floor.launch(PHONES, retry=RETRY)
    made: list[UUID] = []

    async def call() -> None:
        for intent in (await floor.claim())[: dice.randint(1, 8)]:
            await floor.place(intent.attempt_id)
            made.append(intent.attempt_id)

    async def end() -> None:
        for attempt_id in dice.sample(made, min(len(made), 5)):
            if (await floor.attempt(attempt_id)).state in ("refused", "never_placed"):
                continue
            if dice.random() < 0.4:
                await floor.hear(attempt_id, "answer", CallUUID=str(attempt_id))
                await floor.hear(attempt_id, "input", Digits=dice.choice("19"))
            await floor.hear(attempt_id, "hangup", HangupCauseCode=dice.choice(ENDS))

    async def again() -> None:
        await floor.db.run(lambda tx: redial(tx, campaign_id, actor="test"))

    steps = {
        "call": call,
        "end": end,
        "redial": again,
        "recover": floor.recover,
        "advance": lambda: advance(floor),
        "time passes": lambda: floor.later(dice.choice((5, 40, 90))),
    }
    for _ in range(40):
        what = dice.choices([*steps], weights=(4, 5, 1, 2, 4, 4))[0]
        await steps[what]()
        await hold(floor, campaign_id, what)
    async with floor.db.begin() as tx:
        kept = await tx.scalar(select(func.count()).select_from(tallies_of(campaign_id)))
    assert kept, "nothing was kept, and nothing tested"


def tallies_of(campaign_id: UUID) -> Any:
    from dialer.store.tables import tallies as table

    return (
        select(table).where(table.c.campaign_id == campaign_id, table.c.kind == "call").subquery()
    )


async def test_what_an_open_transaction_writes_is_not_passed_over(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "_SETTLED_AFTER", timedelta(0))
    campaign_id = await floor.launch([ASHA, RAVI])
    attempt_id = (await floor.claim())[0].attempt_id
    await floor.place(attempt_id)
    async with floor.db.begin() as tx:
        await floor.hear_in(tx, attempt_id, "hangup", HangupCauseCode="3050")
        await advance(floor)
    await hold(floor, campaign_id)
    await advance(floor)
    await hold(floor, campaign_id)


async def test_a_counted_row_that_changes_waits_for_who_counts_on(floor: Floor) -> None:
    campaign_id = await floor.launch([ASHA], retry={"max_attempts": 1, "delays": {}})
    await floor.hear(await floor.ring_one(), "hangup", HangupCauseCode="3000")
    await floor.later(60)
    async with floor.db.begin() as tx:
        await tallies.advance(tx)
        redialed = asyncio.create_task(
            floor.db.run(lambda other: redial(other, campaign_id, actor="test"))
        )
        await floor.blocked()
    await redialed
    await hold(floor, campaign_id)
    assert (await floor.lead(ASHA)).state == "waiting"


async def test_two_processes_count_on_once(floor: Floor) -> None:
    campaign_id = await floor.launch(PHONES, retry={"max_attempts": 1, "delays": {}})
    for intent in await floor.claim():
        await floor.place(intent.attempt_id)
        await floor.hear(intent.attempt_id, "hangup", HangupCauseCode="3000")
    await floor.later(60)
    await asyncio.gather(*(advance(floor) for _ in range(4)))
    await hold(floor, campaign_id)
    await advance(floor)
    await hold(floor, campaign_id)
