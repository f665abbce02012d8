"""A pass does not wait for the disk: what a crash of Postgres takes of it has rung no phone."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from sqlalchemy import func, select

from dialer.dialing.place import place
from dialer.domain.pacing import Slot, Slots
from dialer.store.audit import verify_audit
from dialer.store.connect import create_engine
from dialer.store.embedded import EmbeddedPostgres, acquire
from dialer.store.embedded_postmaster import read_pid_file
from dialer.store.engine import Database
from dialer.store.migrate import upgrade
from dialer.store.tables import checks
from tests.integration.dialing_floor import ASHA, Floor, open_floor


async def test_a_pass_that_postgres_forgets_rings_nobody_and_is_made_again(tmp_path: Path) -> None:
    server = acquire(tmp_path, durable=True)
    db = Database(create_engine(server.cluster.dsn))
    try:
        await upgrade(db.engine)
        await forgetful(tmp_path)
        floor = await open_floor(db)
        await floor.launch([ASHA])
        forgotten = await floor.claim_one()
        await crash(tmp_path, server)
        slots = Slots([Slot(time.monotonic() + 1)])
        await place(floor.placing, forgotten, slots, Slot(time.monotonic()))
        assert slots.booked == [], "others may have booked the same instants since"
        assert await floor.attempt(forgotten) is None and floor.carrier.placed == []
        assert (await floor.lead(ASHA)).state == "waiting"
        assert await proofs(floor) == 0

        kept = await floor.claim_one()
        (noted,) = await db.fetch("SELECT pg_current_wal_insert_lsn()::text AS at")
        assert not await is_on_disk(db, noted.at)
        await floor.place(kept)
        assert await is_on_disk(db, noted.at), "who is about to ring waits for both commits"
        assert [call.to for call in floor.carrier.placed] == [ASHA]
        assert await proofs(floor) == 1
    finally:
        await db.dispose()
        server.release()


async def forgetful(data_dir: Path) -> None:
    """Nobody writes down by chance what nobody waits for."""
    with (data_dir / "postgres" / "postgresql.auto.conf").open("a") as file:
        file.write("wal_writer_delay = '10s'\n")
    os.kill(server_pid(data_dir), signal.SIGHUP)
    await asyncio.sleep(0.3)  # it wakes up once more as before


async def crash(data_dir: Path, server: EmbeddedPostgres) -> None:
    os.kill(server_pid(data_dir), signal.SIGKILL)
    await asyncio.to_thread(server.ensure_running)


def server_pid(data_dir: Path) -> int:
    noted = read_pid_file(data_dir / "postgres")
    assert noted is not None
    return noted.pid


async def is_on_disk(db: Database, at: str) -> bool:
    (found,) = await db.fetch("SELECT pg_current_wal_flush_lsn() >= $1::text::pg_lsn AS is_so", at)
    return bool(found.is_so)


async def proofs(floor: Floor) -> int:
    async with floor.db.begin() as tx:
        assert (await verify_audit(tx, floor.law.keys.chain)).is_whole
        return int(await tx.scalar(select(func.count()).select_from(checks)))
