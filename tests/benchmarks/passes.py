"""What a dial pass costs with many leads waiting, and who is delayed by those it may not call."""

from __future__ import annotations

import resource
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from uuid import UUID

from dialer.dialing.claim import dial_pass
from dialer.dialing.law import Law
from dialer.keys import Keys
from dialer.store.carrier import save_carrier
from dialer.store.engine import Database
from tests.benchmarks.figure import Figure, fresh_database
from tests.benchmarks.waiting import add_leads, end_calls, set_noon, start_campaign

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS, PASSES = 15, 10  # of each size in turn: machines change their speed within seconds
WARM_UP = 10  # plans and caches are made by then
BATCH = 20
CLOSED = 100_000
OPEN = 20


@dataclass(slots=True)
class Waiting:
    """A database with so many leads waiting, and what its passes took in ms."""

    size: int
    db: Database
    memory_mib: tuple[float, float] = (0.0, 0.0)  # the process's peak before its passes, and after
    took_ms: list[float] = field(default_factory=list)


async def run(dsn: str) -> list[Figure]:
    law = Law(Keys.derive("bench"), "bench", "bench")
    async with AsyncExitStack() as stack:
        sizes = []
        for size in SIZES:
            db = await stack.enter_async_context(fresh_database(dsn))
            await db.run(set_noon)
            campaign_id = await db.run(lambda tx: start_campaign(tx, law))
            await add_leads(db, campaign_id, size, first=0)
            sizes.append(Waiting(size, db))
        for one in sizes:
            before = _peak_mib()
            await _passes(one.db, law, WARM_UP)
            one.memory_mib = before, _peak_mib()
        for _ in range(ROUNDS):
            for one in sizes:
                one.took_ms += await _passes(one.db, law, PASSES)
        figures = [figure for one in sizes for figure in _figures(one, sizes[0])]
    async with fresh_database(dsn) as db:
        await db.run(set_noon)
        campaign_id = await db.run(lambda tx: start_campaign(tx, law))
        figures.append(await _delay(db, law, campaign_id))
    return figures


def _figures(one: Waiting, least: Waiting) -> list[Figure]:
    what = f"a pass of {BATCH}, {one.size:,} waiting"
    middle, small = statistics.median(one.took_ms), statistics.median(least.took_ms)
    worst = statistics.quantiles(one.took_ms, n=100)[98]
    before, after = one.memory_mib
    return [
        Figure(f"{what}, median", middle, small, "ms", f"{least.size:,} waiting"),
        Figure(f"{what}, p99", worst, 25.0, "ms", "the limit"),
        Figure(f"{what}, memory", after, before, "MiB", "before it"),
    ]


async def _passes(db: Database, law: Law, count: int) -> list[float]:
    """Return how many ms each pass took that claimed one batch. Calls end as fast as they come."""
    times = []
    for _ in range(count):
        await db.run(end_calls)
        await db.run(lambda tx: save_carrier(tx, cap=BATCH, cps=1e6, next_slot_at=None))
        started = time.perf_counter()
        found = await db.run(lambda tx: dial_pass(tx, law), reads_clock=False)
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
