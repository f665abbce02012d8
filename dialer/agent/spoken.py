"""What the callee has really heard of the opening and of the question: both must be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dialer.agent.moves import Say
from dialer.agent.script import Line
from dialer.agent.words import find, words_of

MOST_OPENINGS: Final = 3  # the last of them cannot be interrupted
_BEGUN_WORDS: Final = 2


class Spoken:
    """Lines of the opening are owed until they were heard to their end; a question counts as
    asked once it was begun, since people who know what comes answer before its last word."""

    def __init__(self, opening: Sequence[Line]) -> None:
        self._owed = tuple(opening)
        self._openings = 0
        self._told: tuple[Line, ...] = ()
        self._asking: tuple[str, str] | None = None
        self.asked: str | None = None

    @property
    def is_opening_owed(self) -> bool:
        return bool(self._owed)

    def tell_opening(self) -> list[Say]:
        """Say what is owed of the opening."""
        if not self._owed:
            return []
        self._openings += 1
        is_last = self._openings >= MOST_OPENINGS
        lines, self._owed = self._owed, ()
        self._told = () if is_last else lines
        return [line.say(may_interrupt=not is_last) for line in lines]

    def ask(self, question_id: str, ask: Line) -> Say:
        self._asking = question_id, ask.text
        return ask.say()

    def heard(self, text: str, *, is_cut: bool) -> None:
        """The agent's go is over; what was cut off is owed again."""
        words = words_of(text)
        if self._told:
            lost = [line for line in self._told if is_cut and not _is_in(line.text, words)]
            self._owed, self._told = tuple(lost), ()
        if self._asking is not None:
            question_id, ask = self._asking
            begun = words_of(ask)[:_BEGUN_WORDS]
            if not is_cut or find(begun, words) >= 0:
                self.asked = question_id
            self._asking = None


def _is_in(text: str, words: tuple[str, ...]) -> bool:
    return find(words_of(text), words) >= 0
