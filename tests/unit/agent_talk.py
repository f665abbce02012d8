"""A talk with a mind, move by move: what the call would do, without a call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dialer.agent.announcement import Announcement
from dialer.agent.moves import (
    HandOver,
    HangUp,
    Mind,
    Move,
    Moves,
    Record,
    Say,
    Settle,
    Think,
    ToolCall,
)
from dialer.agent.qualification import Qualification
from dialer.domain.definition import Definition
from dialer.domain.definition_parse import parse_tables

NOW = datetime(2026, 11, 23, 5, 34, tzinfo=UTC)  # Monday, 11:04 in India
INDIA = ZoneInfo("Asia/Kolkata")

OPENING = "Hello {first_name}, this is Bright Roof Solar."
DISCLOSURE = "I am an AI assistant, this call is recorded, say stop calling to get no more calls."
QUESTIONS: list[dict[str, Any]] = [
    {"id": "owns", "ask": "Do you own your home?", "type": "yes_no"},
    {"id": "bill", "ask": "How much is your monthly bill?", "type": "number"},
    {
        "id": "roof",
        "ask": "What is your roof made of?",
        "type": "choice",
        "choices": ["concrete", "tin sheets"],
        "required": False,
    },
]
RULES: list[dict[str, Any]] = [
    {"question": "owns", "op": "==", "value": True},
    {"question": "bill", "op": ">=", "value": 2000},
]


def qualification(
    *,
    transfer: Sequence[str] = ("asked", "frustrated"),
    language: str = "en-IN",
    questions: Sequence[dict[str, Any]] = QUESTIONS,
    rules: Sequence[dict[str, Any]] = RULES,
    **agent: Any,
) -> Definition:
    tables: dict[str, Any] = {
        "campaign": {
            "name": "Homes",
            "kind": "qualification",
            "category": "promotional",
            "rule_packs": ["in"],
            "language": language,
        },
        "dialing": {"caller_ids": ["+911402000001"]},
        "agent": {
            "opening": OPENING,
            "disclosure": DISCLOSURE,
            "questions": list(questions),
            "qualified_when": list(rules),
            **agent,
        },
    }
    if transfer:
        tables["transfer"] = {"to": "+911140000000", "when": list(transfer)}
    return parse_tables(tables, source="test")


def new_mind(definition: Definition, **values: Any) -> Mind:
    kind = Qualification if definition.notification is None else Announcement
    mind: Mind = kind(definition, values={"first_name": "Asha", **values}, zone=INDIA)
    return mind


class Talk:
    """Plays a mind's moves: all that is said is heard to its end unless `cut` says otherwise."""

    def __init__(self, definition: Definition, **values: Any) -> None:
        self.mind = new_mind(definition, **values)
        self.moves: list[Move] = []  # of the last go
        self.all: list[Move] = []
        self._play(self.mind.begin())

    @property
    def said(self) -> list[str]:
        """What the last go said."""
        return [move.text for move in self.moves if isinstance(move, Say)]

    @property
    def answers(self) -> dict[str, Any]:
        return {move.question_id: move.value for move in self.all if isinstance(move, Record)}

    @property
    def settled(self) -> Settle | None:
        return next((move for move in reversed(self.all) if isinstance(move, Settle)), None)

    @property
    def has_ended(self) -> bool:
        return any(isinstance(move, HandOver | HangUp) for move in self.all)

    @property
    def think(self) -> Think:
        (think,) = [move for move in self.moves if isinstance(move, Think)]
        return think

    def cut(self, heard: str) -> Talk:
        """The callee speaks into the agent's go."""
        self.mind.said(heard, is_cut=True)
        return self

    def done(self) -> Talk:
        """The agent's go was heard to its end."""
        self.mind.said(" ".join(self.said), is_cut=False)
        return self

    def hear(self, text: str) -> Talk:
        return self._play(self.mind.hear(text, NOW))

    def press(self, keys: str) -> Talk:
        return self._play(self.mind.press(keys, NOW))

    def silence(self) -> Talk:
        return self._play(self.mind.silence(NOW))

    def model(self, *uses: tuple[str, Any], text: str = "") -> Talk:
        """The model uses tools, then has said ``text``."""
        moves: list[Move] = []
        for number, (name, arguments) in enumerate(uses):
            raw = arguments if isinstance(arguments, str) else json.dumps(arguments)
            moves += self.mind.use_tool(ToolCall(f"call_{number}", name, raw), NOW)
        return self._play([*moves, *self.mind.replied(text, NOW)])

    def answer(self, question_id: str, value: str, text: str = "Thank you.") -> Talk:
        """The callee says ``value`` and the model records it."""
        self.done().hear(value)
        return self.model(
            ("record_answer", {"question_id": question_id, "value": value}), text=text
        )

    def _play(self, moves: Moves) -> Talk:
        self.moves = list(moves)
        self.all += moves
        return self
