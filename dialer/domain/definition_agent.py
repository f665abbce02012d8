"""What the types of `[agent]` cannot say: questions that can be asked, rules that can hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from dialer.domain.definition import AgentSection, QualifiedWhen, Question
from dialer.domain.definition_errors import shown
from dialer.errors import FieldError

_OPS = {
    "yes_no": ("==", "!="),
    "number": ("==", "!=", ">=", "<=", "in"),
    "choice": ("==", "!=", "in"),
    "date": ("==", "!=", ">=", "<=", "in"),
    "text": ("==", "!=", "in"),
}
_MAX_NUMBER = 10**15  # beyond any answer
_NO_ID = "nothing"  # the prompt says "Now asking: nothing"


def agent_problems(agent: AgentSection) -> Iterator[FieldError]:
    ids = [question.id for question in agent.questions]
    for index, question in enumerate(agent.questions):
        path = f"agent.questions[{index}]"
        if question.id in ids[:index]:
            yield FieldError(f"{path}.id", f"{question.id!r} is used twice")
        if question.id == _NO_ID:
            yield FieldError(f"{path}.id", f"found {_NO_ID!r}; allowed: any other word")
        yield from _choice_problems(question, path)
    known = ", ".join(ids) or "no question is defined"
    for index, rule in enumerate(agent.qualified_when):
        path = f"agent.qualified_when[{index}]"
        if rule.question not in ids:
            message = f"found {shown(rule.question)}; allowed: {known}"
            yield FieldError(f"{path}.question", message, rule.question)
        else:
            yield from _rule_problems(rule, agent.questions[ids.index(rule.question)], path)


def _choice_problems(question: Question, path: str) -> Iterator[FieldError]:
    path = f"{path}.choices"
    if question.type != "choice":
        if question.choices:
            yield FieldError(path, f"not allowed; the type is {question.type}, not choice")
        return
    if len(question.choices) < 2:
        yield FieldError(path, "a choice needs two or more")
    plain = [" ".join(choice.casefold().split()) for choice in question.choices]
    for index, choice in enumerate(plain):
        found = shown(question.choices[index])
        if not choice or "|" in choice or len(choice) > 80:
            message = f"found {found}; allowed: text of 1 to 80 characters without |"
            yield FieldError(f"{path}[{index}]", message, question.choices[index])
        elif choice in plain[:index]:
            yield FieldError(f"{path}[{index}]", f"{found} stands there twice")


def _rule_problems(rule: QualifiedWhen, question: Question, path: str) -> Iterator[FieldError]:
    if rule.op not in _OPS[question.type]:
        allowed = ", ".join(_OPS[question.type])
        message = f"found {shown(rule.op)}; allowed for a {question.type} question: {allowed}"
        yield FieldError(f"{path}.op", message, rule.op)
        return
    is_list = isinstance(rule.value, list)
    if is_list != (rule.op == "in"):
        allowed = "a list" if rule.op == "in" else "one value"
        message = f"found {shown(rule.value)}; allowed with {rule.op}: {allowed}"
        yield FieldError(f"{path}.value", message, rule.value)
        return
    values = rule.value if isinstance(rule.value, list) else [rule.value]
    if not values:
        yield FieldError(f"{path}.value", "found []; allowed: a list of 1 entry or more", [])
    for index, value in enumerate(values):
        if not _fits(value, question):
            at = f"{path}.value[{index}]" if is_list else f"{path}.value"
            yield FieldError(at, f"found {shown(value)}; allowed: {_allowed(question)}", value)


def _fits(value: object, question: Question) -> bool:
    match question.type:
        case "yes_no":
            return isinstance(value, bool)
        case "number":
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return abs(value) <= _MAX_NUMBER  # not a NaN either
        case "choice":
            return value in question.choices
        case "date":
            return isinstance(value, str) and _is_date(value)
        case "text":
            return isinstance(value, str)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _allowed(question: Question) -> str:
    words = {
        "yes_no": "true or false",
        "number": "a number",
        "choice": ", ".join(question.choices),
        "date": "a date such as '2026-11-30', in quotes",
        "text": "text",
    }
    return words[question.type]
