"""Results and stats of a campaign whose rows lie in a real Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from dialer.compliance.packs import cautions, find_packs
from dialer.domain.attempt import AttemptState
from dialer.reports import results as reports
from dialer.reports.stats import stats
from dialer.store.tables import carrier_accounts, enrolments
from tests.integration.report_rows import NOW, Rows, open_rows

PACKS = find_packs(["in"])
UNREVIEWED = [*cautions(PACKS, datetime(2026, 11, 23).date())]
NIGHT = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)  # midnight in India


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Rows]:
    async with open_rows(database_url) as opened:
        yield opened


async def _table(rows: Rows) -> list[dict[str, Any]]:
    found = await reports.results(rows.tx, await rows.read())
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


async def test_columns_stand_in_the_order_the_design_gives(rows: Rows) -> None:
    campaign = await rows.campaign("budget", "move_in", columns=["City", "attempts"])
    found = await reports.results(rows.tx, campaign)
    assert ",".join(found.columns) == (
        "lead_id,external_id,phone,name,state,attempts,outcome,hangup_code,disposition,"
        "answered_at,talk_s,cost_usd,check_id,check_decision,check_code,"
        "answer.budget,answer.move_in,lead.City,lead.attempts"
    )
    assert list(found.rows) == []


async def test_a_report_has_one_row_a_lead_in_import_order(rows: Rows) -> None:
    await rows.campaign()
    made = [await rows.lead("done" if place % 2 else "waiting") for place in range(7)]
    for lead in reversed(made):
        for _ in range(3):
            await rows.attempt(lead, outcome="busy")
    assert [row["phone"] for row in await _table(rows)] == [phone for _, _, phone in made]


async def test_what_is_unknown_is_null_and_never_zero(rows: Rows) -> None:
    await rows.campaign("budget", columns=["City"])
    await rows.lead()
    (row,) = await _table(rows)
    assert row.pop("lead_id") and row.pop("phone")
    assert (row.pop("state"), row.pop("attempts")) == ("waiting", 0)
    assert set(row.values()) == {None}


async def test_attempts_agree_with_what_rang_or_may_have(rows: Rows) -> None:
    await rows.campaign()
    lead = await rows.lead()
    for state in AttemptState:
        await rows.attempt(lead, state)
        await rows.attempt(lead, state, is_test=True)
    (row,) = await _table(rows)
    assert row["attempts"] == len(set(AttemptState) - {"intended", "refused", "never_placed"})


async def test_the_newest_ended_call_gives_the_outcome(rows: Rows) -> None:
    await rows.campaign()
    lead = await rows.lead("done", disposition="confirmed", check="OK")
    await rows.attempt(lead, outcome="busy", hangup_code=3010, talk_s=0, cost_usd=Decimal("0"))
    await rows.attempt(
        lead,
        outcome="completed",
        hangup_code=4000,
        answered_at=NOW,
        talk_s=21.5,
        cost_usd=Decimal("0.0061"),
    )
    await rows.attempt(lead, outcome="failed", is_test=True, cost_usd=Decimal(9))
    await rows.attempt(lead, "refused", refusal="stale")
    (row,) = await _table(rows)
    assert (row["outcome"], row["hangup_code"], row["disposition"]) == (
        "completed",
        4000,
        "confirmed",
    )
    assert (row["answered_at"], row["talk_s"], row["cost_usd"]) == (NOW, 21.5, Decimal("0.0061"))
    assert (row["check_decision"], row["check_code"]) == ("allow", "OK")
    await rows.attempt(lead, "in_call", answered_at=NOW)
    (row,) = await _table(rows)
    assert (row["attempts"], row["outcome"]) == (3, "completed")
    assert row["cost_usd"] is None  # a part of it is not known yet


async def test_a_denied_lead_shows_its_newest_check(rows: Rows) -> None:
    await rows.campaign()
    await rows.lead("blocked", blocked_code="CONSENT_MISSING", check="CONSENT_MISSING")
    (row,) = await _table(rows)
    assert (row["check_decision"], row["check_code"]) == ("deny", "CONSENT_MISSING")
    assert row["check_id"] is not None


async def test_a_later_answer_replaces_the_earlier_one_to_that_question(rows: Rows) -> None:
    await rows.campaign("budget", "pets", "city")
    lead, silent = await rows.lead(), await rows.lead()
    first = await rows.attempt(lead, outcome="completed")
    second = await rows.attempt(lead, outcome="completed")
    rehearsal = await rows.attempt(lead, outcome="completed", is_test=True)
    await rows.answer(second, "budget", 4500.5)
    await rows.answer(first, "budget", 3000)
    await rows.answer(first, "pets", False)
    await rows.answer(rehearsal, "city", "Nowhere")
    await rows.attempt(silent, outcome="completed")
    found = [
        [row[f"answer.{one}"] for one in ("budget", "pets", "city")] for row in await _table(rows)
    ]
    assert found == [[4500.5, False, None], [None, None, None]]


async def test_a_campaign_of_several_chunks_is_read_whole(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "CHUNK", 2)
    campaign = await rows.campaign()
    for _ in range(5):
        await rows.lead()
    columns = await reports.columns_of(rows.tx, campaign)
    sizes = [len(chunk) async for chunk in reports.result_chunks(rows.tx, campaign, columns)]
    assert sizes == [2, 2, 1]


async def test_another_campaign_of_the_same_leads_stays_out(rows: Rows) -> None:
    await rows.campaign()
    lead = await rows.lead()
    await rows.attempt(lead, outcome="busy")
    other = Rows(rows.tx)
    other.count = 50
    campaign = await other.campaign()
    await other.lead("exhausted")
    found = await stats(rows.tx, campaign, PACKS)
    assert (found["leads"], found["attempts"], found["outcomes"]) == (1, 0, {})
    assert len((await reports.results(rows.tx, campaign)).rows) == 1


async def test_stats_count_every_lead_once(rows: Rows) -> None:
    await rows.campaign()
    await rows.lead(due_at=NOW)
    calling = await rows.lead("calling")
    await rows.attempt(calling, "ringing", placing_at=NOW - timedelta(seconds=20))
    await rows.attempt(calling, "ambiguous", is_test=True)
    for disposition in ("confirmed", "confirmed", "opted_out"):
        lead = await rows.lead("done", disposition=disposition)
        await rows.attempt(lead, outcome="completed", placing_at=NOW - timedelta(seconds=30))
    unreached = await rows.lead("exhausted", disposition="unreachable")
    await rows.attempt(unreached, outcome="busy", placing_at=NOW - timedelta(minutes=6))
    await rows.lead("exhausted")
    await rows.lead("cancelled")
    await rows.lead("blocked", blocked_code="CONSENT_MISSING", check="CONSENT_MISSING")
    found = await stats(rows.tx, await rows.read(), PACKS)
    assert found["leads"] == 9
    assert (found["waiting"], found["calling"], found["waiting_window"]) == (1, 1, 0)
    assert (found["in_flight"], found["ambiguous"]) == ({"ambiguous": 1, "ringing": 1}, 1)
    assert found["done"] == {"confirmed": 2, "opted_out": 1, "unreachable": 1}
    assert (found["exhausted"], found["cancelled"], found["opted_out"]) == (2, 1, 1)
    assert found["blocked"] == {"CONSENT_MISSING": 1}
    assert (found["attempts"], found["outcomes"]) == (5, {"completed": 3, "busy": 1})
    assert found["answer_rate"] == 0.75
    assert found["checks"] == {"allowed": 6, "denied": 1}
    assert found["rate_per_min"] == 8.0  # four calls in the thirty seconds since the first
    assert (found["finish_at"], found["left_over"]) == (NOW + timedelta(minutes=1 / 8), 0)
    assert found["warnings"] == UNREVIEWED


async def test_the_net_rate_counts_leads_that_came_to_their_end(rows: Rows) -> None:
    await rows.campaign()
    await rows.set_campaign(ends_at=NOW + timedelta(minutes=3))
    at = NOW - timedelta(seconds=60)
    for state, outcome in (("done", "completed"), ("exhausted", "busy"), ("waiting", "busy")):
        lead = await rows.lead(state, due_at=NOW if state == "waiting" else None)
        call = await rows.attempt(lead, outcome=outcome, placing_at=at, ended_at=NOW)
        await rows.tx.execute(
            update(enrolments).where(enrolments.c.id == lead[0]).values(last_attempt_id=call)
        )
    for _ in range(9):
        await rows.lead(due_at=NOW)
    found = await stats(rows.tx, await rows.read(), PACKS)
    assert (found["rate_per_min"], found["net_per_min"]) == (3.0, 2.0)
    assert found["left_over"] == 1  # ten wait, nine fit into three minutes
    assert [said for said in found["warnings"] if "1 leads are left uncalled" in said]


async def test_an_empty_campaign_has_no_rate_of_answers(rows: Rows) -> None:
    found = await stats(rows.tx, await rows.campaign(), PACKS)
    assert (found["leads"], found["answer_rate"], found["rate_per_min"]) == (0, None, 0.0)
    assert (found["done"], found["in_flight"], found["state"]) == ({}, {}, "running")


async def test_leads_that_wait_for_a_window_are_told_apart(rows: Rows) -> None:
    await rows.campaign()
    later = NOW + timedelta(hours=3)
    await rows.lead(due_at=later, blocked_code="OUTSIDE_HOURS")
    await rows.lead(due_at=NOW, blocked_code="OUTSIDE_HOURS")  # its window has opened
    await rows.lead(due_at=later, blocked_code="MIN_GAP")
    await rows.lead(due_at=later)  # a retry
    assert (await stats(rows.tx, await rows.read(), PACKS))["waiting_window"] == 1
    rows.tx._now = NIGHT
    found = await stats(rows.tx, await rows.read(), PACKS)
    assert (found["waiting_window"], found["finish_at"]) == (4, None)


async def test_leads_that_wait_for_facts_are_named_with_what_helps(rows: Rows) -> None:
    await rows.campaign()
    await rows.lead(blocked_code="DNC_SCRUB_STALE")
    await rows.lead(blocked_code="A2P_UNDECLARED")
    await rows.tx.execute(
        update(carrier_accounts).values(
            paused_until=NOW + timedelta(seconds=60),
            paused_reason="rate_limited",
            paused_detail="5 of 9 requests",
            paused_at=NOW,
        )
    )
    found = await stats(rows.tx, await rows.read(), PACKS)
    assert sorted(set(found["warnings"]) - set(UNREVIEWED)) == [
        "A2P_UNDECLARED holds 1 of the leads: correct the sender (PUT /sender)",
        "DNC_SCRUB_STALE holds 1 of the leads: upload a fresh scrub (POST /scrubs)",
        "the carrier account is paused: rate_limited: 5 of 9 requests; "
        "a call probes at 05:31:00 UTC",
    ]
    assert found["finish_at"] is None
    await rows.set_campaign(state="paused")
    assert (await stats(rows.tx, await rows.read(), PACKS))["warnings"] == UNREVIEWED
