"""Cutting a model's growing text into phrases that a voice can start on."""

from __future__ import annotations

import re

# A sentence may be spoken as soon as it is whole; a clause when it is long enough that its tune
# does not suffer (providers.md §2.4: three or four words, ending in punctuation).
_SENTENCE_END = re.compile(r"[.!?।…]+[\"')\]]*\s+|\n+")
_CLAUSE_END = re.compile(r"[,;:–—]\s+")
_FEWEST_WORDS = 4
_MOST_CHARACTERS = 220  # a text without punctuation is cut at a space


class Phrases:
    """`feed` returns the phrases that are complete; `rest` what is left at the end. Joined, they
    are the text itself, character by character."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> list[str]:
        self._held += text
        found = []
        while (end := self._end()) is not None:
            found.append(self._held[:end])
            self._held = self._held[end:]
        return found

    def rest(self) -> str:
        rest, self._held = self._held, ""
        return rest

    def _end(self) -> int | None:
        """Return where the first phrase ends, or None while it may still grow."""
        if (sentence := _SENTENCE_END.search(self._held)) and self._held[: sentence.end()].strip():
            return sentence.end()
        for clause in _CLAUSE_END.finditer(self._held):
            if len(self._held[: clause.end()].split()) >= _FEWEST_WORDS:
                return clause.end()
        if len(self._held) > _MOST_CHARACTERS:
            space = self._held.rfind(" ", 0, _MOST_CHARACTERS)
            return space + 1 if space > 0 else _MOST_CHARACTERS
        return None
