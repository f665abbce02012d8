"""A campaign's preview says what the run then does, and writes nothing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from dialer.dialing import lifecycle
from dialer.dialing.optout import suppress_all
from dialer.dialing.preview import preview_campaign
from dialer.domain.definition_parse import parse_tables
from dialer.leads.load import import_leads
from dialer.reports.preview_view import preview_lines
from dialer.store import campaigns, scrubs
from dialer.store.callers import upsert_callers
from dialer.store.carrier import save_carrier
from dialer.store.engine import Tx
from dialer.store.tables import checks, enrolments, metadata
from tests.integration.dialing_floor import DEFINITION, Floor

PROMOTIONAL = "+911402000001"
ZONES = ("", "", "", "Europe/London", "Asia/Tokyo", "Asia/Kolkata")
CONSENTS = (
    *("inferred,2026-01-05T10:00:00+05:30", "inferred:ended,2026-01-05T10:00:00+05:30", ","),
    *("explicit_dca,2026-02-05T10:00:00+05:30", "inquiry,2027-05-25T13:00:00+05:30"),
    *("inquiry,2027-05-20T10:00:00+05:30", "inferred,2026-01-05T10:00:00+05:30"),
)
VERDICTS = (
    "clear",
    "clear",
    "blocked",
    "block:5,6",
    "band_off:12-14",
    "day_off:tue",
    "mode_off:robo",
)


def phones(count: int) -> list[str]:
    return [f"+9198765{number:05}" for number in range(count)]


def csv(numbers: Sequence[str], draw: random.Random) -> bytes:
    rows = [f"{number},Asha,{draw.choice(ZONES)},{draw.choice(CONSENTS)}" for number in numbers]
    return "\n".join(["phone,name,timezone,consent_kind,consent_at", *rows]).encode()


async def create(floor: Floor, category: str, numbers: Sequence[str]) -> UUID:
    """A draft with 500 people of whom each is another case."""
    draw = random.Random(category)
    head = DEFINITION["campaign"] | {"category": category, "name": category}
    caller = DEFINITION["dialing"]["caller_ids"]
    if category == "promotional":
        head, caller = head | {"sector": 5}, [PROMOTIONAL]
    tables = DEFINITION | {"campaign": head, "dialing": {"caller_ids": caller}}

    async def work(tx: Tx) -> UUID:
        await upsert_callers(tx, [(PROMOTIONAL, "140")])
        await save_carrier(tx, cap=100_000, cps=10_000.0)
        leads = await import_leads(tx, name=category, data=csv(numbers, draw))
        made = await lifecycle.create(
            tx,
            floor.law,
            definition=parse_tables(tables, source="test"),
            list_id=leads.list_id,
            name=category,
        )
        await suppress_all(tx, numbers[::37], source="test", reason="opt_out")
        scrubbed = [number for number in numbers if draw.random() < 0.9]
        await scrubs.add_scrub(
            tx,
            ref="S-1",
            provider="operator",
            at=tx.now - timedelta(minutes=5),
            list_id=leads.list_id,
            verdicts=[(number, draw.choice(VERDICTS)) for number in scrubbed],
            blocked=0,
            file_sha256=b"0" * 32,
        )
        return made.id

    return await floor.db.run(work)


async def look(floor: Floor, campaign_id: UUID) -> dict[str, Any]:
    async with floor.db.begin() as tx:
        return await preview_campaign(tx, floor.law, await campaigns.get(tx, campaign_id))


async def count_rows(floor: Floor) -> dict[str, int]:
    async with floor.db.begin() as tx:
        return {
            table.name: await tx.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }


@pytest.mark.parametrize("category", ["service", "promotional"])
async def test_the_preview_of_500_leads_is_what_the_run_then_does(
    floor: Floor, category: str
) -> None:
    campaign_id = await create(floor, category, phones(500))
    before = await count_rows(floor)
    found = await look(floor, campaign_id)
    assert await count_rows(floor) == before

    await floor.ask(campaign_id, "running")
    for _ in range(20):
        await floor.claim()
    async with floor.db.begin() as tx:
        c, e = checks.c, enrolments.c
        decided = await tx.all(select(c.decision, c.code, c.rule_id, c.next_allowed_at))
        places = await tx.all(select(e.state, e.due_at, e.blocked_code))
    assert len(decided) == 500
    allowed = sum(row.decision == "allow" for row in decided)
    assert allowed == found["now"] > 50
    said = Counter({(r["code"], r["rule_id"]): 0 for r in found["by_reason"]})
    for reason in found["by_reason"]:
        said[reason["code"], reason["rule_id"]] += reason["leads"]
    assert said == Counter((r.code, r.rule_id) for r in decided if r.decision == "deny")
    assert {one["at"]: one["leads"] for one in found["later_at"]} == Counter(
        r.due_at for r in places if r.state == "waiting" and r.due_at is not None
    )
    assert found["waiting_for_facts"] == sum(
        r.state == "waiting" and r.due_at is None for r in places
    )
    assert found["never"] == sum(r.state in ("blocked", "exhausted") for r in places)
    assert found["leads"] == 500 == sum(one["leads"] for one in found["by_zone"])
    if category == "promotional":
        assert {"DNC_LISTED", "PREF_CATEGORY_BLOCKED", "PREF_BAND_BLOCKED"} < {
            reason["code"] for reason in found["by_reason"]
        }
        (scrub,) = found["expiring"]["scrubs"]
        assert scrub["expires_at"].isoformat() == "2027-06-01T18:30:00+00:00"
        assert found["expiring"]["consents"]["leads"] == 0  # all are through within the day


async def test_a_preview_tells_zones_ends_and_what_runs_out_in_words(floor: Floor) -> None:
    campaign_id = await create(floor, "promotional", phones(150))
    await floor.db.run(lambda tx: save_carrier(tx, cap=1, cps=10.0))
    found = await look(floor, campaign_id)
    assert found["rate_per_min"] == 1.0
    assert isinstance(found["finish_at"], datetime)
    called = found["now"] + found["later"]
    assert found["finish_at"] == found["at"].replace(microsecond=0) + timedelta(minutes=called)
    assert any("has not been reviewed by a law owner" in one for one in found["warnings"])
    spans = found["several_zones"]
    assert 0 < len(spans["examples"]) <= min(20, spans["leads"])
    await floor.db.run(lambda tx: save_carrier(tx, cap=1, cps=0.001))
    slow = await look(floor, campaign_id)
    assert slow["expiring"]["consents"]["leads"] > 0
    assert slow["expiring"]["scrubs"][0]["before_finish"]
    text = "\n".join(preview_lines(slow))
    assert "scrub again" in text and "consents run out before that" in text
    assert "may be called now" in text and "Asia/Kolkata + Europe/London" in text


async def test_a_retry_that_is_due_later_is_no_lead_for_now(floor: Floor) -> None:
    campaign_id = await floor.launch(phones(2))
    intents = await floor.claim()
    assert len(intents) == 2
    await floor.place(intents[0].attempt_id)
    await floor.hear(
        intents[0].attempt_id, "hangup", CallUUID="c1", CallStatus="busy", HangupCause="Busy Line"
    )
    found = await look(floor, campaign_id)
    assert (found["now"], found["later"], found["settled"]) == (0, 1, {"calling": 1})
    assert found["by_reason"][0]["code"] == "DUE_LATER"
