"""An opt-out over REST against a dial pass that has the same phone in hand (invariant 6).

OPT_OUT_ROUNDS says how often (default 200).
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, text

from dialer.dialing.claim import dial_pass
from dialer.dialing.place import Placing, place
from dialer.store.carrier import save_carrier
from dialer.store.engine import Tx
from dialer.store.tables import attempts, suppressions
from dialer.web.server import build_web
from tests.acceptance.conftest import API_KEY, Service, definition
from tests.integration.dialing_floor import HandCarrier

ROUNDS = int(os.environ.get("OPT_OUT_ROUNDS", "200"))
AT_ONCE = 6
CLAIM_S = 0.03  # within which an opt-out falls that meets a claim
PLACE_S = 0.2  # within which both fall that meet at the placing, each at its own moment

# Asked at the commit of each move to placing: is a suppression of that phone committed by then?
WATCH = (
    "CREATE TABLE too_late (phone text)",
    """
    CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO too_late SELECT s.phone FROM suppressions s WHERE s.phone = NEW.phone;
        RETURN NULL;
    END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER watch AFTER UPDATE ON attempts DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.state = 'intended' AND NEW.state = 'placing') EXECUTE FUNCTION watch()
    """,
)


@pytest.fixture
async def quick(service: Service) -> AsyncIterator[Service]:
    """The service with a carrier that takes no time, as fast as it likes, and the watch set."""
    carrier = HandCarrier()
    context = replace(service.context, carrier=carrier)
    app = build_web(context)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://dialer/api/v1",
        headers={"Authorization": f"Bearer {API_KEY}"},
    ) as client:
        yield replace(service, client=client, context=context, app=app)
        await context.background.drain(10)


async def test_invariant_6_nothing_enters_placing_after_an_opt_out(
    service: Service, quick: Service
) -> None:
    await quick.lawful_campaign()  # the sender, and noon in India
    async with quick.db.begin() as tx:
        for statement in WATCH:
            await tx.execute(text(statement))
        await save_carrier(tx, cap=100_000, cps=10_000.0)
    phones = [f"+9198{number:08d}" for number in range(ROUNDS)]
    rows = "".join(f"{phone},Asha,Clinic,inferred,2026-01-05\n" for phone in phones)
    made = await quick.upload(f"phone,name,clinic,consent_kind,consent_at\n{rows}", name="race")
    body = {"name": "race", "list_id": made["id"], "definition": definition()}
    campaign = (await quick.client.post("/campaigns", json=body)).json()
    dice = random.Random(6)
    left = set(phones)
    path = f"/campaigns/{campaign['id']}/state"
    # The twin knows which numbers we own; the quick carrier does not.
    assert (await service.client.put(path, json={"state": "running"})).status_code == 200
    while left:
        await race(quick, left, dice)
    async with quick.db.begin() as tx:
        too_late = await tx.scalar(text("select count(*) from too_late"))
        suppressed = await tx.scalar(select(func.count()).select_from(suppressions))
        a = attempts.c
        ends = Counter(
            {
                (row.state, row.refusal): row.count
                for row in await tx.all(
                    select(a.state, a.refusal, func.count().label("count")).group_by(
                        a.state, a.refusal
                    )
                )
            }
        )
    assert too_late == 0
    assert suppressed == ROUNDS
    won, lost = ends["placed", None], ends["refused", "suppressed"]
    assert won and lost, f"the race was run from both sides: {ends}"


async def race(service: Service, left: set[str], dice: random.Random) -> None:
    """One dial pass against one opt-out, then each placing against its own phone's opt-out."""
    async with service.db.begin() as tx:
        await save_carrier(tx, cap=await live(tx) + AT_ONCE)
    early = min(left)  # the claim that runs beside it takes the lowest first
    left.remove(early)
    intents, _ = await asyncio.gather(
        service.db.run(lambda tx: dial_pass(tx, service.context.law)),
        opt_out(service, early, dice.uniform(0, CLAIM_S)),
    )
    placing = Placing(service.db, service.context.carrier, service.context.urls, "race")
    meetings = [place_soon(placing, intent.attempt_id, dice) for intent in intents]
    phones = {intent.phone for intent in intents} & left
    left -= phones
    meetings += [opt_out(service, phone, dice.uniform(0, PLACE_S)) for phone in sorted(phones)]
    await asyncio.gather(*meetings)


async def opt_out(service: Service, phone: str, after_s: float) -> None:
    await asyncio.sleep(after_s)
    reply = await service.client.post("/suppressions", json={"phone": phone})
    assert reply.status_code == 201, reply.text


async def live(tx: Tx) -> int:
    a = attempts.c
    query = select(func.count()).where(a.state.not_in(["refused", "ended", "never_placed"]))
    return int(await tx.scalar(query))


async def place_soon(placing: Placing, attempt_id: UUID, dice: random.Random) -> None:
    await asyncio.sleep(dice.uniform(0, PLACE_S))
    await place(placing, attempt_id)
