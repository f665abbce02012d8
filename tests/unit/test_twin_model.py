"""What the twin's model makes of what people say: the same input, the same output, no product."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialer.twin.model import ModelReply, answer
from dialer.twin.openai_chunks import pieces_of
from dialer.twin.openai_request import read_request

SYSTEM = """You are Asha, an AI assistant who calls for Surya Solar in Pune.

What you know:
- Surya Solar has installed rooftop solar panels in Pune since 2012.
- A visit costs nothing; a system costs about one lakh rupees after the subsidy.
- We have your number from the enquiry form on our website.

Questions:
- owns (yes_no): Do you own the house you live in?
- bill (number): About how much is your electricity bill in a month?
- roof (choice, choices: flat | sloped | tin sheet): What kind of roof do you have?
- house (choice, choices: own | rented): Is the house your own or rented?
- by (date): By when would you like it installed?
- why (text): What made you think of solar?
"""
IDS = ["owns", "bill", "roof", "house", "by", "why"]
MONDAY = "2026-11-23T11:04"  # a Monday


def tool(name: str, **parameters: object) -> dict[str, Any]:
    schema = {"type": "object", "properties": parameters, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def one_of(*values: str) -> dict[str, object]:
    return {"type": "string", "enum": list(values)}


TOOLS = [
    tool("record_answer", question_id=one_of(*IDS), value={"type": "string"}),
    tool("opt_out"),
    tool("schedule_callback", at={"type": "string"}),
    tool("transfer", reason=one_of("asked", "frustrated")),
    tool("end_call", reason=one_of("finished", "not_interested", "wrong_person")),
]


def situation(asking: str, now: str = MONDAY) -> dict[str, str]:
    text = f"Local time: {now} (Monday), zone Asia/Kolkata.\nNow asking: {asking}\nStill open: by"
    return {"role": "system", "content": text}


def reply(said: str, asking: str = "owns", *, tools: Any = TOOLS, before: str = "") -> ModelReply:
    messages = [{"role": "system", "content": SYSTEM}]
    if before:
        messages.append({"role": "assistant", "content": before})
    return answer([*messages, {"role": "user", "content": said}, situation(asking)], tools)


def used(given: ModelReply) -> list[tuple[str, dict[str, str]]]:
    return [(call.name, json.loads(call.arguments)) for call in given.calls]


@pytest.mark.parametrize(
    ("asking", "said", "value"),
    [
        ("owns", "Yes.", "Yes."),
        ("owns", "um, yes it is", "yes it is"),
        ("owns", "haan ji bilkul", "haan ji bilkul"),
        ("owns", "हाँ जी", "हाँ जी"),
        ("owns", "nahi, kiraye ka hai", "nahi, kiraye ka hai"),
        ("owns", "No, I don't want it", "No, I don't want it"),
        ("owns", "नहीं", "नहीं"),
        ("owns", "No, it is rented.", "no"),
        ("owns", "yes, I don't rent", "yes"),
        ("owns", "I do not", "I do not"),
        ("owns", "I do", "I do"),
        ("bill", "well, about three thousand rupees", "about three thousand rupees"),
        ("bill", "Yes, it is 2,500.", "2,500."),
        ("bill", "do hazaar paanch sau", "do hazaar paanch sau"),
        ("bill", "तीन हज़ार रुपये", "तीन हज़ार रुपये"),
        ("bill", "I don't know, maybe four thousand", "I don't know, maybe four thousand"),
        ("bill", "dhai hazaar ke aas paas", "dhai hazaar ke aas paas"),
        ("bill", "१५००", "१५००"),
        ("roof", "it's a flat roof", "a flat roof"),
        ("roof", "It is made of tin", "tin sheet"),
        ("roof", "slope", "sloped"),
        ("roof", "टिन की है", "tin sheet"),
        ("house", "we pay rent", "rented"),
        ("house", "apna ghar hai", "own"),
        ("house", "किराये का है", "rented"),
        ("by", "before Diwali", "before Diwali"),
        ("by", "in two months", "in two months"),
        ("by", "agle mahine", "agle mahine"),
        ("by", "on the 15th of January", "on the 15th of January"),
        ("by", "अगले हफ्ते", "अगले हफ्ते"),
        ("why", "the bill is too high", "the bill is too high"),
        ("why", "uh, my neighbour has it", "my neighbour has it"),
    ],
)
def test_an_answer_is_thanked_for_and_recorded_in_the_callees_words(
    asking: str, said: str, value: str
) -> None:
    given = reply(said, asking)
    assert used(given) == [("record_answer", {"question_id": asking, "value": value})]
    assert given.text in {"Thank you.", "Got it.", "Alright.", "धन्यवाद।", "समझ गई।", "ठीक है।"}


@pytest.mark.parametrize(
    ("asking", "said"),
    [
        ("owns", "hmm"),
        ("owns", "I am not sure"),
        ("owns", "maybe"),
        ("owns", "pata nahi"),
        ("owns", "the weather is nice"),
        ("bill", "what"),
        ("bill", "yes"),
        ("bill", "I do"),
        ("bill", "quite high"),
        ("roof", "a normal one"),
        ("roof", "flat or sloped"),
        ("by", "no idea"),
        ("by", "पता नहीं"),
        ("why", "hmm"),
        ("why", "I don't know"),
    ],
)
def test_what_is_no_answer_to_the_question_is_said_to_be_none(asking: str, said: str) -> None:
    given = reply(said, asking)
    assert given.calls == ()
    assert given.text in {"Sorry, I did not get that.", "माफ़ कीजिए, मैं समझ नहीं पाई।"}


@pytest.mark.parametrize(
    "said",
    [
        "Stop calling me!",
        "please don't call me again",
        "do not ever call this number",
        "Remove my number from your list.",
        "take me off your list",
        "mujhe call mat karo",
        "dobara phone mat karna",
        "call karna band karo",
        "मुझे फ़ोन मत करो",
        "दोबारा कॉल मत कीजिए",
    ],
)
def test_who_wants_no_more_calls_is_opted_out(said: str) -> None:
    assert used(reply(said)) == [("opt_out", {})]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("I want to talk to a human please", "asked"),
        ("a human please", "asked"),
        ("Can I speak to your manager?", "asked"),
        ("connect me to someone", "asked"),
        ("operator", "asked"),
        ("kisi insaan se baat karao", "asked"),
        ("मुझे किसी इंसान से बात करनी है", "asked"),
        ("This is ridiculous.", "frustrated"),
        ("I am getting angry now", "frustrated"),
        ("you are not listening", "frustrated"),
        ("kya bakwaas hai", "frustrated"),
        ("you are wasting my time", "frustrated"),
        ("यह क्या बकवास है", "frustrated"),
    ],
)
def test_who_wants_a_human_or_is_annoyed_is_transferred(said: str, reason: str) -> None:
    assert used(reply(said)) == [("transfer", {"reason": reason})]


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("call me tomorrow at six", "2026-11-24T18:00"),
        ("Call me back tomorrow at 6 pm.", "2026-11-24T18:00"),
        ("please call me tomorrow at 10:30", "2026-11-24T10:30"),
        ("call after two hours", "2026-11-23T13:04"),
        ("call me in half an hour", "2026-11-23T11:34"),
        ("kal shaam chhe baje call karna", "2026-11-24T18:00"),
        ("कल शाम छह बजे फ़ोन करना", "2026-11-24T18:00"),
        ("kal subah das baje phone kijiye", "2026-11-24T10:00"),
        ("call me on Friday at 11", "2026-11-27T11:00"),
        ("call me on Monday at nine", "2026-11-30T09:00"),
        ("do ghante baad call karo", "2026-11-23T13:04"),
        ("दो घंटे बाद फोन कीजिए", "2026-11-23T13:04"),
        ("parso saade paanch baje call karna", "2026-11-25T17:30"),
        ("not now, call me in the evening", "2026-11-23T18:00"),
        ("don't call me now, call tomorrow at eight in the evening", "2026-11-24T20:00"),
        ("I am in a meeting, ring me at half past four", "2026-11-23T16:30"),
        ("call me at ten", "2026-11-24T10:00"),
        ("call me on the 25th at twelve", "2026-11-25T12:00"),
        ("call me next week", "2026-11-30T11:00"),
        ("I am busy, call me after two days at five", "2026-11-25T17:00"),
        ("tomorrow night at ten you can call me", "2026-11-24T22:00"),
    ],
)
def test_who_wants_a_call_later_gets_it_at_the_local_time_they_named(said: str, at: str) -> None:
    assert used(reply(said)) == [("schedule_callback", {"at": at})]


@pytest.mark.parametrize("said", ["call me later", "I am busy right now", "abhi meeting mein hoon"])
def test_who_names_no_time_is_asked_for_one_and_then_understood(said: str) -> None:
    first = reply(said)
    assert first.calls == () and first.text == "Of course. When should we call you?"
    then = reply("tomorrow at six", before=first.text)
    assert used(then) == [("schedule_callback", {"at": "2026-11-24T18:00"})]


def test_a_time_that_may_stay_empty_is_left_empty() -> None:
    at = {"type": "string", "description": "local time; empty if not named"}
    tools = [tool("schedule_callback", at=at)]
    assert used(reply("call me later", tools=tools)) == [("schedule_callback", {"at": ""})]
    asked = "When may we call you? Please tell me a day and a time."
    then = reply("I don't know", before=asked, tools=tools)
    assert used(then) == [("schedule_callback", {"at": ""})]


def test_a_reason_that_is_not_offered_transfers_nobody() -> None:
    given = reply("this is ridiculous", tools=[tool("transfer", reason=one_of("asked"))])
    assert given.calls == () and given.text == "I am sorry about that."


@pytest.mark.parametrize(
    ("asking", "said", "reason"),
    [
        ("owns", "I am not interested", "not_interested"),
        ("owns", "mujhe interest nahi hai", "not_interested"),
        ("owns", "मुझे दिलचस्पी नहीं है", "not_interested"),
        ("bill", "no thanks", "not_interested"),
        ("bill", "nahi chahiye", "not_interested"),
        ("owns", "you have the wrong number", "wrong_person"),
        ("owns", "galat number hai", "wrong_person"),
        ("nothing", "okay bye", "finished"),
    ],
)
def test_who_wants_to_end_the_call_ends_it(asking: str, said: str, reason: str) -> None:
    assert used(reply(said, asking)) == [("end_call", {"reason": reason})]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("How did you get my number?", "enquiry form"),
        ("mera number kahan se mila", "enquiry form"),
        ("मेरा नंबर कहाँ से मिला", "enquiry form"),
        ("who is this", "Surya Solar"),
        ("aap kaun bol rahe hain", "Surya Solar"),
        ("how much does it cost", "costs"),
        ("kitna kharcha hoga", "costs"),
        ("is this a scam?", "since 2012"),
        ("what is this about", "solar"),
        ("are you a robot", "AI assistant"),
        ("am I talking to a real person?", "AI assistant"),
        ("Does it survive hail?", "I do not know that, but a colleague can tell you."),
        ("what about my neighbour", "I do not know that"),
    ],
)
def test_a_question_is_answered_from_what_the_prompt_says(said: str, words: str) -> None:
    given = reply(said)
    assert given.calls == ()
    assert words in given.text
    assert given.text.count(". ") <= 1, "one or two sentences"


def test_an_answer_and_a_question_in_one_turn_are_both_heard() -> None:
    given = reply("Yes, I do. How much does a visit cost?")
    assert used(given) == [("record_answer", {"question_id": "owns", "value": "Yes, I do."})]
    assert "costs nothing" in given.text


@pytest.mark.parametrize("said", ["pardon?", "say that again please", "phir se boliye", "Hello?"])
def test_what_is_to_be_said_again_is_left_to_the_script(said: str) -> None:
    assert reply(said).text == "" and reply(said).calls == ()


def test_a_tool_that_is_not_offered_is_not_used() -> None:
    without = [each for each in TOOLS if each["function"]["name"] == "record_answer"]
    for said in ("stop calling me", "a human please", "not interested", "this is ridiculous"):
        given = reply(said, "bill", tools=without)
        assert given.calls == () and given.text
    assert used(reply("call me at six", "why", tools=without))[0][0] == "record_answer"
    assert reply("three thousand", "bill", tools=TOOLS[1:]).calls == ()


def test_names_of_parameters_and_reasons_come_from_the_schema() -> None:
    others = [
        tool("transfer", why=one_of("wish", "asked")),
        tool("end_call", cause=one_of("over", "done")),
        tool("record_answer", field=one_of("bill"), text={"type": "string"}),
    ]
    assert used(reply("a human please", tools=others)) == [("transfer", {"why": "asked"})]
    assert used(reply("wrong number", tools=others)) == [("end_call", {"cause": "over"})]
    wanted = [("record_answer", {"field": "bill", "text": "two thousand"})]
    assert used(reply("two thousand", "bill", tools=others)) == wanted
    assert used(reply("yes", "owns", tools=others)) == [], "a question that is not open"


def test_a_prompt_of_another_product_gets_plain_answers() -> None:
    def ask(said: str) -> ModelReply:
        return answer([{"role": "system", "content": "Be kind."}, user(said)], TOOLS)

    def user(said: str) -> dict[str, str]:
        return {"role": "user", "content": said}

    assert ask("three thousand").calls == () and ask("three thousand").text
    assert used(ask("stop calling me")) == [("opt_out", {})]
    assert ask("call me tomorrow at six").calls == (), "without a local time there is no time"
    assert ask("what is the capital of France?").text.startswith("I do not know")
    assert answer([user("hello there")], []).calls == ()


def test_failed_tools_are_followed_by_a_question_and_others_by_nothing() -> None:
    def after(result: str) -> ModelReply:
        made = reply("three thousand", "bill")
        asked = {"id": "call_1", "type": "function", "function": {"name": "record_answer"}}
        talk = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": "three thousand"},
            {"role": "assistant", "content": made.text, "tool_calls": [asked]},
            {"role": "tool", "tool_call_id": "call_1", "content": result},
        ]
        return answer([*talk, situation("bill")], TOOLS)

    assert after("recorded").text == "" and after("recorded").calls == ()
    assert after("error: no number").text == "Sorry, I did not get that."


def test_nobody_has_spoken_nothing_is_said() -> None:
    talk = [{"role": "system", "content": SYSTEM}, {"role": "assistant", "content": "Hello."}]
    assert answer([*talk, situation("owns")], TOOLS) == answer([*talk, situation("owns")], TOOLS)
    assert answer(talk, TOOLS).text == ""


def test_the_same_input_gives_the_same_output() -> None:
    for said in ("yes", "three thousand", "who is this", "call me tomorrow at six"):
        assert reply(said) == reply(said)


def test_a_reply_comes_apart_into_words_and_fragments_that_join_again() -> None:
    given = reply("well, about three thousand two hundred and fifty rupees", "bill")
    pieces = pieces_of(given)
    assert "".join(p.delta["content"] for p in pieces if p.kind == "content") == given.text
    functions = [p.delta["tool_calls"][0]["function"] for p in pieces if p.kind != "content"]
    assert "".join(each["arguments"] for each in functions) == given.calls[0].arguments
    assert len(functions) > 3 and functions[0]["name"] == "record_answer"


def test_a_request_shows_its_settings_without_what_was_said() -> None:
    body = {
        "model": "gpt-6-luna",
        "messages": [{"role": "user", "content": "my secret"}],
        "tools": TOOLS,
        "reasoning_effort": "none",
    }
    shown = read_request(json.dumps(body).encode()).settings
    assert "my secret" not in json.dumps(shown)
    assert shown["messages"] == ["user"] and "opt_out" in str(shown["tools"])
