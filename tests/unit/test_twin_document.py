"""Which XML documents Plivo would run, and which it would not."""

from __future__ import annotations

import pytest
from plivo import plivoxml

from dialer.twin.config import TwinConfig
from dialer.twin.document import Element, read_document
from dialer.twin.elements import ELEMENTS
from dialer.twin.errors import BadDocument
from dialer.twin.plivo import VOCABULARY
from dialer.twin.prompts import prompt_s


def read(inner: str, *, content_type: str = "application/xml") -> tuple[Element, ...]:
    body = f"<Response>{inner}</Response>".encode()
    return read_document(body, content_type, strict_type=True)


GOOD = [
    "",
    "<Speak>Hello</Speak>",
    '<Speak voice="Polly.Aditi" language="hi-IN" loop="2">नमस्ते</Speak>',
    '<Speak voice="Polly.Raveena"><prosody rate="slow">Hi <s>there</s></prosody></Speak>',
    '<GetInput action="https://h/a?x=1&amp;y=2" inputType="dtmf" numDigits="1"'
    ' executionTimeout="5" digitEndTimeout="auto" redirect="false"><Speak>Press</Speak>'
    "<Play>https://h/a.mp3</Play></GetInput>",
    '<GetDigits retries="2" validDigits="12" timeout="7"><Play>https://h/a</Play></GetDigits>',
    '<Dial timeout="20" callerId="911601200001"><Number sendDigits="1">919</Number>'
    "<User>sip:a@h</User></Dial>",
    '<Record recordSession="true" maxLength="3600" callbackUrl="https://h/r"/><Wait length="2"/>',
    '<Hangup reason="busy" schedule="5"/>',
    '<Redirect method="GET">https://h/next</Redirect>',
    "<PreAnswer><Speak>Soon</Speak><Wait/></PreAnswer><DTMF>12#</DTMF>",
    '<Stream bidirectional="true" keepCallAlive="true" contentType="audio/x-mulaw;rate=8000"'
    ' extraHeaders="a=b,c=d" noiseCancellation="true" noiseCancellationLevel="60">'
    "wss://h/ws?t=1&amp;u=2</Stream>",
]

BAD = [
    ("<Speak>Hello", "not well-formed"),
    ("<Redirect>https://h/?a=1&b=2</Redirect>", "not well-formed"),
    ("<Say>Hello</Say>", "unknown element <Say>"),
    ("<speak>Hello</speak>", "unknown element <speak>"),
    ("<Speak/>", "is empty"),
    ('<Speak Voice="MAN">a</Speak>', "no attribute Voice"),
    ('<Speak voice="WOMAN" language="hi-IN">a</Speak>', "does not speak hi-IN"),
    ('<Speak voice="Kajal">a</Speak>', "is no voice"),
    ("<Speak><s>a</s></Speak>", "SSML needs a Polly voice"),
    ('<Speak voice="Polly.Aditi"><audio/>a</Speak>', "not SSML"),
    ("<Number>919</Number>", "must not stand in <Response>"),
    ("<GetInput/>", "lacks action"),
    ('<GetInput action="https://h/"><Wait/></GetInput>', "must not stand in <GetInput>"),
    ('<GetInput action="https://h/" executionTimeout="90"/>', "out of range"),
    ('<GetInput action="https://h/" inputType="keys"/>', "out of range"),
    ('<GetDigits redirect="True"/>', "out of range"),
    ("<Dial/>", "no <Number> or <User>"),
    ("<Hangup>now</Hangup>", "must not hold text"),
    ('<Hangup reason="declined"/>', "out of range"),
    ("<Conference>room</Conference>", "not spoken"),
    ("<MultiPartyCall>room</MultiPartyCall>", "not spoken"),
    ('<Stream bidirectional="true" audioTrack="both">wss://h</Stream>', "inbound only"),
    ('<Stream contentType="audio/mp3">wss://h</Stream>', "out of range"),
    (f'<Stream extraHeaders="{"k=v," * 200}">wss://h</Stream>', "longer than 512"),
    (f"<Speak>{'a' * 103_000}</Speak>", "more than 100 KB"),
]


@pytest.mark.parametrize("inner", GOOD)
def test_a_good_document_is_read_in_order(inner: str) -> None:
    elements = read(inner)
    assert [f"<{each.name}" in inner for each in elements] == [True] * len(elements)
    assert bool(elements) == bool(inner)


@pytest.mark.parametrize(("inner", "complaint"), BAD)
def test_one_error_spoils_the_whole_document(inner: str, complaint: str) -> None:
    with pytest.raises(BadDocument, match=complaint):
        read(f"<Wait/>{inner}")


@pytest.mark.parametrize("body", ["", "{}", "<html/>", "<response/>", '<Response a="b"/>'])
def test_what_is_no_response_document_is_refused(body: str) -> None:
    with pytest.raises(BadDocument):
        read_document(body.encode(), "text/xml", strict_type=True)


def test_the_content_type_counts_unless_told_otherwise() -> None:
    with pytest.raises(BadDocument, match="Content-Type"):
        read("", content_type="text/plain")
    assert read_document(b"<Response/>", "text/plain", strict_type=False) == ()


def test_what_the_sdk_writes_is_understood() -> None:
    answer = plivoxml.ResponseElement()
    ask = plivoxml.GetInputElement(
        action="https://h/a?b=1&c=2", input_type="dtmf", num_digits=1, redirect=True
    )
    ask.add_speak("Press 1", voice="Polly.Raveena", language="en-IN")
    answer.add(ask)
    answer.add_hangup(schedule=5, reason="busy")
    (first, second) = read_document(
        answer.to_string().encode(), "application/xml", strict_type=True
    )
    assert first.get("action") == "https://h/a?b=1&c=2" and first.flag("redirect", False)
    assert first.children[0].text == "Press 1" and second.number("schedule", 0) == 5


def test_speech_lasts_as_long_as_its_words() -> None:
    config = TwinConfig(words_per_minute=120, play_s=5)
    speak, play, endless = read(
        '<Speak loop="2">one two three four</Speak><Play>https://h/a</Play>'
        '<Speak loop="0">again</Speak>'
    )
    assert [prompt_s(each, config) for each in (speak, play, endless)] == [4, 5, float("inf")]


def test_every_element_that_may_stand_in_a_response_does_something() -> None:
    assert set(VOCABULARY) == ELEMENTS["Response"].children
