"""A notification over the stream: message, keys or words, goodbye; no model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dialer.agent.moves import HandOver, HangUp, OptOut, Say, Settle
from dialer.domain.attempt import Disposition
from dialer.domain.definition import Definition
from dialer.domain.definition_parse import parse_tables
from tests.unit.agent_talk import NOW, Talk

MESSAGE = "Hello Asha, your visit is tomorrow."


def notification(*, language: str = "en-IN", transfer: bool = False, **section: Any) -> Definition:
    tables: dict[str, Any] = {
        "campaign": {
            "name": "Visit",
            "kind": "notification",
            "category": "service",
            "rule_packs": ["in"],
            "language": language,
        },
        "dialing": {"caller_ids": ["+911601200001"]},
        "notification": {
            "message": "Hello {first_name}, your visit is tomorrow.",
            "delivery": "stream",
            "keys": {"1": "confirmed", "2": "reschedule", "9": "opted_out"},
            "replies": {"confirmed": "See you, {first_name}."},
            **section,
        },
    }
    if transfer:
        tables["transfer"] = {"to": "+911140000000"}
    return parse_tables(tables, source="test")


def start(**options: Any) -> Talk:
    return Talk(notification(**options)).done()


def test_the_message_is_said_and_a_key_answered() -> None:
    talk = start()
    assert talk.said == [MESSAGE] and talk.mind.patience_s == 6 and talk.mind.most_keys == 1
    talk.press("1")
    assert talk.moves == [Settle(Disposition.CONFIRMED), Say("See you, Asha."), HangUp()]


def test_a_recording_is_announced_first() -> None:
    assert start(record=True).said == ["This call is recorded.", MESSAGE]


@pytest.mark.parametrize(
    ("text", "disposition"),
    [
        ("yes", Disposition.CONFIRMED),
        ("haan ji", Disposition.CONFIRMED),
        ("I confirm", Disposition.CONFIRMED),
        ("press one", Disposition.CONFIRMED),
        ("two", Disposition.RESCHEDULE),
        ("can I come another day", Disposition.RESCHEDULE),
        ("yes but I can't make it", Disposition.RESCHEDULE),
        ("समय बदल दो", Disposition.RESCHEDULE),
        ("I am busy, call me later", Disposition.CALLBACK),
    ],
)
def test_words_mean_what_keys_mean(text: str, disposition: Disposition) -> None:
    talk = start().hear(text)
    assert talk.settled == Settle(disposition) and isinstance(talk.moves[-1], HangUp)
    assert len(talk.said) == 1


@pytest.mark.parametrize("text", ["stop calling me", "nine", "कॉल मत करना"])
def test_an_opt_out_is_always_heard(text: str) -> None:
    moves = start().hear(text).moves
    assert isinstance(moves[0], OptOut) and isinstance(moves[-1], HangUp)
    if text != "nine":
        assert isinstance(start(keys={}).hear(text).moves[0], OptOut)


def test_a_callback_at_a_time_is_said_back() -> None:
    talk = start().hear("call me tomorrow at six")
    at = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
    assert talk.settled == Settle(Disposition.CALLBACK, at)
    assert talk.said == ["All right, we will call you tomorrow at 6 pm. Goodbye."]


def test_yes_confirms_nothing_that_was_not_offered() -> None:
    talk = start(keys={"9": "opted_out"}, replies={}).hear("yes")
    assert talk.settled is None and talk.said == [MESSAGE]


@pytest.mark.parametrize("react", ["silence", "hear", "press"])
def test_without_an_answer_it_is_said_once_more_and_then_goodbye(react: str) -> None:
    talk = start()
    arguments = {"silence": (), "hear": ("the weather",), "press": ("7",)}[react]
    assert getattr(talk, react)(*arguments).said == [MESSAGE]
    getattr(talk.done(), react)(*arguments)
    assert talk.moves == [Say("Thank you. Goodbye.", is_fixed=True), HangUp()]
    assert talk.settled is None


def test_without_keys_it_is_said_once() -> None:
    talk = start(keys={}, replies={})
    assert talk.mind.patience_s < 6
    assert talk.silence().moves[-1] == HangUp() and talk.said == ["Thank you. Goodbye."]


def test_who_did_not_hear_hears_it_again_but_not_for_ever() -> None:
    talk = start()
    for _ in range(6):
        assert talk.hear("pardon?").said == [MESSAGE]
    assert talk.hear("pardon?").has_ended


def test_who_asks_for_a_human_gets_one_or_a_call() -> None:
    assert start(transfer=True).hear("operator").moves[-1] == HandOver("asked")
    assert start().hear("operator").settled == Settle(Disposition.CALLBACK)


def test_the_machine_says_that_it_is_one() -> None:
    assert start().hear("are you a robot").said == ["I am an automated assistant.", MESSAGE]


def test_hindi_has_its_own_words_where_the_file_has_none() -> None:
    talk = start(language="hi-IN", replies={})
    assert talk.press("1").said == ["धन्यवाद, यह पक्का हो गया। नमस्ते।"]
    talk = start(language="hi-IN", goodbye="Bye.")
    assert talk.silence().done().silence().said == ["Bye."]
    assert start(language="hi-IN", keys={}).silence().said == ["धन्यवाद। नमस्ते।"]


def test_who_asks_for_no_more_calls_after_a_key_gets_none() -> None:
    talk = start().press("1").done()
    assert talk.hear("thanks").moves == []
    assert talk.hear("stop calling me").moves == [OptOut()]


def test_failure_and_time_limit_end_it() -> None:
    settle, apology, end = start().mind.fail(NOW)
    assert (settle, end) == (Settle(Disposition.CALLBACK), HangUp())
    assert isinstance(apology, Say) and apology.text in start().mind.fixed_texts
    assert start().mind.time_is_up(NOW)[-1] == HangUp()


def test_fixed_texts_hold_no_leads_data() -> None:
    assert not [text for text in start().mind.fixed_texts if "Asha" in text]
