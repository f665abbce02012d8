"""What a callee may ask for at any moment is found without a model, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.agent.intents import (
    Intent,
    asks_for_another_date,
    asks_for_callback,
    find_intent,
    is_only_a_greeting,
)


@pytest.mark.parametrize(
    "text",
    [
        "stop calling me", "STOP CALLING ME!", "I said stop calling me, okay?", "Stop.",
        "please stop", "stop these calls", "don't call again", "don’t call me", "No more calls!",
        "don't ever call me again", "never call this number again", "please do not call me anymore",
        "remove my number", "take me off your list", "unsubscribe", "opt me out",
        "do not disturb me", "I don't want any calls", "I don't want you to call",
        "put me on the do not call list", "phone mat karna", "dobara call mat karo",
        "mujhe call mat karo", "mujhe phone mat kijiye", "aaj ke baad call mat karna",
        "call karna band karo", "number hata do", "yaar pareshan mat karo mujhe",
        "मुझे दोबारा कॉल मत करना", "फ़ोन मत करो", "कॉल करना बंद करो", "नंबर हटा दो",
        "कल से फोन मत करना", "don't call me again, I am busy now",
    ],
)  # fmt: skip
def test_no_more_calls_is_heard(text: str) -> None:
    assert find_intent(text) is Intent.OPT_OUT


@pytest.mark.parametrize(
    "text",
    [
        "don't stop", "I can't stop for long", "call me later", "call me tomorrow at six",
        "don't stop calling me", "don't call me before six", "don't call me again today",
        "don't call me now, call tomorrow",
        "abhi call mat karo, kal karna", "the calls do not stop", "bus stop", "non stop power",
        "stop there, I have a question", "main call nahi karta hoon", "can you call again",
        "I call my mother every day", "why did you call", "I don't call it a house", "no",
        "I don't pay the phone bill, my father does", "let me talk to my husband",
        "I am the manager", "manager", "the agent told me", "I live with six people",
        "I don't want to talk to a human", "I want to talk about the price", "yes hello",
        "what is the cost", "I have a computer at home", "nobody asked me to repeat a year",
        "hello, yes I own it", "kya price hai", "my operator is Airtel",
    ],
)  # fmt: skip
def test_plain_talk_asks_for_nothing(text: str) -> None:
    assert find_intent(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "talk to a person", "human please", "a human, please", "operator", "real person please",
        "I want to speak to a real person", "connect me to an agent", "can I talk to someone",
        "let me speak with your supervisor please", "put me through to a manager", "get me a human",
        "transfer me to a representative", "I need a human", "agent please",
        "kisi insaan se baat karni hai", "manager se baat karao", "kisi se baat karwao",
        "किसी इंसान से बात करनी है", "एजेंट से बात कराइए",
    ],
)  # fmt: skip
def test_a_human_is_asked_for(text: str) -> None:
    assert find_intent(text) is Intent.HUMAN


@pytest.mark.parametrize(
    "text",
    [
        "are you a robot", "is this a recording?", "am I talking to a machine", "are you human",
        "am I speaking to a human", "are you real", "is this AI?", "kya aap robot hain",
        "आप रोबोट हैं क्या", "are you a real person or a machine",
    ],
)  # fmt: skip
def test_who_wants_to_know_what_talks_is_heard(text: str) -> None:
    assert find_intent(text) is Intent.ROBOT


@pytest.mark.parametrize(
    "text",
    [
        "pardon?", "sorry?", "what?", "what did you say", "come again", "say that again please",
        "can you repeat that", "could you please repeat", "I didn't catch that", "hello?",
        "Sorry, I couldn't hear you", "once more", "phir se boliye", "kya bola", "फिर से बोलिए",
    ],
)  # fmt: skip
def test_who_did_not_hear_wants_it_again(text: str) -> None:
    assert find_intent(text) is Intent.REPEAT


@pytest.mark.parametrize(
    ("text", "callback", "date"),
    [
        ("call me later", True, False),
        ("tomorrow please call me", True, False),
        ("I'm busy", True, False),
        ("baad mein call karo", True, False),
        ("अभी नहीं, बाद में", True, False),
        ("can we reschedule", False, True),
        ("I can't make it", False, True),
        ("doosra time", False, True),
        ("समय बदल दो", False, True),
        ("yes, I will come", False, False),
    ],
)
def test_another_time_to_talk_or_to_come(text: str, callback: bool, date: bool) -> None:
    assert (asks_for_callback(text), asks_for_another_date(text)) == (callback, date)


def test_a_greeting_answers_nothing() -> None:
    assert all(map(is_only_a_greeting, ["Hello?", "haan ji boliye", "Yes, who is this?", "नमस्ते"]))
    assert not any(map(is_only_a_greeting, ["", "no", "yes I own it", "not interested"]))


@given(text=st.text(max_size=300))
def test_any_text_is_survived(text: str) -> None:
    assert find_intent(text) in (None, *Intent)
    assert asks_for_callback(text) in (True, False)
