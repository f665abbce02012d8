"""Numbers as India says them; what is not one number is unclear."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.agent.hindi_numbers import HINDI
from dialer.agent.numbers import MAX_NUMBER, read_number
from dialer.agent.unclear import Unclear
from dialer.agent.words import words_of


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,50,000", 150_000),
        ("1,000,000", 1_000_000),
        ("₹5,000", 5000),
        ("Rs.2500", 2500),
        ("3000/month", 3000),
        ("around 3000 rupees per month", 3000),
        ("5k", 5000),
        ("2.5L", 250_000),
        ("2.5 lakh", 250_000),
        ("1 lakh 50 hazaar", 150_000),
        ("1.5 crore", 15_000_000),
        ("one lakh crore", 10**12),
        ("two arab", 2 * 10**9),
        ("do lakh pachaas hazaar", 250_000),
        ("ek lakh bees hazaar teen sau pachaas", 120_350),
        ("dhai hazaar", 2500),
        ("dedh sau", 150),
        ("saadhe teen sau", 350),
        ("saadhe paanch", 5.5),
        ("sava lakh", 125_000),
        ("sava do lakh", 225_000),
        ("paune do lakh", 175_000),
        ("aadha lakh", 50_000),
        ("half a million", 500_000),
        ("two and a half lakh", 250_000),
        ("two point five lakh", 250_000),
        ("five thousand two hundred", 5200),
        ("two hundred and fifty thousand", 250_000),
        ("twenty-five hundred", 2500),
        ("pandrah sau", 1500),
        ("one thousand and one", 1001),
        ("a thousand", 1000),
        ("lakh", 100_000),
        ("ढाई हज़ार", 2500),
        ("पाँच लाख", 500_000),
        ("दो सौ पचास", 250),
        ("२५००", 2500),
        ("1500.50", 1500.5),
        ("minus five", -5),
        ("-5", -5),
        ("do", 2),
        ("3000, yes, 3000", 3000),
        ("zero", 0),
    ],
)
def test_one_number_is_read(text: str, number: float) -> None:
    found = read_number(text)
    assert found == number
    assert isinstance(found, int) == (number == int(number))


@pytest.mark.parametrize(
    "text",
    [
        "four to five thousand",  # a middle nobody said must not qualify anyone
        "4-5 thousand",
        "between 3000 and 4000",
        "char paanch hazaar",
        "nine eight seven",
        "2 kids and 3 cars",
        "3, 4",
        "1,5",
        "no one",
        "I do not know",
        "",
        "many",
        "9" * 5000,
    ],
)
def test_what_is_not_one_number_is_unclear(text: str) -> None:
    assert isinstance(read_number(text), Unclear)


def _indian(number: int) -> str:
    """Group digits as India does: the last three, then pairs."""
    head, tail = str(number)[:-3], str(number)[-3:]
    pairs = []
    while head:
        head, pair = head[:-2], head[-2:]
        pairs.insert(0, pair)
    return ",".join([*pairs, tail])


@given(number=st.integers(0, MAX_NUMBER))
def test_digits_are_read_however_they_are_grouped(number: int) -> None:
    assert read_number(f"{number:,}") == read_number(_indian(number)) == number


_ENGLISH = words_of(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = words_of("- 0 1 twenty thirty forty fifty sixty seventy eighty ninety")


def _below_hundred(number: int) -> str:
    if number < 20:
        return _ENGLISH[number]
    return _TENS[number // 10] + (f" {_ENGLISH[number % 10]}" if number % 10 else "")


def _in_words(
    number: int, hundred: str, scales: list[tuple[int, str]], small: dict[int, str]
) -> str:
    said = []
    for scale, word in [*scales, (100, hundred)]:
        if number >= scale:
            said.append(f"{small[number // scale]} {word}")
            number %= scale
    if number or not said:
        said.append(small[number])
    return " ".join(said)


_HINDI_SMALL = {number: word for word, number in reversed(HINDI.items())}


@settings(max_examples=300)
@given(number=st.integers(0, 99_99_99_999))
def test_every_number_said_in_words_is_that_number(number: int) -> None:
    english = {each: _below_hundred(each) for each in range(100)}
    scales = [(10**7, "crore"), (10**5, "lakh"), (1000, "thousand")]
    assert read_number(_in_words(number, "hundred", scales, english)) == number
    scales = [(10**7, "करोड़"), (10**5, "लाख"), (1000, "हज़ार")]
    assert read_number(_in_words(number, "सौ", scales, _HINDI_SMALL)) == number


@given(text=st.text(max_size=200))
def test_any_text_is_read_or_unclear(text: str) -> None:
    assert isinstance(read_number(text), int | float | Unclear)
