"""A pass of several batches: the law is asked about one while the database is at the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from dialer.dialing import claim, scan
from dialer.dialing.claim import dial_pass
from dialer.dialing.decided import Decided
from dialer.dialing.law import Law
from dialer.keys import Keys
from dialer.store.audit import verify_audit
from dialer.store.carrier import save_carrier
from dialer.store.connect import create_engine
from dialer.store.engine import Database
from dialer.store.suppressions import add_suppression
from tests.benchmarks.waiting import add_leads, set_noon, start_campaign

LAW = Law(Keys.derive("test"), "test", "test")
LEADS = 150


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A database at noon in India, whose carrier takes whatever it is asked."""
    database = Database(create_engine(database_url))
    await database.run(set_noon)
    await database.run(lambda tx: save_carrier(tx, cps=1e6))
    yield database
    await database.dispose()


async def launch(db: Database, name: str, leads: int = LEADS) -> UUID:
    """Start a campaign with that many leads; all campaigns' leads are the same people."""
    campaign_id = await db.run(lambda tx: start_campaign(tx, LAW, name))
    await add_leads(db, campaign_id, leads - 1, first=0)
    return campaign_id


async def count(db: Database, sql: str) -> list[tuple[object, ...]]:
    async with db.begin() as tx:
        return sorted((tuple(row) for row in await tx.fetch(sql)), key=str)


async def test_a_pass_of_many_batches_fills_its_room_and_no_more(db: Database) -> None:
    await launch(db, "reminder")
    async with db.begin() as tx:
        for row in await tx.fetch("SELECT phone FROM leads ORDER BY id"):
            if int(row.phone[-2:]) % 3 == 0:
                await add_suppression(tx, phone=row.phone, source="test", reason="asked")
        await save_carrier(tx, cap=63)
    intents = await db.run(lambda tx: dial_pass(tx, LAW))
    assert len(intents) == len({one.phone for one in intents}) == 63
    slots = [one.place_at for one in intents]
    assert slots == sorted(set(slots))
    made = await count(db, "SELECT decision, count(*) FROM checks GROUP BY 1")
    denied = dict(made)["deny"]
    # All that lay between those who are called, and of the rest at most a batch.
    assert made == [("allow", 63), ("deny", denied)]
    assert 63 // 2 - 2 <= denied <= 63 // 2 + scan.BATCH
    assert await count(db, "SELECT count(DISTINCT enrolment_id) FROM checks") == [(63 + denied,)]
    held = "SELECT count(*) FROM lines l JOIN attempts a ON a.id = l.live_attempt_id"
    assert await count(db, f"{held} AND a.phone = l.phone AND a.state = 'intended'") == [(63,)]
    states = "SELECT state, count(*) FROM enrolments GROUP BY 1"
    assert dict(await count(db, states))["calling"] == 63
    async with db.begin() as tx:
        audit = await verify_audit(tx, LAW.keys.chain)
    assert audit.is_whole and audit.checks == 63 + denied
    assert await db.run(lambda tx: dial_pass(tx, LAW)) == []


async def test_one_phone_of_two_campaigns_rings_once(db: Database) -> None:
    await launch(db, "reminder", 70)
    await launch(db, "second notice", 70)
    await db.run(lambda tx: save_carrier(tx, cap=140))
    intents = await db.run(lambda tx: dial_pass(tx, LAW))
    phones = Counter(one.phone for one in intents)
    assert len(phones) == 70 and set(phones.values()) == {1}
    assert await db.run(lambda tx: dial_pass(tx, LAW)) == []


@pytest.mark.parametrize("part", ["asking the law", "writing its answers"])
async def test_a_pass_that_fails_in_the_middle_leaves_nothing(
    db: Database, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """While the database is at a statement of it."""
    await launch(db, "reminder")
    await db.run(lambda tx: save_carrier(tx, cap=100))
    turns = iter(range(LEADS))

    def failing(work):  # type: ignore[no-untyped-def]
        def until_the_thirtieth(*arguments: object) -> Decided:
            if next(turns) == 30:
                raise ZeroDivisionError
            return work(*arguments)

        return until_the_thirtieth

    with monkeypatch.context() as broken:
        if part == "asking the law":
            broken.setattr(scan, "decide_lead", failing(scan.decide_lead))
        else:
            broken.setattr(claim, "decision_row", failing(claim.decision_row))
        with pytest.raises(ZeroDivisionError):
            await db.run(lambda tx: dial_pass(tx, LAW))
    for table in ("checks", "attempts"):
        assert await count(db, f"SELECT count(*) FROM {table}") == [(0,)]
    assert len(await db.run(lambda tx: dial_pass(tx, LAW))) == 100
    async with db.begin() as tx:
        assert (await verify_audit(tx, LAW.keys.chain)).is_whole
