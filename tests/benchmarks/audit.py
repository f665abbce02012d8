"""Verifying a million checks, against a bare read of their bytes and hashes."""

from __future__ import annotations

import os
import resource
import time

from sqlalchemy import text

from dialer.store.audit import verify_audit
from dialer.store.checks import append_checks
from dialer.store.engine import Database
from tests.benchmarks.figure import Figure, fresh_database
from tests.integration.check_rows import KEY, check_rows

CHECKS = int(os.environ.get("BENCH_CHECKS", "1000000"))
BATCH = 5000
PAGE = 1000


async def run(dsn: str) -> list[Figure]:
    async with fresh_database(dsn) as db:
        started = time.perf_counter()
        for _ in range(CHECKS // BATCH):
            rows = check_rows(BATCH)
            await db.run(lambda tx, rows=rows: append_checks(tx, KEY, rows))
        made_s = time.perf_counter() - started
        reference = await _read(db)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ours = await _verify(db)
        grew = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    what = f"audit verify, {CHECKS:,} checks (+{grew:.0f} MiB; made in {made_s:.0f} s)"
    return [Figure(what, CHECKS / ours, CHECKS / reference, "/s", "reading body and hash alone")]


async def _verify(db: Database) -> float:
    started = time.perf_counter()
    async with db.begin() as tx:
        audit = await verify_audit(tx, KEY)
    assert audit.is_whole and audit.checks == CHECKS
    return time.perf_counter() - started


async def _read(db: Database) -> float:
    started, rows = time.perf_counter(), 0
    async with db.engine.connect() as connection:
        found = await connection.stream(
            text("SELECT body, hash FROM checks"), execution_options={"yield_per": PAGE}
        )
        async for page in found.partitions(PAGE):
            rows += len(page)
    assert rows == CHECKS
    return time.perf_counter() - started
