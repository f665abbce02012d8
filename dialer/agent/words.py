"""Speech as plain words: what every reader of the callee's words starts from.

A recogniser writes Hindi in Devanagari or in Latin letters, with or without punctuation, so
readers compare words that were cleaned here and nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_MAX_CHARACTERS = 2000  # far above one turn; patterns never see more
# `\w` splits Devanagari at its vowel signs, so its block is named; U+0964/5 are full stops.
_WORD = re.compile(r"[\w\u0900-\u0963\u0966-\u097F]+(?:'[^\W\d_]+)?")
_NUKTA = "\u093c"  # ज़ and ज are one letter to a recogniser
_DROPPED = str.maketrans({_NUKTA: None, "\u200c": None, "\u200d": None, "’": "'", "‘": "'"})
_VARIANTS = str.maketrans({"ँ": "ं"})  # हूँ and हूं
_DIGITS = str.maketrans("०१२३४५६७८९", "0123456789")


def clean(text: str) -> str:
    """Return ``text`` in lower case, one spelling for each letter, digits as 0-9."""
    decomposed = unicodedata.normalize("NFKC", text[:_MAX_CHARACTERS]).translate(_DROPPED)
    # NFKC composes some letters with their nukta and leaves others: both lose it.
    bare = unicodedata.normalize("NFD", decomposed).translate(_DROPPED).translate(_VARIANTS)
    return unicodedata.normalize("NFC", bare).translate(_DIGITS).casefold()


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of ``text``, cleaned, without punctuation."""
    return tuple(_WORD.findall(clean(text)))


def find(part: Sequence[str], whole: Sequence[str]) -> int:
    """Return where ``part`` stands in ``whole`` as one piece, or -1."""
    size = len(part)
    for start in range(len(whole) - size + 1):
        if tuple(whole[start : start + size]) == tuple(part):
            return start
    return -1
