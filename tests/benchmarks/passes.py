"""What a dial pass costs with many leads waiting, and who is delayed by those it may not call."""

from __future__ import annotations

import resource
import statistics
import time
from uuid import UUID

from dialer.dialing.claim import dial_pass
from dialer.dialing.law import Law
from dialer.keys import Keys
from dialer.store.carrier import save_carrier
from dialer.store.engine import Database
from tests.benchmarks.figure import Figure, fresh_database
from tests.benchmarks.waiting import add_leads, end_calls, set_noon, start_campaign

SIZES = (10_000, 100_000, 1_000_000)
PASSES = 150
BATCH = 20
CLOSED = 100_000
OPEN = 20


async def run(dsn: str) -> list[Figure]:
    figures: list[Figure] = []
    law = Law(Keys.derive("bench"), "bench", "bench")
    async with fresh_database(dsn) as db:
        await db.run(set_noon)
        campaign_id = await db.run(lambda tx: start_campaign(tx, law))
        waiting, small_ms = 0, 0.0
        for size in SIZES:
            await add_leads(db, campaign_id, size - waiting, first=waiting)
            waiting = size
            before = _peak_mib()
            times = await _passes(db, law)
            middle, worst = statistics.median(times), statistics.quantiles(times, n=100)[98]
            small_ms = small_ms or middle
            what = f"a pass of {BATCH}, {size:,} waiting"
            figures.append(Figure(f"{what}, median", middle, small_ms, "ms", "10,000 waiting"))
            figures.append(Figure(f"{what}, p99", worst, 25.0, "ms", "the limit"))
            figures.append(Figure(f"{what}, memory", _peak_mib(), before, "MiB", "before it"))
    async with fresh_database(dsn) as db:
        await db.run(set_noon)
        campaign_id = await db.run(lambda tx: start_campaign(tx, law))
        figures.append(await _delay(db, law, campaign_id))
    return figures


async def _passes(db: Database, law: Law) -> list[float]:
    """Return how many ms each pass took that claimed one batch. Calls end as fast as they come."""
    times = []
    for number in range(PASSES + 10):
        await db.run(end_calls)
        await db.run(lambda tx: save_carrier(tx, cap=BATCH, cps=1e6, next_slot_at=None))
        started = time.perf_counter()
        found = await db.run(lambda tx: dial_pass(tx, law), reads_clock=False)
        if number >= 10:  # plans and caches are made by then
            times.append((time.perf_counter() - started) * 1000)
        assert len(found) == BATCH
    return times


async def _delay(db: Database, law: Law, campaign_id: UUID) -> Figure:
    """Passes until the open leads of a campaign are called that is full of closed ones."""
    await add_leads(db, campaign_id, CLOSED, first=0, zone="America/Los_Angeles")
    await add_leads(db, campaign_id, OPEN - 1, first=CLOSED)
    await db.run(lambda tx: save_carrier(tx, cap=OPEN, cps=1e6, next_slot_at=None))
    called, passes = 0, 0
    while called < OPEN:
        called += len(await db.run(lambda tx: dial_pass(tx, law), reads_clock=False))
        passes += 1
    what = f"passes until {OPEN} are called beside {CLOSED:,} closed"
    return Figure(what, passes, 1, "", "one")


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
