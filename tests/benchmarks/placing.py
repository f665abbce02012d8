"""Processor time of a call, from its claim to the stored request id, with a carrier elsewhere."""

from __future__ import annotations

import asyncio
import time

from dialer.dialing.claim import dial_pass
from dialer.dialing.law import Law
from dialer.dialing.place import CallbackUrls, Placing, place
from dialer.keys import Keys
from dialer.providers.plivo import PlivoCarrier
from dialer.store.carrier import save_carrier
from tests.benchmarks.figure import Figure, fresh_database
from tests.benchmarks.make_call import AUTH, accepting_carrier
from tests.benchmarks.waiting import add_leads, set_noon, start_campaign

CALLS = 2000
BATCH = 20
LIMIT_MS = 1.0


async def run(dsn: str) -> list[Figure]:
    keys = Keys.derive("bench")
    law = Law(keys, "bench", "bench")
    with accepting_carrier() as url:
        async with fresh_database(dsn) as db, PlivoCarrier(*AUTH, url) as carrier:
            await db.run(set_noon)
            campaign_id = await db.run(lambda tx: start_campaign(tx, law))
            await add_leads(db, campaign_id, CALLS + 2 * BATCH, first=0)
            placing = Placing(db, carrier, CallbackUrls("http://127.0.0.1:9", keys), "bench")
            called, spent_s = 0, 0.0
            while called < CALLS:
                cap = called + BATCH
                await db.run(
                    lambda tx, cap=cap: save_carrier(tx, cap=cap, cps=1e6, next_slot_at=None)
                )
                started = time.process_time()
                intents = await db.run(lambda tx: dial_pass(tx, law), reads_clock=False)
                await asyncio.gather(*(place(placing, one.attempt_id) for one in intents))
                spent_s += time.process_time() - started
                called += len(intents)
            placed = await db.run(
                lambda tx: tx.fetch("SELECT count(*) FROM attempts WHERE request_uuid IS NOT NULL")
            )
            assert placed[0][0] == called, placed
    what = f"processor ms a call, claim to request id, {CALLS:,} calls"
    return [Figure(what, spent_s / called * 1000, LIMIT_MS, "ms", "the limit")]
