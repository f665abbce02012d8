"""The invariants of design §9 that this version can break, each by its number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text, update

from dialer.dialing import lifecycle
from dialer.dialing.claim import dial_pass
from dialer.dialing.optout import suppress
from dialer.dialing.place import place
from dialer.dialing.recovery import recover
from dialer.domain.campaign import CampaignState
from dialer.store.carrier import save_carrier
from dialer.store.checks import list_checks, verify_checks
from dialer.store.tables import attempts
from tests.acceptance.line import Line, phone, running_line


@pytest.fixture
async def still(database_url: str, tmp_path: Path) -> AsyncIterator[Line]:
    """The product with its ticks off: tests take each step themselves."""
    async with running_line(database_url, tmp_path, dials=False) as line:
        yield line


@pytest.fixture
async def line(database_url: str, tmp_path: Path) -> AsyncIterator[Line]:
    async with running_line(database_url, tmp_path) as running:
        yield running


async def claim(line: Line) -> list[UUID]:
    intents = await line.runtime.db.run(lambda tx: dial_pass(tx, line.runtime.law))
    return [intent.attempt_id for intent in intents]


async def place_one(line: Line, attempt_id: UUID) -> None:
    await place(line.runtime.context.loop.placing, attempt_id)


async def test_invariant_1_a_phone_has_one_live_attempt_and_rings_once(still: Line) -> None:
    await still.launch({phone(1): "confirms"}, name="one")
    await still.launch({phone(1): "confirms"}, name="two")
    (mine,) = await claim(still)
    assert await claim(still) == [], "the line is busy"
    # The same intent placed by many at once still asks the carrier once.
    await asyncio.gather(*(place_one(still, mine) for _ in range(8)))
    assert still.rings(phone(1)) == 1
    assert len(await still.attempts()) == 1


async def test_invariant_2_a_denied_lead_is_checked_and_never_dialed(still: Line) -> None:
    campaign = await still.launch({phone(1): "confirms"}, campaign=_campaign(category="survey"))
    assert await claim(still) == []
    async with still.runtime.db.begin() as tx:
        (check,) = await list_checks(tx, campaign_id=campaign)
    assert (check.decision, check.code) == ("deny", "NO_WINDOW_RULE")
    assert (await still.lead(phone(1))).state == "blocked"


async def test_invariant_2_unknown_facts_deny_until_they_are_known(still: Line) -> None:
    """A promotional call without a scrub waits; the scrub makes it due."""
    await still.launch({phone(1): "confirms"}, campaign=_campaign("promotional", sector=5))
    assert await claim(still) == []
    lead = await still.lead(phone(1))
    assert (lead.state, lead.due_at, lead.blocked_code) == ("waiting", None, "DNC_SCRUB_STALE")
    reply = await still.client.post(
        "/api/v1/scrubs",
        files={"file": ("s.csv", f"phone,verdict\n{phone(1)},clear\n".encode())},
        data={"ref": "S-1", "provider": "operator", "at": await _product_now(still)},
    )
    assert reply.status_code == 201, reply.text
    assert (await still.lead(phone(1))).due_at is not None
    # Still a number of the wrong series for promotion: it waits for a sender that fits.
    assert await claim(still) == []
    assert (await still.lead(phone(1))).blocked_code == "CLI_SERIES_MISMATCH"


async def test_invariant_3_calls_never_exceed_cap_or_cps(line: Line) -> None:
    await line.runtime.db.run(lambda tx: save_carrier(tx, cap=4, cps=8.0))
    campaign = await line.launch({phone(number): "confirms" for number in range(24)})
    await line.finished(campaign)
    high = line.twin.ledger.report()["high_water"]
    assert high["concurrency"] <= 4
    assert high["requested_cps"] <= 8
    assert (await line.compare()).disagreements == 0


async def test_invariant_5_an_intent_whose_process_died_gives_its_lead_back(still: Line) -> None:
    await still.launch({phone(1): "confirms"})
    (lost,) = await claim(still)
    runtime = still.runtime
    await _age(still, lost, timedelta(seconds=10))
    await recover(runtime.db, runtime.context.carrier, runtime.settings.recovery)
    (attempt,) = await still.attempts(with_stale=True)
    assert (attempt.state, attempt.refusal) == ("refused", "stale")
    assert (await still.lead(phone(1))).attempts == 0
    (again,) = await claim(still)
    await place_one(still, again)
    assert still.rings(phone(1)) == 1


async def test_invariant_5_a_process_that_died_between_commit_and_reply_is_resolved(
    still: Line,
) -> None:
    """placing without a reply: it rang, or it did not; the carrier's lists know."""
    await still.launch({phone(1): "rings_out", phone(2): "confirms"})
    rang, silent = sorted(await claim(still), key=str)
    carrier, db = still.runtime.context.carrier, still.runtime.db
    await place_one(still, rang)
    a = attempts.c
    for attempt_id in (rang, silent):
        await db.run(
            lambda tx, one=attempt_id: tx.execute(
                update(attempts)
                .where(a.id == one)
                .values(
                    state="placing",
                    request_uuid=None,
                    call_uuid=None,
                    placing_at=tx.now,
                    changed_at=tx.now - timedelta(seconds=10),
                )
            )
        )
    for _ in range(40):
        await recover(db, carrier, still.runtime.settings.recovery)
        states = {row.id: row.state for row in await still.attempts()}
        if states[silent] == "never_placed" and states[rang] == "ended":
            break
        await asyncio.sleep(0.25)
    assert states == {rang: "ended", silent: "never_placed"}


