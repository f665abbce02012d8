"""What a campaign's status and /metrics cost with a million leads, four in ten still waiting."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import text

from dialer.dialing.law import Law
from dialer.keys import Keys
from dialer.reports.stats import stats
from dialer.store import campaigns, tallies
from dialer.store.engine import Database, Tx
from dialer.web.health import measure
from tests.benchmarks.figure import Figure, fresh_database
from tests.benchmarks.waiting import add_leads, set_noon, start_campaign

SIZES = (10_000, 100_000, 1_000_000)  # in steps, each analysed: a plan for none would take hours
TURNS = 30
LIMIT_MS = 50.0

_SETTLE = """
UPDATE enrolments SET state = 'done', disposition = 'confirmed', due_at = NULL
WHERE right(phone, 1) < '6'
"""
_CHECK = """
INSERT INTO checks (account_id, id, seq, campaign_id, enrolment_id, lead_id, subject_id,
  decided_at, decision, code, codes, category, mode, body, hash)
SELECT account_id, gen_random_uuid(), row_number() OVER (), campaign_id, id, lead_id, lead_id,
  changed_at, 'allow', 'OK', '{}', 'service', 'auto_pre', '', ''
FROM enrolments WHERE state = 'done'
"""
_CALL = """
INSERT INTO attempts (account_id, id, campaign_id, version, enrolment_id, lead_id, check_id, phone,
  caller_id, state, outcome, created_at, changed_at, place_at, valid_until, placing_at, ended_at)
SELECT c.account_id, gen_random_uuid(), c.campaign_id, 1, c.enrolment_id, c.lead_id, c.id, '+91' ||
  c.seq, '+911601200001', 'ended', 'completed', at, at, at, at, at, at
FROM checks c, LATERAL (SELECT c.decided_at - interval '1 hour' AS at) hour_ago
"""


async def run(dsn: str) -> list[Figure]:
    law = Law(Keys.derive("bench"), "bench", "bench")
    async with fresh_database(dsn) as db:
        await db.run(set_noon)
        campaign_id = await db.run(lambda tx: start_campaign(tx, law))
        waiting = 0
        for size in SIZES:
            await add_leads(db, campaign_id, size - waiting, first=waiting)
            waiting = size
        async with db.begin() as tx:
            for made in (_SETTLE, _CHECK, _CALL):
                await tx.execute(text(made))
            # As old as a campaign's is: all but the last half minute.
            await tx.execute(text("UPDATE accounts SET clock_offset_us = clock_offset_us + 1e8"))
        await db.run(tallies.advance)
        async with db.begin() as tx:
            await tx.execute(text("ANALYZE enrolments, checks, attempts, tallies"))
            campaign = await campaigns.get(tx, campaign_id)
        packs = law.packs_of(campaign.definition)
        status_ms = await _times(db, lambda tx: stats(tx, campaign, packs))
        metrics_ms = await _times(db, lambda tx: measure(tx, CollectorRegistry()))
    return [
        Figure("status, 1,000,000 leads, median", status_ms, LIMIT_MS, "ms", "the limit"),
        Figure("metrics, 1,000,000 leads, median", metrics_ms, LIMIT_MS, "ms", "the limit"),
    ]


async def _times(db: Database, look: Callable[[Tx], Awaitable[Any]]) -> float:
    times = []
    for _ in range(TURNS):
        async with db.begin() as tx:
            started = time.perf_counter()
            await look(tx)
            times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)
