"""Answers by type: what a callee said or keyed, as a value; anything doubtful is `Unclear`.

Whatever a model claims to have heard is read here again, so that a stored answer never is of
another type than its question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from difflib import SequenceMatcher
from typing import Final

from dialer.agent.dates import read_date, read_keyed_date
from dialer.agent.moves import Answer
from dialer.agent.numbers import MAX_NUMBER, SMALL, read_number
from dialer.agent.unclear import Unclear
from dialer.agent.words import find, words_of
from dialer.agent.yes_no import NEGATIONS, read_yes_no
from dialer.domain.definition import Question

MAX_TEXT: Final = 500  # characters of a text answer
_CLOSE = 0.8  # of a choice's letters; "norht" is "north"
_LONG_WORD = 5  # shorter ones (from, near, more) also stand in other sentences
_CLEARER_BY = 0.1  # than the second best
_ORDINALS = {
    word: place
    for line in (
        "first second third fourth fifth sixth seventh eighth ninth tenth",
        "pehla doosra teesra chautha",
        "pehli doosri teesri chauthi",
        "पहला दूसरा तीसरा चौथा",
        "पहली दूसरी तीसरी चौथी",
    )
    for place, word in enumerate(words_of(line), start=1)
}
_AROUND_A_NUMBER = frozenset(
    words_of("the option number choice no one please wala vala answer वाला नंबर विकल्प")
)


def read_answer(question: Question, text: str, now_local: datetime) -> Answer | Unclear:
    """Read ``text`` as an answer to ``question``; dates as ISO text.

    now_local: the wall clock at the callee, from which "tomorrow" is counted.
    """
    match question.type:
        case "yes_no":
            return read_yes_no(text)
        case "number":
            return read_number(text)
        case "choice":
            return read_choice(question.choices, text)
        case "date":
            day = read_date(text, now_local)
            return day if isinstance(day, Unclear) else day.isoformat()
        case "text":
            return _read_text(text)


def read_keys(question: Question, keys: str) -> Answer | Unclear:
    """Read keypad input: 1/2 for yes/no, a number as typed, a choice's position, DDMMYYYY."""
    if not re.fullmatch(r"[0-9]{1,15}", keys):
        return Unclear("digits are needed")
    match question.type:
        case "yes_no":
            return keys == "1" if keys in ("1", "2") else Unclear("1 is yes, 2 is no")
        case "number":
            return int(keys) if int(keys) <= MAX_NUMBER else Unclear("the number is too large")
        case "choice":
            at = int(keys)
            is_there = 1 <= at <= len(question.choices)
            return question.choices[at - 1] if is_there else Unclear("no choice has this number")
        case "date":
            day = read_keyed_date(keys)
            return day if isinstance(day, Unclear) else day.isoformat()
        case "text":
            return Unclear("words are needed")


def most_keys(question: Question) -> int:
    """Return after how many keys an answer to ``question`` is complete for certain."""
    match question.type:
        case "choice":
            return len(str(len(question.choices)))
        case "number":
            return 15
        case "date":
            return 8
        case _:
            return 1


def read_choice(choices: Sequence[str], text: str) -> str | Unclear:
    """Return the choice that ``text`` names, by its words, its place or a close form."""
    said = words_of(text)
    if not said:
        return Unclear("nothing was heard")
    named = _named(choices, said)
    if len(named) > 1:
        return Unclear("more than one choice was named")
    if named:
        return Unclear("it was named to be refused") if _is_refused(named[0], said) else named[0]
    if len(own := _by_own_words(choices, said)) == 1:
        return Unclear("it was named to be refused") if NEGATIONS & set(said) else own[0]
    if (place := _place(said)) is not None:
        is_there = 1 <= place <= len(choices)
        return choices[place - 1] if is_there else Unclear("no choice has this number")
    return _closest(choices, said)


def _named(choices: Sequence[str], said: tuple[str, ...]) -> list[str]:
    """The choices whose words stand in ``said``; "flat" inside "flat roof" is not named."""
    spans = []
    for choice in choices:
        words = words_of(choice)
        if words and (at := find(words, said)) >= 0:
            spans.append((at, at + len(words), choice))
    return [
        choice
        for start, end, choice in spans
        if not any(
            other != choice and a <= start and end <= b and (b - a) > (end - start)
            for a, b, other in spans
        )
    ]


def _by_own_words(choices: Sequence[str], said: tuple[str, ...]) -> list[str]:
    """The choices of which a long word was said that no other choice has: "apartment" is enough
    for "apartment or flat"."""
    every = [set(words_of(choice)) for choice in choices]
    found = []
    for index, choice in enumerate(choices):
        others = set().union(*every[:index], *every[index + 1 :])
        if {word for word in every[index] - others if len(word) >= _LONG_WORD} & set(said):
            found.append(choice)
    return found


def _is_refused(choice: str, said: tuple[str, ...]) -> bool:
    """``not the north``, ``north nahi``."""
    words = words_of(choice)
    at = find(words, said)
    before, after = said[max(0, at - 2) : at], said[at + len(words) : at + len(words) + 1]
    is_before = bool(before) and bool(({"not"} | NEGATIONS) & set(before)) and before[0] != "no"
    return is_before or bool(NEGATIONS & set(after) - {"no"})


def _place(said: tuple[str, ...]) -> int | None:
    """``the second one``, ``option 2``, ``two``: only where nothing else was said."""
    numbers = [word for word in said if word not in _AROUND_A_NUMBER]
    if not numbers and said == ("one",):
        return 1
    if len(numbers) != 1:
        return 1 if said[-1:] == ("one",) and set(said) <= {"option", "number", "one"} else None
    (word,) = numbers
    if match := re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?", word):
        return int(match[1])
    return _ORDINALS.get(word, SMALL.get(word))


def _closest(choices: Sequence[str], said: tuple[str, ...]) -> str | Unclear:
    scores = sorted(((_likeness(words_of(each), said), each) for each in choices), reverse=True)
    best, choice = scores[0] if scores else (0.0, "")
    second = scores[1][0] if len(scores) > 1 else 0.0
    if best < _CLOSE or best - second < _CLEARER_BY:
        return Unclear("none of the choices was named")
    return Unclear("it was named to be refused") if NEGATIONS & set(said) else choice


def _likeness(choice: tuple[str, ...], said: tuple[str, ...]) -> float:
    """How like ``choice`` the most similar stretch of ``said`` is, 0 to 1."""
    target = " ".join(choice)
    size = len(choice)
    stretches = [said[at : at + size] for at in range(max(1, len(said) - size + 1))][:60]
    return max(
        (SequenceMatcher(None, target, " ".join(part)).ratio() for part in stretches), default=0.0
    )


def _read_text(text: str) -> str | Unclear:
    """Control characters are nothing anybody said, and Postgres cannot keep U+0000."""
    printable = "".join(char if char.isprintable() else " " for char in text)
    trimmed = " ".join(printable.split())[:MAX_TEXT].rstrip()
    return trimmed if words_of(trimmed) else Unclear("nothing was heard")
