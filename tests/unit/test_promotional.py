"""The category follows the content: words that promote are found in three languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.domain.definition import Definition
from dialer.domain.definition_parse import parse_tables, parse_toml
from dialer.domain.promotional import promotion_warning, promotional_words, require_answer
from dialer.errors import InvalidInput

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"


def notification(message: str, category: str = "service", **head: str) -> Definition:
    return parse_tables(
        {
            "campaign": {
                "name": "n",
                "kind": "notification",
                "category": category,
                "rule_packs": ["in"],
                **head,
            },
            "dialing": {"caller_ids": ["+911601200001"]},
            "notification": {"message": message},
        },
        source="test",
    )


@pytest.mark.parametrize(
    "message",
    [
        "Your bill is due. Get 20% off your next one!",
        "Hurry, our Diwali sale ends today.",
        "You have a pre-approved loan.",
        "Special offer only for you.",
        "Aaj hi kharidiye, bhari chhoot par.",
        "Sabse saste daam, dhamakedar mauka.",
        "Aapke liye muft inaam.",
        "आज ही खरीदें, भारी छूट।",
        "सीमित समय के लिए कैशबैक।",
    ],
)
def test_a_service_campaign_that_promotes_must_say_why_not(message: str) -> None:
    for category in ("service", "transactional"):
        with pytest.raises(InvalidInput, match=r"notification\.message says") as refused:
            require_answer(notification(message, category))
        assert refused.value.fields[0].path == "campaign.not_promotional"
    require_answer(notification(message, "promotional"))
    require_answer(notification(message, not_promotional="It repeats the name of a medicine."))


@pytest.mark.parametrize(
    "message",
    [
        "Hello {first_name}, your appointment is tomorrow at five. Press 1 to confirm.",
        "Aapki appointment chhoot gayi thi. Naya samay batayein.",
        "Your EMI of 5,000 rupees is due on Friday; we offer help on this number.",
        "आपका अपॉइंटमेंट कल पाँच बजे है।",
        "Aapka bill jama nahin hua hai.",
    ],
)
def test_plain_words_are_asked_nothing(message: str) -> None:
    assert [*promotional_words(notification(message))] == []


def test_an_agents_questions_and_knowledge_count_too() -> None:
    text = (CAMPAIGNS / "solar_qualification.toml").read_text(encoding="utf-8")
    plain = text.replace('category = "promotional"', 'category = "service"')
    loud = plain.replace("A visit by our engineer is free", "This month: 10% off. A visit is free")
    loud = loud.replace("Do you own the house", "For a free gift: do you own the house")
    places = dict(promotional_words(parse_toml(loud, source="test")))
    assert places == {"agent.questions[0].ask": "free gift", "agent.knowledge": "10% off"}


@pytest.mark.parametrize("file", sorted(CAMPAIGNS.glob("*.toml")), ids=lambda file: file.stem)
def test_the_sample_campaigns_start_as_they_are(file: Path) -> None:
    assert promotion_warning(parse_toml(file.read_text(encoding="utf-8"), source="test")) is None
