"""A model's text is spoken phrase by phrase, and not one character of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.call.phrases import Phrases


def cut(text: str) -> list[str]:
    phrases = Phrases()
    found = [phrase for character in text for phrase in phrases.feed(character)]
    return [*found, phrases.rest()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thank you. How are you?", ["Thank you. ", "How are you?"]),
        ("Well, that is a good question, so listen.", None),
        ("यह ठीक है। अगला सवाल।", ["यह ठीक है। ", "अगला सवाल।"]),
        ("It costs 2.5 lakh rupees. Fine?", ["It costs 2.5 lakh rupees. ", "Fine?"]),
        ("one two three four, five", ["one two three four, ", "five"]),
        ("", [""]),
    ],
)
def test_a_phrase_ends_where_a_speaker_would_breathe(text: str, expected: list[str] | None) -> None:
    expected = expected or ["Well, that is a good question, ", "so listen."]
    assert cut(text) == expected


@given(st.text(), st.lists(st.integers(1, 9)))
def test_the_phrases_are_the_text_however_it_comes(text: str, sizes: list[int]) -> None:
    phrases, found, rest = Phrases(), "", text
    for size in [*sizes, len(text) + 1]:
        found += "".join(phrases.feed(rest[:size]))
        rest = rest[size:]
    assert found + phrases.rest() == text


def test_a_text_without_any_end_is_cut_at_a_space() -> None:
    longest = max(len(phrase) for phrase in cut("word " * 200))
    assert longest <= 221
