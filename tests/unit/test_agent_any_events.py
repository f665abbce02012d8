"""Whatever happens, in whatever order: a mind never raises, never loops, never falls silent, and
ends within a bounded number of turns."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.agent.answer_sheet import MOST_ASKS
from dialer.agent.moves import (
    HandOver,
    HangUp,
    Mind,
    Moves,
    OptOut,
    Record,
    Say,
    Settle,
    Think,
    ToolCall,
)
from dialer.agent.qualification import MOST_IDLE
from dialer.domain.definition import Definition
from dialer.domain.definition_parse import parse_tables
from tests.unit.agent_talk import NOW, QUESTIONS, new_mind, qualification

ANNOUNCEMENT: dict[str, Any] = {
    "campaign": {
        "name": "Visit",
        "kind": "notification",
        "category": "service",
        "rule_packs": ["in"],
    },
    "dialing": {"caller_ids": ["+911601200001"]},
    "notification": {
        "message": "Hello {first_name}, your visit is tomorrow. Press 1 to confirm.",
        "delivery": "stream",
        "keys": {"1": "confirmed", "2": "reschedule", "9": "opted_out"},
    },
}
DEFINITIONS = [
    qualification(),
    qualification(transfer=["qualified"], language="hi-IN"),
    qualification(transfer=(), questions=[], rules=[]),
    parse_tables(ANNOUNCEMENT, source="test"),
]
MOST_TURNS = (len(QUESTIONS) + 1) * (MOST_IDLE + MOST_ASKS)  # far above what a talk needs

_SAYINGS = st.sampled_from(
    [
        "yes", "no", "haan", "3000", "four to five", "why", "pardon", "are you a robot", "hello",
        "hmm", "", "...", "concrete", "tomorrow at six", "call me later", "what does it cost",
    ]
)  # fmt: skip
_ENDINGS = st.sampled_from(["stop calling me", "a human please"])
_TEXTS = st.one_of(_SAYINGS, _SAYINGS, _SAYINGS, _ENDINGS, st.text(max_size=40))
_ARGUMENTS = st.one_of(
    st.fixed_dictionaries(
        {
            "question_id": st.sampled_from(["owns", "bill", "roof", "nose"]),
            "value": st.one_of(_SAYINGS, st.integers(), st.floats(), st.booleans(), st.none()),
        }
    ).map(json.dumps),
    st.fixed_dictionaries({"at": st.sampled_from(["", "2026-11-24T18:00", "kal"])}).map(json.dumps),
    st.fixed_dictionaries(
        {"reason": st.sampled_from(["asked", "frustrated", "qualified", "finished", "", "x"])}
    ).map(json.dumps),
    st.text(max_size=30),
)
_TOOLS = st.tuples(
    st.sampled_from(
        ["record_answer"] * 6 + ["schedule_callback", "transfer", "end_call", "opt_out", "fly", ""]
    ),
    _ARGUMENTS,
)
_REPLIES = st.tuples(
    st.lists(_TOOLS, max_size=3), st.sampled_from(["", "Okay.", "Why do you ask?", "…"])
)
_KEYS = st.text(alphabet="0123456789*#A", max_size=9)
_EVENTS = st.one_of(
    st.tuples(st.just("hear"), _TEXTS),
    st.tuples(st.just("hear"), _TEXTS),
    st.tuples(st.just("press"), _KEYS),
    st.tuples(st.just("silence"), st.none()),
    st.tuples(st.just("model"), _REPLIES),
    st.tuples(st.just("said"), st.tuples(st.text(max_size=30), st.booleans())),
    st.tuples(st.just("copy"), st.none()),
)


def has_end(moves: Moves) -> bool:
    return any(isinstance(move, HandOver | HangUp) for move in moves)


def check_shape(moves: Moves) -> None:
    """What is written is written before what is said, and an end is the last thing."""
    kinds = [type(move) for move in moves]
    assert not any(kind in (HandOver, HangUp) for kind in kinds[:-1])
    assert Think not in kinds or kinds == [Think]
    spoken = [at for at, kind in enumerate(kinds) if kind is Say]
    written = [at for at, kind in enumerate(kinds) if kind in (OptOut, Settle, Record)]
    assert not spoken or not written or max(written) < min(spoken)
    assert all(move.text.strip() for move in moves if isinstance(move, Say))
    if has_end(moves):
        assert spoken, "nobody is cut off without a word"


def play(mind: Mind, event: str, value: Any) -> tuple[Mind, list[Any]]:
    moves: list[Any] = []
    match event:
        case "hear":
            moves = list(mind.hear(value, NOW))
        case "press":
            moves = list(mind.press(value, NOW))
        case "silence":
            moves = list(mind.silence(NOW))
        case "said":
            mind.said(value[0], is_cut=value[1])
        case "copy":
            mind = copy.deepcopy(mind)
        case "model":
            uses, text = value
            for number, (name, arguments) in enumerate(uses):
                used = mind.use_tool(ToolCall(f"c{number}", name, arguments), NOW)
                check_shape(used)
                moves += used
            if has_end(moves):
                assert list(mind.replied(text, NOW)) == []
            else:
                replied = mind.replied(text, NOW)
                check_shape(replied)
                moves += replied
            return mind, moves
    check_shape(moves)
    return mind, moves


@settings(max_examples=400, deadline=None)
@given(definition=st.sampled_from(DEFINITIONS), events=st.lists(_EVENTS, max_size=40))
def test_any_order_of_events_is_survived_and_nothing_follows_an_end(
    definition: Definition, events: list[tuple[str, Any]]
) -> None:
    mind = new_mind(definition)
    check_shape(mind.begin())
    has_ended = False
    for event, value in events:
        mind, moves = play(mind, event, value)
        assert not has_ended or moves in ([], [OptOut()])  # which is heard to the last
        has_ended |= has_end(moves)
        assert mind.most_keys >= 1 and mind.patience_s > 0


@settings(max_examples=200, deadline=None)
@given(data=st.data(), definition=st.sampled_from(DEFINITIONS))
def test_a_talk_ends_whatever_callee_and_model_do(
    data: st.DataObject, definition: Definition
) -> None:
    """As a call plays it: the callee's turn, then the model until it needs no more."""
    mind = new_mind(definition)
    moves: Moves = mind.begin()
    for _ in range(MOST_TURNS):
        mind.said(" ".join(m.text for m in moves if isinstance(m, Say)), is_cut=False)
        event = data.draw(
            st.one_of(
                st.tuples(st.just("hear"), _SAYINGS),
                st.tuples(st.just("press"), _KEYS),
                st.just(("silence", None)),
            )
        )
        mind, moves = play(mind, *event)
        asked = 0
        while any(isinstance(move, Think) for move in moves):
            asked += 1
            assert asked <= 2, "the model is asked twice at most"
            reply = data.draw(_REPLIES)
            mind, moves = play(mind, "model", reply)
            # Only a question of the model's own may leave the floor to the callee.
            assert moves or reply[1].strip("… ")
        if has_end(moves):
            return
    pytest.fail("the talk never ended")
