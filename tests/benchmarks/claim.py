"""Claim + check + chain + intent a second, against a bare SKIP LOCKED loop and a job queue."""

from __future__ import annotations

import time
from statistics import median

from sqlalchemy import text

from dialer.dialing.claim import dial_pass
from dialer.dialing.law import Law
from dialer.dialing.scan import BATCH
from dialer.keys import Keys
from dialer.store.carrier import save_carrier
from dialer.store.engine import Database
from tests.benchmarks import jobs
from tests.benchmarks.figure import Figure, fresh_database, fresh_url
from tests.benchmarks.waiting import add_leads, analyze, end_calls, set_noon, start_campaign

LEADS = 4000
WARM_UP = 400
TURNS = 3  # of each, one after the other: machines change their speed within seconds


async def run(dsn: str) -> list[Figure]:
    one: list[float] = []
    ten: list[float] = []
    queued: list[float] = []
    bare: list[float] = []
    for _ in range(TURNS):
        async with fresh_url(dsn) as url:
            queued.append(await jobs.per_second(url, BATCH))
        async with fresh_database(dsn) as db:
            law = Law(Keys.derive("bench"), "bench", "bench")
            await db.run(set_noon)
            campaign_id = await db.run(lambda tx: start_campaign(tx, law))  # noqa: B023
            await add_leads(db, campaign_id, 2 * (LEADS + WARM_UP), first=0)
            await claims(db, law, WARM_UP, BATCH)
            await claims(db, law, WARM_UP, 10 * BATCH)
            await analyze(db)
            one.append(await claims(db, law, LEADS, BATCH))
            ten.append(await claims(db, law, LEADS, 10 * BATCH))
            bare.append(await _bare(db))
    what = f"claim + check + chain + intent, batches of {BATCH}"
    against = "procrastinate, no-op jobs"
    return [
        Figure(f"{what}, ten a pass", median(ten), median(queued), "/s", against),
        Figure(f"{what}, one a pass", median(one), median(queued), "/s", against),
        Figure(f"{what}, ten a pass", median(ten), median(bare), "/s", "a bare SKIP LOCKED loop"),
    ]


async def claims(db: Database, law: Law, count: int, at_once: int) -> float:
    """Claim ``count`` leads; cap and CPS are such that each pass may claim exactly ``at_once``,
    and calls end as fast as they come."""
    claimed, spent_s = 0, 0.0
    while claimed < count:
        await db.run(end_calls)
        await db.run(lambda tx: save_carrier(tx, cap=at_once, cps=1e6, next_slot_at=None))
        started = time.perf_counter()
        found = len(await db.run(lambda tx: dial_pass(tx, law), reads_clock=False))
        spent_s += time.perf_counter() - started
        assert found, "a pass of the benchmark found nobody to call"
        claimed += found
    return claimed / spent_s


async def _bare(db: Database) -> float:
    async with db.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE queue AS SELECT id FROM enrolments"))
        await connection.execute(text("ALTER TABLE queue ADD PRIMARY KEY (id)"))
        await connection.execute(text("ALTER TABLE queue ADD taken boolean DEFAULT false"))
    take = text(
        "UPDATE queue SET taken = true WHERE id IN (SELECT id FROM queue WHERE NOT taken "
        f"LIMIT {BATCH} FOR UPDATE SKIP LOCKED) RETURNING id"
    )
    claimed, started = 0, time.perf_counter()
    while claimed < LEADS:
        async with db.engine.begin() as connection:
            claimed += len((await connection.execute(take)).all())
    return claimed / (time.perf_counter() - started)
