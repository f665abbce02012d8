"""The shipped campaign of questions: it parses, fits its list, is lawful, and can be won."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dialer.agent.script import is_qualified
from dialer.call.notification import lead_values
from dialer.compliance.facts import Scrub
from dialer.domain.definition import Definition, placeholders
from tests.unit.sample_lists import ELEVEN_IST, definition_of, judge, leads_of


@pytest.fixture(scope="module")
def definition() -> Definition:
    return definition_of("solar_qualification")


@pytest.fixture(scope="module")
def leads() -> list[SimpleNamespace]:
    return leads_of("solar_qualification")


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
    assert {judge(lead, definition, clear).code for lead in leads} == {"OK"}
    assert {judge(lead, definition, None).code for lead in leads} == {"DNC_SCRUB_STALE"}


def test_an_owner_with_a_bill_and_a_firm_roof_qualifies(definition: Definition) -> None:
    assert definition.agent is not None
    good = {"owns_home": True, "monthly_bill": 2000, "roof_type": "tiled", "decides": True}
    rules = definition.agent.qualified_when
    assert is_qualified(rules, good | {"visit_on": "2026-11-28"})
    for name, value in (("owns_home", False), ("monthly_bill", 1999), ("roof_type", "tin")):
        assert not is_qualified(rules, good | {name: value})
