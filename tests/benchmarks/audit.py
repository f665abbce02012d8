"""Verifying a million checks, against a bare read of their bytes and hashes."""

from __future__ import annotations

import os
import resource
import time

from sqlalchemy import text, update

from dialer.compliance.chain import GENESIS, chain_hash
from dialer.domain.ids import uuid7s
from dialer.store.audit import verify_audit
from dialer.store.engine import Database, Tx
from dialer.store.tables import accounts
from tests.benchmarks.figure import Figure, fresh_database
from tests.integration.check_rows import KEY, check_rows

CHECKS = int(os.environ.get("BENCH_CHECKS", "1000000"))
BATCH = 5000
PAGE = 1000


async def run(dsn: str) -> list[Figure]:
    async with fresh_database(dsn) as db:
        await db.run(_make)
        reference = await _read(db)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ours = await _verify(db)
        grew = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    what = f"audit verify, {CHECKS:,} checks in {ours:.0f} s (+{grew:.0f} MiB)"
    return [Figure(what, CHECKS / ours, CHECKS / reference, "/s", "reading body and hash alone")]


async def _make(tx: Tx) -> None:
    """A chain of one check's bytes, each with its own id: only the making takes a short cut."""
    (model,) = check_rows(1)
    before, behind = model["body"].split(str(model.pop("check_id")).encode())
    previous, seq = GENESIS, 0
    while seq < CHECKS:
        rows = []
        for check_id in uuid7s(BATCH):
            seq += 1
            body = before + str(check_id).encode() + behind
            previous = chain_hash(KEY, previous, seq, body)
            new = {"id": check_id, "account_id": tx.account_id, "seq": seq}
            rows.append(tuple((model | new | {"body": body, "hash": previous}).values()))
        columns = [*model, "id", "account_id", "seq", "hash"]
        await tx.driver.copy_records_to_table("checks", records=rows, columns=columns)
    ends = {"chain_head": previous, "chain_seq": seq, "chain_count": seq}
    await tx.execute(update(accounts).values(**ends))


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
