"""The answers of one call: what is known, what is still open, and what follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from dialer.agent.moves import Answer
from dialer.agent.script import is_qualified
from dialer.domain.attempt import Disposition
from dialer.domain.definition import QualifiedWhen, Question

MOST_ASKS: Final = 5  # of one question, whatever came between
_OFTEN = 3  # from then on it is said what an answer should be
MOST_UNCLEAR: Final = 2  # follow-ups to a required question; an optional one has none


class AnswerSheet:
    """Questions in order, each answered, open, or given up."""

    def __init__(
        self,
        questions: Sequence[Question],
        rules: Sequence[QualifiedWhen],
        known: Mapping[str, Answer],
    ) -> None:
        self._questions, self._rules = questions, rules
        self._answers: dict[str, Answer] = dict(known)
        self._given_up: set[str] = set()
        self._asks: Counter[str] = Counter()
        self._unclear: Counter[str] = Counter()

    @property
    def answers(self) -> Mapping[str, Answer]:
        return self._answers

    @property
    def open(self) -> list[str]:
        done = self._answers.keys() | self._given_up
        return [question.id for question in self._questions if question.id not in done]

    @property
    def current(self) -> Question | None:
        """The question to be asked now: the first open one."""
        open_ids = self.open
        return next((each for each in self._questions if each.id in open_ids), None)

    @property
    def has_required_open(self) -> bool:
        return any(each.required and each.id not in self._answers for each in self._questions)

    def ask_next(self) -> Question | None:
        """Return the question to ask, and count that it is asked; one asked too often is left."""
        while (current := self.current) is not None:
            if self._asks[current.id] < MOST_ASKS:
                self._asks[current.id] += 1
                return current
            self.give_up(current.id)
        return None

    def was_asked_often(self, question_id: str) -> bool:
        return self._asks[question_id] >= _OFTEN

    def take(self, question_id: str, answer: Answer) -> bool:
        """Keep an answer; return whether it is new and not a correction."""
        is_new = question_id not in self._answers
        self._answers[question_id] = answer
        self._given_up.discard(question_id)
        return is_new

    def give_up(self, question_id: str) -> None:
        """Leave a question without an answer; an answer that is known stays."""
        self._given_up.add(question_id)

    def was_unclear(self) -> bool:
        """Count an unclear answer to the current question; return whether to ask it again."""
        current = self.current
        if current is None:
            return False
        self._unclear[current.id] += 1
        if current.required and self._unclear[current.id] <= MOST_UNCLEAR:
            return True
        self.give_up(current.id)
        return False

    def verdict(self) -> Disposition:
        """What the answers establish, by the campaign's rules alone."""
        if not self._questions or self.has_required_open:
            return Disposition.INCOMPLETE
        is_good = is_qualified(self._rules, self._answers)
        return Disposition.QUALIFIED if is_good else Disposition.NOT_QUALIFIED
