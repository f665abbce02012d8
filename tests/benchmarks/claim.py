"""Claim + check + chain + intent a second, against a bare SKIP LOCKED loop of the same batches."""

from __future__ import annotations

import time
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import text

from dialer.dialing import lifecycle
from dialer.dialing.claim import dial_pass
from dialer.dialing.law import Law
from dialer.domain.campaign import CampaignState
from dialer.domain.definition_parse import parse_toml
from dialer.keys import Keys
from dialer.leads.load import import_leads
from dialer.shipped import shipped_folder
from dialer.store.callers import upsert_callers, upsert_sender
from dialer.store.carrier import save_carrier
from dialer.store.engine import Database, Tx
from tests.benchmarks.figure import Figure, fresh_database

LEADS = 4000
BATCH = 20
NOON = "2026-11-23T06:30:00+00:00"


async def run(dsn: str) -> list[Figure]:
    async with fresh_database(dsn) as db:
        law = Law(Keys.derive("bench"), "bench", "bench")
        await db.run(_noon)
        await db.run(lambda tx: _campaign(tx, law, shipped_folder("campaigns")))
        ours = await _claims(db, law)
        reference = await _bare(db)
    what = f"claim + check + chain + intent, batches of {BATCH}"
    return [Figure(what, ours, reference, "/s", "a bare SKIP LOCKED loop")]


async def _noon(tx: Tx) -> None:
    """Set the product clock, for the transactions that follow."""
    await tx.execute(
        text("UPDATE accounts SET clock_offset_us = extract(epoch FROM :at - now()) * 1000000"),
        {"at": datetime.fromisoformat(NOON)},
    )


async def _campaign(tx: Tx, law: Law, folder: Path) -> None:
    await upsert_sender(
        tx, peid=None, tmid=None, reference="A", declared_on=date(2026, 1, 1), objective="bench"
    )
    await upsert_callers(tx, [("+911601200001", "1601")])
    rows = "".join(f"+9198{n:08d},Asha,inferred,2026-01-05,c,d,t\n" for n in range(LEADS))
    csv = f"phone,name,consent_kind,consent_at,clinic,date,time\n{rows}"
    leads = await import_leads(tx, name="bench", data=csv.encode())
    definition = parse_toml((folder / "appointment_reminder.toml").read_text(), source="bench")
    made = await lifecycle.create(
        tx, law, definition=definition, list_id=leads.list_id, name="bench"
    )
    await lifecycle.change_state(tx, made.id, CampaignState.RUNNING, actor="bench")


async def _claims(db: Database, law: Law) -> float:
    """Cap and CPS are such that each pass may claim exactly one batch."""
    claimed, started = 0, time.perf_counter()
    while claimed < LEADS:
        cap = claimed + BATCH
        await db.run(lambda tx, cap=cap: save_carrier(tx, cap=cap, cps=1e6, next_slot_at=None))
        claimed += len(await db.run(lambda tx: dial_pass(tx, law)))
    return claimed / (time.perf_counter() - started)


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
