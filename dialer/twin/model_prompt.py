"""What a request tells the twin's model: questions, knowledge, the situation. Pure.

It knows nothing of the product but what stands in the messages. A prompt without these lines is
no error: then nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_QUESTION = re.compile(
    r"^\s*- (?P<id>\S+) \((?P<type>\w+)(?:, choices: (?P<choices>.*?))?\): (?P<ask>.+)$"
)
_KNOWLEDGE = "What you know:"
_HEADER = re.compile(r"^\S[^.?!]{0,80}:$")
_SENTENCE = re.compile(r"(?<=[.!?।])\s+")
_NOW = re.compile(r"Local time: (\d{4}-\d\d-\d\dT\d\d:\d\d)")
_ASKING = re.compile(r"Now asking: *([^\s,]+)")
_BUSINESS = re.compile(
    r"\b(?:on behalf of|calling for|calls? for|work for|from) ((?:[A-Z][\w&-]*\s?)+)"
)
NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    type: str
    ask: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """An offered tool: the parameters' schemas by name, in their order."""

    name: str
    parameters: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Prompt:
    """``asking`` is the question under way, ``is_ours`` False for a prompt without the lines.

    ``said`` is the user's last message, ``before`` the assistant's last one before it, ``results``
    what tools answered since; ``said`` is None when nobody has spoken since the assistant did.
    """

    tools: Mapping[str, Tool]
    knowledge: tuple[str, ...]
    business: str
    now: datetime | None
    asking: Question | None
    is_ours: bool
    said: str | None
    before: str
    results: tuple[str, ...]


def read_prompt(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
) -> Prompt:
    system = [_text(each) for each in messages if each.get("role") in ("system", "developer")]
    everything = "\n".join(system)
    situation = system[-1] if system else ""
    questions = {each.id: each for text in system for each in _questions(text)}
    now, asking = _NOW.search(situation), _ASKING.search(situation)
    asked = asking[1].rstrip(".") if asking else NOTHING
    said, before, results = _talk(messages)
    business = _BUSINESS.search(everything)
    return Prompt(
        tools={tool.name: tool for tool in map(_tool, tools)},
        knowledge=tuple(_knowledge(everything)),
        business=business[1].strip() if business else "",
        now=datetime.fromisoformat(now[1]) if now else None,
        asking=None if asked == NOTHING else questions.get(asked) or Question(asked, "text", ""),
        is_ours=asking is not None,
        said=said,
        before=before,
        results=results,
    )


def _talk(messages: Sequence[Mapping[str, Any]]) -> tuple[str | None, str, tuple[str, ...]]:
    said: str | None = None
    before, latest = "", ""
    results: list[str] = []
    for message in messages:
        role, text = message.get("role"), _text(message)
        if role == "user":
            # Two in a row are one turn that came in two parts.
            said = f"{said} {text}" if said is not None and not results else text
            before, results = latest, []
        elif role == "tool":
            results.append(text)
        elif role == "assistant" and text:
            latest, said, results = text, None if not message.get("tool_calls") else said, []
    return said, before, tuple(results)


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _questions(text: str) -> list[Question]:
    found = [_QUESTION.match(line) for line in text.splitlines()]
    return [
        Question(
            each["id"],
            each["type"],
            each["ask"].strip(),
            tuple(part.strip() for part in (each["choices"] or "").split("|") if part.strip()),
        )
        for each in found
        if each is not None
    ]


def _knowledge(text: str) -> list[str]:
    """The sentences of the knowledge section: up to the next header or question."""
    sentences: list[str] = []
    is_inside = False
    for line in text.splitlines():
        bare = line.strip()
        if bare == _KNOWLEDGE:
            is_inside = True
        elif _HEADER.match(bare) or _QUESTION.match(line):
            is_inside = False
        elif is_inside:
            sentences += [part for part in _SENTENCE.split(bare.lstrip("-* ")) if part]
    return sentences


def _tool(tool: Mapping[str, Any]) -> Tool:
    function = tool.get("function")
    function = function if isinstance(function, dict) else {}
    schema = function.get("parameters")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    known = {name: each for name, each in properties.items() if isinstance(each, dict)}
    return Tool(str(function.get("name") or ""), known)
