"""A pass reads by keys alone, and leads behind a closed window delay nobody."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from itertools import pairwise
from uuid import UUID

import pytest

from dialer.dialing.claim import dial_pass
from dialer.dialing.law import Law
from dialer.dialing.lineup import ASIDE_LIMIT
from dialer.keys import Keys
from dialer.store import queues
from dialer.store.carrier import lock_carrier, save_carrier
from dialer.store.connect import create_engine
from dialer.store.engine import Database, Tx
from tests.benchmarks.waiting import add_leads, set_noon, start_campaign

LAW = Law(Keys.derive("test"), "test", "test")
CLOSED, OPEN = 3000, 20


@pytest.fixture
async def full(database_url: str) -> AsyncIterator[tuple[Database, UUID]]:
    """A campaign with many due leads for whom it is night, and 20 for whom it is noon."""
    db = Database(create_engine(database_url))
    await db.run(set_noon)
    campaign_id = await db.run(lambda tx: start_campaign(tx, LAW))
    await add_leads(db, campaign_id, CLOSED, first=0, zone="America/Los_Angeles")
    await add_leads(db, campaign_id, OPEN - 1, first=CLOSED)
    yield db, campaign_id
    await db.dispose()


async def test_leads_behind_a_closed_window_delay_nobody(full: tuple[Database, UUID]) -> None:
    db, _ = full
    await db.run(lambda tx: save_carrier(tx, cap=OPEN + 5, cps=1e6))
    assert len(await db.run(lambda tx: dial_pass(tx, LAW))) == OPEN
    async with db.begin() as tx:
        denied = await tx.fetch("SELECT code FROM checks WHERE decision = 'deny'")
        pushed = await tx.fetch(
            "SELECT 1 FROM enrolments WHERE state = 'waiting' AND due_at > $1", tx.now
        )
    # A few of the others are told when they may be called, as there is nobody else.
    assert len(denied) == len(pushed) == ASIDE_LIMIT
    assert {row.code for row in denied} == {"OUTSIDE_HOURS"}


async def test_a_pass_scans_no_table(full: tuple[Database, UUID]) -> None:
    db, campaign_id = full
    async with db.begin() as tx:
        (row,) = await tx.fetch("SELECT count(*) AS found FROM enrolments")
        assert row.found == CLOSED + OPEN
        await lock_carrier(tx, to_claim=True)  # as every pass begins
        lined_up = await _plan(tx, queues._QUEUES, [campaign_id], tx.now, 200)
        claim = await _plan(tx, queues._CLAIM, [campaign_id], [""], [0], [20], tx.now, [])
    for plan in (lined_up, claim):
        assert re.findall(r"Seq Scan on (\w+)", plan) == [], plan
        assert "ix_enrolments_due" in plan


async def test_what_is_planned_while_tables_are_new_reads_its_batch_alone(
    database_url: str,
) -> None:
    db = Database(create_engine(database_url))
    await db.run(set_noon)
    campaign_id = await db.run(lambda tx: start_campaign(tx, LAW))
    await add_leads(db, campaign_id, 20 * OPEN - 1, first=0)  # lines and calls are still empty
    read: list[list[int]] = []
    for turn in range(1, 21):
        async with db.begin() as tx:
            await save_carrier(tx, cap=turn * OPEN, cps=1e6, next_slot_at=None)
            assert len(await dial_pass(tx, LAW)) == OPEN
            counts = await tx.fetch(
                "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables "
                "WHERE relname IN ('enrolments', 'lines') ORDER BY relname"
            )
            read.append([row[0] for row in counts])  # since the statistics were last sent
    each = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(read) if a[1] < b[1]]
    assert len(each) >= 10
    assert all(leads <= 8 * OPEN and lines <= 2 * OPEN for leads, lines in each), each
    await db.dispose()


async def _plan(tx: Tx, sql: str, *values: object) -> str:
    rows = await tx.fetch(f"EXPLAIN {sql}", tx.account_id, *values)
    return "\n".join(row[0] for row in rows)
