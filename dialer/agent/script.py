"""What one campaign says to one lead: its texts filled in, its questions, its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dialer.agent.disclosure import missing_disclosures
from dialer.agent.moves import Answer, Say, Tool
from dialer.agent.prompt import system_prompt, tools
from dialer.agent.sentences import Sentences, in_language
from dialer.domain.definition import Definition, QualifiedWhen, Question, fill


@dataclass(frozen=True, slots=True)
class Line:
    """Words as they are spoken. ``is_fixed``: no lead's data is in them."""

    text: str
    is_fixed: bool

    def say(self, *, may_interrupt: bool = True) -> Say:
        return Say(self.text, is_fixed=self.is_fixed, may_interrupt=may_interrupt)


@dataclass(frozen=True, slots=True)
class Script:
    """``opening`` comes before the first question, its disclosures included."""

    opening: tuple[Line, ...]
    questions: Mapping[str, Question]  # in order
    asks: Mapping[str, Line]
    rules: Sequence[QualifiedWhen]
    goodbye: Line
    sentences: Sentences
    transfers_when: frozenset[str]
    prompt: str
    tools: tuple[Tool, ...]
    lead: Mapping[str, object]

    def __deepcopy__(self, memo: dict[int, Any]) -> Script:
        """A call copies its mind to be able to go back; what never changes is shared."""
        return self

    @property
    def fixed_texts(self) -> tuple[str, ...]:
        """What may be said word by word as it stands, likeliest in a hurry first."""
        words = self.sentences
        ours = (
            words.apology,
            words.opted_out,
            words.not_heard,
            words.still_there,
            words.say_again,
            words.i_am_automated,
            words.connecting,
            words.not_interested,
        )
        lines = (*self.opening, *self.asks.values(), self.goodbye)
        follow_ups = (self.expects(each).text for each in self.questions)
        told = [*ours, *(line.text for line in lines if line.is_fixed), *follow_ups]
        return tuple(dict.fromkeys(told))

    def expects(self, question_id: str) -> Line:
        """Return what an answer should be, in words."""
        question = self.questions[question_id]
        words = self.sentences.expects[question.type]
        return Line(words.format(choices=", ".join(question.choices)), is_fixed=True)


def line(text: str, values: Mapping[str, object]) -> Line:
    filled = " ".join(fill(text, values).split())
    return Line(filled, is_fixed=filled == " ".join(text.split()))


def script_for(
    definition: Definition,
    values: Mapping[str, object],
    *,
    language: str,
    is_recorded: bool,
) -> Script:
    """Fill a qualification campaign's texts with one lead's ``values``."""
    agent = definition.agent
    assert agent is not None  # a definition of kind qualification has one
    sentences = in_language(language)
    own_words = f"{agent.opening} {agent.disclosure}"
    missing = missing_disclosures(own_words, sentences, is_recorded=is_recorded)
    transfer = definition.transfer
    whens = frozenset[str](transfer.when) if transfer is not None else frozenset[str]()
    return Script(
        opening=(
            line(agent.opening, values),
            line(agent.disclosure, values),
            *(Line(sentence, is_fixed=True) for sentence in missing),
        ),
        questions={question.id: question for question in agent.questions},
        asks={question.id: line(question.ask, values) for question in agent.questions},
        rules=agent.qualified_when,
        goodbye=line(agent.goodbye or sentences.goodbye, values),
        sentences=sentences,
        transfers_when=whens,
        prompt=system_prompt(definition, language=language, is_recorded=is_recorded),
        tools=tools(agent.questions, whens),
        lead=values,
    )


def is_qualified(rules: Sequence[QualifiedWhen], answers: Mapping[str, Answer]) -> bool:
    """Whether every rule holds; a question without an answer holds none."""
    return all(rule.question in answers and _holds(rule, answers[rule.question]) for rule in rules)


def _holds(rule: QualifiedWhen, answer: Answer) -> bool:
    wanted = rule.value
    if isinstance(wanted, list):
        return any(_equal(answer, each) for each in wanted)
    match rule.op:
        case "==" | "in":
            return _equal(answer, wanted)
        case "!=":
            return not _equal(answer, wanted)
    if isinstance(answer, str) and isinstance(wanted, str):  # ISO dates sort as text
        return answer >= wanted if rule.op == ">=" else answer <= wanted
    if not _is_number(answer) or not _is_number(wanted):
        return False
    return float(answer) >= float(wanted) if rule.op == ">=" else float(answer) <= float(wanted)


def _equal(answer: Answer, wanted: Answer) -> bool:
    """Python holds True for 1; a rule does not. Letters' case and blanks do not matter."""
    if isinstance(answer, bool) or isinstance(wanted, bool):
        return answer is wanted
    if isinstance(answer, str) and isinstance(wanted, str):
        return " ".join(answer.casefold().split()) == " ".join(wanted.casefold().split())
    return answer == wanted


def _is_number(value: Answer) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
