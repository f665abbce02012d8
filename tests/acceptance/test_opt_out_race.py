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

import httpx
import pytest
from sqlalchemy import func, select, text

from dialer.dialing.claim import dial_pass
from dialer.dialing.place import Placing, place
from dialer.store.carrier import save_carrier
from dialer.store.tables import attempts, suppressions
from dialer.web.server import build_web
from tests.acceptance.conftest import API_KEY, Service, definition
from tests.integration.dialing_floor import HandCarrier

ROUNDS = int(os.environ.get("OPT_OUT_ROUNDS", "200"))
AT_ONCE = 20
SPREAD_S = 0.15  # of the opt-outs over claim and placing

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
    left = list(phones)
    path = f"/campaigns/{campaign['id']}/state"
    # The twin knows which numbers we own; the quick carrier does not.
    assert (await service.client.put(path, json={"state": "running"})).status_code == 200
    dialing = asyncio.create_task(dial_on(quick, dice))
    while left:
        some, left = left[:AT_ONCE], left[AT_ONCE:]
        await asyncio.gather(*(opt_out(quick, phone, dice) for phone in some))
    dialing.cancel()
    with pytest.raises(asyncio.CancelledError):  # and nothing else went wrong in it
        await dialing
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


async def opt_out(service: Service, phone: str, dice: random.Random) -> None:
    await asyncio.sleep(dice.uniform(0, SPREAD_S))
    reply = await service.client.post("/suppressions", json={"phone": phone})
    assert reply.status_code == 201, reply.text


async def dial_on(service: Service, dice: random.Random) -> None:
    """Claim a few leads again and again, and place each at a random moment."""
    placing = Placing(service.db, service.context.carrier, service.context.urls, "race")
    tasks: set[asyncio.Task[None]] = set()
    try:
        while True:
            async with service.db.begin() as tx:
                await save_carrier(tx, cap=await live(tx) + AT_ONCE // 2)
            for intent in await service.db.run(lambda tx: dial_pass(tx, service.context.law)):
                tasks.add(asyncio.create_task(place_soon(placing, intent.attempt_id, dice)))
            await asyncio.sleep(0.02)
    finally:
        await asyncio.gather(*tasks)


async def live(tx: object) -> int:
    a = attempts.c
    query = select(func.count()).where(a.state.not_in(["refused", "ended", "never_placed"]))
    return int(await tx.scalar(query))  # type: ignore[attr-defined]


async def place_soon(placing: Placing, attempt_id: object, dice: random.Random) -> None:
    await asyncio.sleep(dice.uniform(0, SPREAD_S))
    await place(placing, attempt_id)  # type: ignore[arg-type]
