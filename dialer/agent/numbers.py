"""Numbers as people say them: digits, English, Hindi and both mixed, with lakh and crore.

Read strictly: two numbers that are not one (a range, an aside) are unclear, because a middle
nobody said must not decide whether a lead qualifies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from dialer.agent.hindi_numbers import AMBIGUOUS, HINDI
from dialer.agent.unclear import Unclear
from dialer.agent.words import clean, words_of

MAX_NUMBER: Final = 10**15  # beyond any answer, and exact as a float

_ENGLISH: Final[Mapping[str, int]] = {
    word: number
    for number, word in enumerate(
        words_of(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen "
            "fourteen fifteen sixteen seventeen eighteen nineteen"
        )
    )
} | {
    word: 20 + 10 * index
    for index, word in enumerate(words_of("twenty thirty forty fifty sixty seventy eighty ninety"))
}
SMALL: Final[Mapping[str, int]] = {**HINDI, **_ENGLISH, "fourty": 40}
_SCALE_WORDS = {
    100: "hundred hundreds sau सौ हंड्रेड",
    1000: "thousand thousands hazaar hazar hajar hajaar hazaaron k हजार थाउजेंड",
    10**5: "lakh lakhs lac lacs laakh l लाख",
    10**6: "million millions mn m मिलियन",
    10**7: "crore crores cr karod karor करोड",
    10**9: "arab अरब billion billions bn बिलियन",
}
SCALES: Final[Mapping[str, int]] = {
    clean(word): scale for scale, line in _SCALE_WORDS.items() for word in line.split()
}
# A letter is a scale only where it is glued to its digits: "5k", "2.5l".
_GLUED_ONLY = frozenset({"k", "l", "m", "cr", "mn", "bn"})
_FRACTIONS: Mapping[str, Fraction] = {
    clean(word): Fraction(value)
    for value, line in {
        "5/2": "dhai dhaai adhai ढाई अढ़ाई",
        "3/2": "dedh dedhh derh डेढ़",
    }.items()
    for word in line.split()
}
# Before a number n: n + shift; alone before a scale: the second value.
_SHIFTS: Mapping[str, tuple[Fraction, Fraction | None]] = {
    clean(word): (Fraction(shift), None if alone is None else Fraction(alone))
    for (shift, alone), line in {
        ("1/2", None): "saadhe sadhe saade sade साढ़े",
        ("1/4", "5/4"): "sava sawa savaa सवा",
        ("-1/4", "3/4"): "paune pauna paun पौने पौन",
    }.items()
    for word in line.split()
}
_HALF = frozenset(words_of("half aadha adha aadhe आधा आधे"))
_POINT = frozenset(words_of("point dashamlav दशमलव पॉइंट"))
_MINUS = frozenset({"minus", "negative", "-"})
_NOT_BEFORE_ONE = frozenset(words_of("no any this that which the every each some another other"))
_GROUPED = re.compile(r"\d{1,3}(?:,\d{2})*,\d{3}|\d{1,3}(?:,\d{3})+")
_TOKEN = re.compile(
    r"(?P<digits>\d[\d,]*(?:\.\d+)?)(?P<glued>k|lakhs?|lacs?|l|cr|crores?|mn|bn|m)?(?![a-z])"
    r"|(?P<number>\d[\d,]*(?:\.\d+)?)"
    r"|(?P<minus>(?<![\w\u0900-\u097F])[-−](?=\s?₹?\s?\d))"
    r"|(?P<word>[^\W\d_\u0900-\u097F][^\W\d_]*(?:'[^\W\d_]+)?|[\u0900-\u0963\u0966-\u097F]+)"
)


@dataclass(frozen=True, slots=True)
class _Token:
    """``kind``: small (0-99), digits, scale, shift, half, point, and, minus or word."""

    kind: str
    value: Fraction = Fraction(0)
    text: str = ""


def read_number(text: str) -> int | float | Unclear:
    """Return the one number in ``text``; whole ones as int."""
    values = list(dict.fromkeys(numbers_in(text)))
    if not values:
        return Unclear("no number was heard")
    if len(values) > 1:
        return Unclear("more than one number was heard; one exact number is needed")
    value = values[0]
    if abs(value) > MAX_NUMBER:
        return Unclear("the number is too large")
    return int(value) if value.denominator == 1 else float(value)


def numbers_in(text: str) -> list[Fraction]:
    """Return every number of ``text`` in order; words around them are passed over."""
    tokens = list(_tokens(clean(text)))
    found: list[Fraction] = []
    at = 0
    while at < len(tokens):
        value, size = _number_at(tokens, at)
        if value is not None:
            found.append(value)
        at += max(size, 1)
    return found


def _tokens(text: str) -> Iterator[_Token]:
    words = [match for match in _TOKEN.finditer(text)]
    for index, match in enumerate(words):
        if digits := match["digits"] or match["number"]:
            yield from _digit_tokens(digits)
            if match["glued"]:
                yield _Token("scale", Fraction(SCALES[match["glued"]]))
        elif match["minus"]:
            yield _Token("minus")
        else:
            around = [
                words[near]["word"] for near in (index - 1, index + 1) if 0 <= near < len(words)
            ]
            yield _word_token(match["word"], words[index - 1]["word"] if index else None, around)


def _digit_tokens(digits: str) -> Iterator[_Token]:
    """``1,50,000`` is one number; commas that group in no known way part several."""
    whole, dot, decimals = digits.rstrip(",").partition(".")
    if "," in whole and not _GROUPED.fullmatch(whole):
        for part in filter(None, whole.split(",")):
            yield _Token("digits", _fraction(part))
        return
    yield _Token("digits", _fraction(whole.replace(",", "") + dot + decimals))


def _fraction(digits: str) -> Fraction:
    """Python refuses to read a number of thousands of digits; nobody says one."""
    return Fraction(digits[:40])


def _word_token(word: str, before: str | None, around: Sequence[str | None]) -> _Token:
    if word in SCALES and word not in _GLUED_ONLY:
        return _Token("scale", Fraction(SCALES[word]))
    if word in _FRACTIONS:
        return _Token("digits", _FRACTIONS[word], word)
    if word in _SHIFTS:
        return _Token("shift", text=word)
    if word in _HALF:
        return _Token("half")
    if word in _POINT:
        return _Token("point")
    if word in ("and", "aur", "और"):
        return _Token("and")
    if word in ("a", "an"):
        return _Token("article")
    if word in _MINUS:
        return _Token("minus")
    if word in SMALL and not (word == "one" and before in _NOT_BEFORE_ONE):
        is_sure = word not in AMBIGUOUS or not any(around) or any(_counts(near) for near in around)
        if is_sure:
            return _Token("small", Fraction(SMALL[word]))
    return _Token("word", text=word)


def _counts(word: str | None) -> bool:
    """Whether ``word`` beside an ambiguous one shows that a number is meant."""
    if word is None or word in AMBIGUOUS:
        return False
    return word in SCALES or word in HINDI or word in _SHIFTS or word in _POINT


def _number_at(tokens: Sequence[_Token], at: int) -> tuple[Fraction | None, int]:
    """Read the longest single number that starts at ``at``: its value and its tokens."""
    start, sign = at, 1
    if tokens[at].kind == "minus":
        sign, at = -1, at + 1
    total, last_scale, value = Fraction(0), None, None
    while at < len(tokens):
        part, scale, size = _part_at(tokens, at, is_first=last_scale is None)
        if size == 0 or part is None:
            break
        amount = part * scale
        if last_scale is not None and amount >= last_scale:
            break  # "five thousand six thousand": the second is a number of its own
        total, at = total + amount, at + size
        value, last_scale = total, scale
        if scale == 1:
            break
        at += _joins(tokens, at)
    if value is None:
        return None, 1
    return sign * value, at - start


def _joins(tokens: Sequence[_Token], at: int) -> int:
    """``and`` between the parts of one number."""
    is_and = at + 1 < len(tokens) and tokens[at].kind == "and"
    return int(is_and and tokens[at + 1].kind in ("small", "digits"))


def _part_at(
    tokens: Sequence[_Token], at: int, *, is_first: bool
) -> tuple[Fraction | None, int, int]:
    """Read one part such as "two hundred and fifty thousand": amount, scale (1 if none), size."""
    start = at
    amount, size = _amount_at(tokens, at)
    at += size
    if amount is None:
        # "lakh", "a thousand", "half a crore": the scale itself is the number
        while is_first and at < len(tokens) and tokens[at].kind in ("article", "half"):
            amount = Fraction(1, 2) if tokens[at].kind == "half" else amount
            at += 1
        if at >= len(tokens) or tokens[at].kind != "scale" or not is_first:
            return None, 1, 0
        amount = amount or Fraction(1)
    scale = 1
    while at < len(tokens) and tokens[at].kind == "scale":  # "one lakh crore"
        scale *= int(tokens[at].value)
        at += 1
    return amount, scale, at - start


def _amount_at(tokens: Sequence[_Token], at: int) -> tuple[Fraction | None, int]:
    """Read a number below the scales of thousand: "two fifty"-like pairs are not one number."""
    start = at
    shift = _SHIFTS[tokens[at].text] if tokens[at].kind == "shift" else None
    if shift:
        at += 1
    amount, size = _below_hundred(tokens, at)
    if shift:
        if amount is None:
            is_alone = at < len(tokens) and tokens[at].kind == "scale"
            return (shift[1], 1) if is_alone else (None, 0)
        return amount + shift[0], size + 1
    if amount is None:
        return None, 0
    at += size
    if _is_hundred(tokens, at):
        amount, at = amount * 100, at + 1
        rest_at = at + _joins(tokens, at)
        rest, size = _below_hundred(tokens, rest_at)
        if rest is not None and rest < 100 and not _is_hundred(tokens, rest_at + size):
            amount, at = amount + rest, rest_at + size
    return amount, at - start


def _is_hundred(tokens: Sequence[_Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].kind == "scale" and tokens[at].value == 100


def _below_hundred(tokens: Sequence[_Token], at: int) -> tuple[Fraction | None, int]:
    """Read digits, or words for 0-99, with decimals ("two point five") or "and a half"."""
    if at >= len(tokens) or tokens[at].kind not in ("small", "digits"):
        return None, 0
    start, value = at, tokens[at].value
    at += 1
    is_word = tokens[start].kind == "small"
    if is_word and value >= 20 and value % 10 == 0 and _is_unit(tokens, at):
        value, at = value + tokens[at].value, at + 1
    if at + 1 < len(tokens) and tokens[at].kind == "point":
        tenth = Fraction(1, 10)
        at += 1
        while at < len(tokens) and tokens[at].kind in ("small", "digits"):
            if not 0 <= tokens[at].value <= 9:
                break
            value, tenth, at = value + tokens[at].value * tenth, tenth / 10, at + 1
    if [token.kind for token in tokens[at : at + 3]] == ["and", "article", "half"]:
        value, at = value + Fraction(1, 2), at + 3
    return value, at - start


def _is_unit(tokens: Sequence[_Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].kind == "small" and 1 <= tokens[at].value <= 9
