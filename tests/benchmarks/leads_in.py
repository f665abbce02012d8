"""Rows imported a second, against a raw COPY of the same bytes into one text table."""

from __future__ import annotations

import io
import time

from dialer.leads.load import import_leads
from dialer.store.engine import Database
from tests.benchmarks.figure import Figure, fresh_database

ROWS = 200_000
HEADER = "phone,name,external_id,city,plan\n"


async def run(dsn: str) -> list[Figure]:
    data = (
        HEADER + "".join(f"+9198{n:08d},Asha {n},A{n},Pune,gold\n" for n in range(ROWS))
    ).encode()
    async with fresh_database(dsn) as db:
        ours = await _ours(db, data)
        reference = await _raw_copy(db, data)
    return [Figure(f"import of {ROWS:,} leads", ours, reference, "rows/s", "raw COPY")]


async def _ours(db: Database, data: bytes) -> float:
    started = time.perf_counter()
    result = await db.run(lambda tx: import_leads(tx, name="bench", data=data))
    assert result.loaded == ROWS
    return ROWS / (time.perf_counter() - started)


async def _raw_copy(db: Database, data: bytes) -> float:
    async with db.engine.begin() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        await driver.execute(
            "CREATE TABLE raw (phone text, name text, id text, city text, plan text)"
        )
        started = time.perf_counter()
        await driver.copy_to_table("raw", source=io.BytesIO(data), format="csv", header=True)
    return ROWS / (time.perf_counter() - started)