async def test_invariant_6_no_suppressed_number_enters_placing(still: Line) -> None:
    await still.launch({phone(number): "confirms" for number in range(3)})
    claimed = await claim(still)
    async with still.runtime.db.begin() as tx:
        await suppress(tx, phone=phone(0), source="api", reason="opt_out")
    for attempt_id in claimed:
        await place_one(still, attempt_id)
    found = {row.phone: (row.state, row.refusal) for row in await still.attempts()}
    assert found[phone(0)] == ("refused", "suppressed")
    assert still.rings(phone(0)) == 0 and still.rings(phone(1)) == 1
    assert (await still.lead(phone(0))).blocked_code == "INTERNAL_OPT_OUT"


async def test_invariant_6_holds_in_a_race(still: Line) -> None:
    """Opt-out and placing at the same moment: either it was placing before, or it never rings."""
    await still.launch({phone(number): "confirms" for number in range(20)})
    claimed = await claim(still)
    rows = {row.id: row for row in await still.attempts()}

    async def opt_out(attempt_id: UUID) -> datetime:
        async with still.runtime.db.begin() as tx:
            await suppress(tx, phone=rows[attempt_id].phone, source="api", reason="opt_out")
            return tx.now

    races = [(place_one(still, one), opt_out(one)) for one in claimed]
    results = await asyncio.gather(*(job for pair in races for job in pair))
    suppressed_at = dict(zip(claimed, results[1::2], strict=True))
    for row in await still.attempts():
        if row.placing_at is not None:
            assert still.rings(row.phone) == 1
            assert row.placing_at <= suppressed_at[row.id] + timedelta(seconds=1)
        else:
            assert (row.state, row.refusal) == ("refused", "suppressed")
            assert still.rings(row.phone) == 0


async def test_invariant_9_the_chain_verifies_and_any_altered_row_is_found(line: Line) -> None:
    campaign = await line.launch({phone(number): "confirms" for number in range(6)})
    await line.finished(campaign)
    db, key = line.runtime.db, line.runtime.law.keys.chain
    async with db.begin() as tx:
        count, found = await verify_checks(tx, key)
    assert count >= 6 and found == []
    async with db.begin() as tx:
        await tx.execute(text("alter table checks disable trigger append_only"))
        await tx.execute(text("update checks set body = set_byte(body, 40, 7) where seq = 4"))
        _, faults = await verify_checks(tx, key)
    assert [fault.seq for fault in faults] == [4]
    async with db.begin() as tx:
        await tx.execute(text("delete from checks where seq = 6"))
        _, faults = await verify_checks(tx, key)
    assert {fault.seq for fault in faults} >= {4, 6}


async def test_a_pause_refuses_what_is_intended_and_a_resume_goes_on(still: Line) -> None:
    campaign = await still.launch({phone(1): "confirms"})
    (intent,) = await claim(still)
    db = still.runtime.db
    await db.run(
        lambda tx: lifecycle.change_state(tx, campaign, CampaignState.PAUSED, actor="test")
    )
    await place_one(still, intent)
    (attempt,) = await still.attempts()
    assert (attempt.state, attempt.refusal) == ("refused", "campaign_stopped")
    assert await claim(still) == []
    await db.run(
        lambda tx: lifecycle.change_state(tx, campaign, CampaignState.RUNNING, actor="test")
    )
    (again,) = await claim(still)
    await place_one(still, again)
    assert still.rings(phone(1)) == 1


async def test_an_intent_whose_window_closed_is_not_placed(still: Line) -> None:
    await still.launch({phone(1): "confirms"})
    (intent,) = await claim(still)
    db = still.runtime.db
    await db.run(
        lambda tx: tx.execute(update(attempts).values(window_ends_at=tx.now - timedelta(seconds=1)))
    )
    await place_one(still, intent)
    (attempt,) = await still.attempts()
    assert (attempt.state, attempt.refusal) == ("refused", "window_closed")
    assert still.rings(phone(1)) == 0


async def test_a_lead_that_opens_after_the_end_is_exhausted_and_the_campaign_finishes(
    still: Line,
) -> None:
    """Its own hours are over for today and the campaign ends before tomorrow's."""
    ends_at = (datetime.fromisoformat(await _product_now(still)) + timedelta(hours=1)).isoformat()
    hours = {"caller_ids": ["+911601200001"], "hours": ["09:00-10:30"], "ends_at": ends_at}
    campaign = await still.launch({phone(1): "confirms"}, dialing=hours)
    db = still.runtime.db
    assert await claim(still) == [], "its window is closed in every zone: nobody is claimed"
    await db.run(
        lambda tx: tx.execute(text("update campaigns set ends_at = now() - interval '1 year'"))
    )
    await lifecycle.tick(db)
    assert (await still.lead(phone(1))).state == "exhausted"
    async with db.begin() as tx:
        state = (await lifecycle.campaigns.get(tx, campaign)).state
    assert state is CampaignState.FINISHED


def _campaign(category: str = "service", **more: Any) -> dict[str, Any]:
    return {
        "name": "line",
        "kind": "notification",
        "category": category,
        "entity": "other",
        "rule_packs": ["in"],
        **more,
    }


async def _product_now(line: Line) -> str:
    async with line.runtime.db.begin() as tx:
        return tx.now.isoformat()


async def _age(line: Line, attempt_id: UUID, by: timedelta) -> None:
    """Let an intent be as old as if its process had died ``by`` ago."""
    a = attempts.c
    await line.runtime.db.run(
        lambda tx: tx.execute(
            update(attempts)
            .where(a.id == attempt_id)
            .values(place_at=a.place_at - by, valid_until=a.valid_until - by)
        )
    )
