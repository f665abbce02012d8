"""The shipped campaign of questions: it parses, fits its list, is lawful, and can be won."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from dialer.agent.script import is_qualified
from dialer.call.notification import lead_values
from dialer.compliance.decide import Verdict, decide
from dialer.compliance.facts import Consent, Scrub
from dialer.compliance.packs import find_packs
from dialer.dialing.facts import choose_caller, facts_for
from dialer.domain.definition import Definition, placeholders
from dialer.domain.definition_parse import parse_toml
from dialer.leads.csv import open_leads
from dialer.store.campaigns import Campaign
from dialer.store.facts import Batch

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
STEM = CAMPAIGNS / "solar_qualification"
ELEVEN_IST = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def definition() -> Definition:
    path = STEM.with_suffix(".toml")
    return parse_toml(path.read_text(encoding="utf-8"), source=path.name)


@pytest.fixture(scope="module")
def leads() -> list[SimpleNamespace]:
    (chunk,) = open_leads(STEM.with_suffix(".csv")).chunks(now=ELEVEN_IST)
    assert chunk.leads is not None and not chunk.rejects
    return [
        SimpleNamespace(**{**row, "lead_id": uuid4(), "attributes": json.loads(row["attributes"])})
        for row in chunk.leads.to_dicts()
    ]


def _judge(lead: SimpleNamespace, definition: Definition, scrub: Scrub | None) -> Verdict:
    body: dict[str, Any] = json.loads((CAMPAIGNS / "sender.json").read_text(encoding="utf-8"))
    callers = {
        each["number"]: SimpleNamespace(**each, last_used_at=None) for each in body["caller_ids"]
    }
    sender = SimpleNamespace(
        a2p_reference=body["a2p"]["reference"],
        a2p_declared_on=date.fromisoformat(body["a2p"]["declared_on"]),
        a2p_objective=body["a2p"]["objective"],
    )
    consent = Consent(lead.consent_kind, datetime.fromisoformat(lead.consent_at), ended=False)
    scrubs = {} if scrub is None else {lead.phone: scrub}
    batch = Batch(set(), {lead.lead_id: (consent,)}, scrubs, {}, {})
    facts = facts_for(
        lead,
        Campaign(row=None, definition=definition),
        caller=choose_caller(definition, callers, {}),
        sender=sender,
        batch=batch,
    )
    return decide(facts, find_packs(definition.campaign.rule_packs), ELEVEN_IST)


def test_five_questions_of_four_types(definition: Definition) -> None:
    assert definition.agent is not None
    types = [question.type for question in definition.agent.questions]
    assert len(types) == 5 and len(set(types)) == 4
    assert definition.campaign.category == "promotional" and definition.campaign.sector == 5
    assert definition.dialing.caller_ids == ["+911402000001"]
    assert definition.mode == "robo"


def test_sixty_people_whose_texts_are_whole(
    definition: Definition, leads: list[SimpleNamespace]
) -> None:
    assert len({lead.phone for lead in leads}) == len({lead.external_id for lead in leads}) == 60
    needed = set[str]().union(*placeholders(definition).values())
    assert needed == {"first_name"}
    assert all(lead_values(lead)["first_name"] for lead in leads)


def test_everybody_may_be_called_right_after_a_register_run_and_nobody_without(
    definition: Definition, leads: list[SimpleNamespace]
) -> None:
    clear = Scrub(ELEVEN_IST, "clear", "REF", "test", "1")
    assert {_judge(lead, definition, clear).code for lead in leads} == {"OK"}
    assert {_judge(lead, definition, None).code for lead in leads} == {"DNC_SCRUB_STALE"}


def test_an_owner_with_a_bill_and_a_firm_roof_qualifies(definition: Definition) -> None:
    assert definition.agent is not None
    good = {"owns_home": True, "monthly_bill": 2000, "roof_type": "tiled", "decides": True}
    rules = definition.agent.qualified_when
    assert is_qualified(rules, good | {"visit_on": "2026-11-28"})
    for name, value in (("owns_home", False), ("monthly_bill", 1999), ("roof_type", "tin")):
        assert not is_qualified(rules, good | {name: value})
