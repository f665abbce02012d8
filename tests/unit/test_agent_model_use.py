"""The qualification agent and its model: what it is told, and what becomes of what it does."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from dialer.agent.history import MOST_MESSAGES, History
from dialer.agent.moves import Record, Think, ToolCall
from dialer.agent.qualification import MOST_USES
from tests.unit.agent_talk import QUESTIONS, Talk, qualification

ROOF = QUESTIONS[2]["ask"]


def start(**options: Any) -> Talk:
    return Talk(qualification(**options))


def at_bill(**options: Any) -> Talk:
    return start(**options).answer("owns", "yes")


def test_the_model_is_told_what_was_heard_and_not_what_was_sent() -> None:
    talk = at_bill().cut("Thank you. How much is").hear("wait, who are you")
    roles = [(m.role, m.text) for m in talk.think.messages[1:-1]]
    assert roles[-4:] == [
        ("assistant", ""),
        ("tool", "recorded"),
        ("assistant", "Thank you. How much is—"),
        ("user", "wait, who are you"),
    ]


def test_what_the_model_is_told_stays_bounded_and_well_formed() -> None:
    talk = start()
    for _ in range(5):
        uses = [("record_answer", {"question_id": "owns", "value": "yes"})] * MOST_USES
        talk.done().hear("yes, yes").model(*uses, text="Yes?")
    talk.done().hear("well")
    messages = talk.think.messages
    assert MOST_MESSAGES <= len(messages) <= MOST_MESSAGES + 2
    assert messages[1].role != "tool"
    for before, message in pairwise(messages):
        if message.role == "tool":
            assert [use.id for use in before.tool_calls] == [message.tool_call_id]


def test_a_tools_result_never_outlives_its_use() -> None:
    history = History()
    for number in range(MOST_MESSAGES):
        history.tool_was_used(ToolCall(f"c{number}", "opt_out", ""), "{}", "done")
        history.callee_said("well")
        assert history.messages[0].role != "tool" and len(history.messages) <= MOST_MESSAGES


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("record_answer", "{broken"),
        ("record_answer", "[]"),
        ("record_answer", "[" * 3000),
        ("record_answer", '{"question_id": ' + "9" * 3900 + "}"),
        ("record_answer", " " * 5000 + "x"),
        ("record_answer", '{"question_id": "nose", "value": "yes"}'),
        ("record_answer", '{"question_id": ["owns"], "value": "yes"}'),
        ("record_answer", '{"question_id": "owns", "value": {"a": 1}}'),
        ("record_answer", '{"question_id": "owns"}'),
        ("transfer", '{"reason": ["asked"]}'),
        ("end_call", '{"reason": null}'),
        ("launch_rocket", "{}"),
        ("", ""),
        ("naïve tool\n" * 50, "\0"),
    ],
)
def test_a_tool_used_wrongly_gets_one_more_try_and_then_a_sentence(
    name: str, arguments: str
) -> None:
    talk = start().done().hear("yes").model((name, arguments))
    result, situation = talk.think.messages[-2:]
    assert result.role == "tool" and result.text.startswith("not ")
    assert situation.role == "system"
    (use,) = talk.think.messages[-3].tool_calls
    assert use.name.isascii() and use.name.replace("_", "").isalnum()
    talk.model((name, arguments))
    assert talk.said == ["Sorry, could you say that again?"] and talk.answers == {}


def test_a_model_that_says_nothing_gets_one_more_try_and_then_a_sentence() -> None:
    talk = start().done().hear("yes").model()
    assert isinstance(talk.moves[0], Think)
    assert talk.model(text=" … ").said == ["Sorry, could you say that again?"]


def test_a_model_that_never_stops_using_tools_is_stopped() -> None:
    talk = start().done().hear("yes")
    uses = [("record_answer", {"question_id": "owns", "value": "yes"})] * 500
    talk.model(*uses)
    assert len([move for move in talk.moves if isinstance(move, Record)]) == MOST_USES
    talk.done().hear("hm")
    results = [m.text for m in talk.think.messages if m.role == "tool"]
    assert len(results) == MOST_USES + 1 and "too many" in results[-1]


def test_models_may_write_values_as_json_numbers_and_booleans() -> None:
    talk = start().done().hear("yes")
    talk.model(("record_answer", {"question_id": "owns", "value": True}))
    talk.done().hear("2500")
    talk.model(("record_answer", {"question_id": "bill", "value": 2500.0}))
    assert talk.answers == {"owns": True, "bill": 2500}


def test_a_model_that_asks_back_is_not_talked_over() -> None:
    talk = at_bill().done().hear("it depends")
    assert talk.model(text="Roughly how much on average?").moves == []
    talk.answer("bill", "some", text="Sorry, how much was that?")
    assert talk.moves == []
    assert talk.answer("bill", "3000").said == [ROOF]


def test_a_model_that_tries_again_in_one_reply_is_forgiven() -> None:
    talk = at_bill().done().hear("three thousand")
    talk.model(
        ("record_answer", {"question_id": "bill", "value": "several"}),
        ("record_answer", {"question_id": "bill", "value": "3000"}),
    )
    assert talk.answers["bill"] == 3000 and talk.said == [ROOF]
