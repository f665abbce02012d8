"""Yes and no in English, Hindi and Hinglish; who says both, or neither, is unclear."""

from __future__ import annotations

import re
from typing import Final

from dialer.agent.unclear import Unclear
from dialer.agent.words import words_of

NEGATIONS: Final = frozenset(words_of("no not nahi nahin nahee nai nhi mat नहीं नही ना मत"))

_YES = frozenset(
    words_of(
        "yes yeah yep yup yah ya yess y sure correct right true absolutely definitely certainly "
        "exactly indeed agreed ok okay okey affirmative surely "
        "haan haa han hanji haanji hanjee bilkul zaroor zarur jaroor jarur sahi theek thik "
        "हां हा बिल्कुल बिलकुल जरूर सही ठीक बेशक यस"
    )
)
_NO = NEGATIONS | frozenset(
    words_of(
        "nope nah naa never none false n nay negative don't dont doesn't doesnt haven't havent "
        "isn't isnt aren't arent didn't didnt won't wont can't cannot wasn't na नो"
    )
)
# Polite by itself, yes only where nothing says no: "ji nahi".
_WEAK_YES = frozenset(words_of("ji jee hai hain hoon please जी है हैं हूं"))
_UNSURE = frozenset(words_of("maybe perhaps shayad depends possibly शायद"))
# Longest first; what they mean replaces them before single words are weighed.
_PHRASES: tuple[tuple[str, str], ...] = (
    ("of course not", "no"),
    ("absolutely not", "no"),
    ("definitely not", "no"),
    ("certainly not", "no"),
    ("not at all", "no"),
    ("not really", "no"),
    ("not yet", "no"),
    ("no not", "no"),
    ("no way", "no"),
    ("no thanks", "no"),
    ("no thank you", "no"),
    ("bilkul nahi", "no"),
    ("bilkul nahin", "no"),
    ("bilkul bhi nahi", "no"),
    ("बिल्कुल नहीं", "no"),
    ("बिलकुल नहीं", "no"),
    ("ji nahi", "no"),
    ("i don't think so", "no"),
    ("i do not think so", "no"),
    ("i don't know", "unsure"),
    ("i do not know", "unsure"),
    ("don't know", "unsure"),
    ("do not know", "unsure"),
    ("dont know", "unsure"),
    ("not sure", "unsure"),
    ("no idea", "unsure"),
    ("can't say", "unsure"),
    ("cannot say", "unsure"),
    ("pata nahi", "unsure"),
    ("pata nahin", "unsure"),
    ("nahi pata", "unsure"),
    ("maloom nahi", "unsure"),
    ("पता नहीं", "unsure"),
    ("मालूम नहीं", "unsure"),
    ("no problem", "yes"),
    ("not a problem", "yes"),
    ("no doubt", "yes"),
    ("no issue", "yes"),
    ("no issues", "yes"),
    ("why not", "yes"),
    ("kyon nahi", "yes"),
    ("kyun nahi", "yes"),
    ("क्यों नहीं", "yes"),
    ("of course", "yes"),
    ("by all means", "yes"),
    ("go ahead", "yes"),
    ("i do", "yes"),
    ("i am", "yes"),
    ("i have", "yes"),
    ("we do", "yes"),
    ("we have", "yes"),
    ("it is", "yes"),
    ("that is right", "yes"),
    ("that's right", "yes"),
    ("i would", "yes"),
    ("don't worry", ""),
    ("not only", ""),
)
# A refusal to answer is no "no".
_WITHHELD = re.compile(
    r"(?:not|don't|dont|won't|can't|cannot|why should i|rather|prefer) (?:\S+ ){0,3}?"
    r"(?:tell|say|answer|share|disclose|discuss|reveal)(?= )"
    r"|(?:rather|prefer) not |none of your |(?:nahi|nahin|नहीं) (?:bat|बता)\S* "
    r"|(?:batana|bataunga|bataungi|बताना) (?:nahi|nahin|नहीं) "
)
_SPLIT = tuple(
    sorted(((words_of(phrase), value) for phrase, value in _PHRASES), key=lambda p: -len(p[0]))
)


def read_yes_no(text: str) -> bool | Unclear:
    """Return what ``text`` comes down to."""
    words = words_of(text)
    if _WITHHELD.search(f"{' '.join(words)} "):
        return Unclear("the callee does not want to tell")
    found = _weigh(words)
    if "unsure" in found:
        return Unclear("the callee is not sure")
    if {"yes", "no"} <= found:
        return Unclear("both a yes and a no were heard")
    if "no" in found:
        return False
    if "yes" in found or "weak yes" in found:
        return True
    return Unclear("neither a yes nor a no was heard")


def _weigh(words: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    at = 0
    while at < len(words):
        meaning, size = _meaning(words, at)
        # "I do not", "it is not": the verb alone would have said yes
        following = words[at + size] if at + size < len(words) else ""
        if meaning == "yes" and size > 1 and following in _NO:
            meaning = ""
        if meaning:
            found.add(meaning)
        at += size
    return found


def _meaning(words: tuple[str, ...], at: int) -> tuple[str, int]:
    for phrase, meaning in _SPLIT:
        if words[at : at + len(phrase)] == phrase:
            return meaning, len(phrase)
    word = words[at]
    for meaning, group in (
        ("yes", _YES),
        ("no", _NO),
        ("weak yes", _WEAK_YES),
        ("unsure", _UNSURE),
    ):
        if word in group:
            return meaning, 1
    return "", 1
