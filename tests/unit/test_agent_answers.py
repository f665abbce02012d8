"""An answer has its question's type, or is unclear; nothing is guessed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.agent.answers import MAX_TEXT, most_keys, read_answer, read_choice, read_keys
from dialer.agent.unclear import Unclear
from dialer.agent.yes_no import read_yes_no
from dialer.domain.definition import Question

NOW = datetime(2026, 11, 23, 11, 4, tzinfo=ZoneInfo("Asia/Kolkata"))
ROOFS = ["flat roof", "flat", "tin sheets", "within 3 months"]


def question(type: Any, choices: list[str] | None = None) -> Question:
    return Question(id="q", ask="Well?", type=type, choices=choices or [])


@pytest.mark.parametrize(
    "text",
    [
        "yes", "Yes, it is.", "I do", "sure", "of course", "no problem", "why not", "yes please",
        "haan ji", "ji haan", "bilkul", "theek hai", "haan hai", "true", "yeah absolutely",
        "हाँ जी", "जी", "हां हमारा अपना घर है", "बिल्कुल", "जी हाँ",
    ],
)  # fmt: skip
def test_a_yes_in_three_languages(text: str) -> None:
    assert read_yes_no(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "no", "No thanks.", "not really", "I don't", "no I don't", "I do not", "it is not", "nope",
        "of course not", "I don’t think so", "we don't own it", "never", "false", "no, not yet",
        "nahi", "ji nahi", "bilkul nahi", "nahi hai", "nahi chahiye", "नहीं", "जी नहीं", "बिल्कुल नहीं",
    ],
)  # fmt: skip
def test_a_no_in_three_languages(text: str) -> None:
    assert read_yes_no(text) is False


@pytest.mark.parametrize(
    "text",
    [
        "yes no", "haan nahi", "yes but no", "yes, I don't rent", "maybe", "I don't know",
        "not sure", "pata nahi", "शायद", "hmm", "", "the roof is flat", "shayad haan",
        "I don't want to tell you", "I'd rather not say", "none of your business", "nahi bataunga",
    ],
)  # fmt: skip
def test_who_says_both_or_neither_is_unclear(text: str) -> None:
    assert isinstance(read_yes_no(text), Unclear)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("Flat Roof", "flat roof"),
        ("it is flat", "flat"),
        ("tin sheet", "tin sheets"),
        ("sheets I think", "tin sheets"),
        ("the second one", "flat"),
        ("option 2", "flat"),
        ("two", "flat"),
        ("दूसरा", "flat"),
        ("within 3 months", "within 3 months"),
        ("in some months", "within 3 months"),
        ("no, flat roof", "flat roof"),
        ("one", "flat roof"),
    ],
)
def test_a_choice_is_named_placed_or_close(text: str, choice: str) -> None:
    assert read_choice(ROOFS, text) == choice


@pytest.mark.parametrize(
    "text", ["flat or tin sheets", "slate", "9", "not flat", "flat nahi", "", "zero", "3 or 4"]
)
def test_a_choice_that_is_not_one_of_them_is_unclear(text: str) -> None:
    assert isinstance(read_choice(ROOFS, text), Unclear)


def test_a_text_is_trimmed_printable_and_bounded() -> None:
    assert read_answer(question("text"), "  near\tthe\0 temple \n", NOW) == "near the temple"
    long = read_answer(question("text"), "word " * 1000, NOW)
    assert isinstance(long, str) and len(long) <= MAX_TEXT
    assert isinstance(read_answer(question("text"), " ... \0", NOW), Unclear)


def test_each_type_has_its_value() -> None:
    found = [
        read_answer(question("yes_no"), "haan", NOW),
        read_answer(question("number"), "do lakh", NOW),
        read_answer(question("choice", ROOFS), "tin sheets", NOW),
        read_answer(question("date"), "tomorrow", NOW),
        read_answer(question("text"), "Pune", NOW),
    ]
    assert found == [True, 200_000, "tin sheets", "2026-11-24", "Pune"]


@pytest.mark.parametrize(
    ("type", "keys", "value"),
    [
        ("yes_no", "1", True),
        ("yes_no", "2", False),
        ("number", "0042", 42),
        ("choice", "3", "tin sheets"),
        ("date", "29022028", "2028-02-29"),
    ],
)
def test_keys_answer_beside_speech(type: str, keys: str, value: object) -> None:
    found = read_keys(question(type, ROOFS if type == "choice" else None), keys)
    assert found == value and found.__class__ is value.__class__


@pytest.mark.parametrize(
    ("type", "keys"),
    [
        ("yes_no", "3"),
        ("yes_no", "11"),
        ("number", "1*2"),
        ("number", ""),
        ("number", "9" * 16),
        ("number", "٣"),
        ("choice", "0"),
        ("choice", "5"),
        ("date", "30022028"),
        ("date", "1102028"),
        ("text", "1"),
    ],
)
def test_other_keys_are_unclear(type: str, keys: str) -> None:
    assert isinstance(read_keys(question(type, ROOFS if type == "choice" else None), keys), Unclear)


def test_no_more_keys_are_waited_for_than_an_answer_has() -> None:
    types = ("yes_no", "choice", "date", "number")
    assert [most_keys(question(each, ROOFS)) for each in types] == [1, 1, 8, 15]
    assert most_keys(question("choice", [str(n) for n in range(10)])) == 2


_TYPES = {"yes_no": bool, "number": (int, float), "choice": str, "date": str, "text": str}


@given(text=st.text(max_size=120), type=st.sampled_from(sorted(_TYPES)), keys=st.text(max_size=20))
def test_whatever_is_said_the_type_is_right(text: str, type: str, keys: str) -> None:
    asked = question(type, ROOFS)
    for found in (read_answer(asked, text, NOW), read_keys(asked, keys)):
        if not isinstance(found, Unclear):
            assert isinstance(found, _TYPES[type])
            assert type != "choice" or found in ROOFS
