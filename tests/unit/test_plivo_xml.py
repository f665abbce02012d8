"""The call documents, as Plivo would read them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from dialer.errors import InvalidInput
from dialer.providers import plivo_xml
from dialer.providers.plivo_values import CALLBACK_TUNING

URL = "https://dialer.example/plivo/a/b/input?x=1&y=2"


def parsed(document: str) -> ElementTree.Element:
    root = ElementTree.fromstring(document.encode())
    assert root.tag == "Response"
    return root


def test_a_prompt_asks_twice_then_says_goodbye_and_hangs_up() -> None:
    root = parsed(
        plivo_xml.prompt("Press 1", input_urls=[URL, URL], language="en-IN", goodbye="Bye")
    )
    assert [child.tag for child in root] == ["GetInput", "GetInput", "Speak", "Hangup"]
    question = root[0]
    assert question.attrib == {
        "action": f"{URL}#{CALLBACK_TUNING}",
        "method": "POST",
        "inputType": "dtmf",
        "executionTimeout": "7",
        "numDigits": "1",
        "redirect": "true",
    }
    assert [(child.tag, child.text) for child in question] == [("Speak", "Press 1")]
    assert root[1][0].text == "Press 1"
    assert root[2].text == "Bye"


def test_a_prompt_waits_no_less_and_no_more_than_plivo_allows() -> None:
    for asked_s, kept_s in ((0, "5"), (20, "20"), (900, "60")):
        root = parsed(plivo_xml.prompt("x", input_urls=[URL], language="en-US", key_wait_s=asked_s))
        assert root[0].get("executionTimeout") == kept_s


def test_no_bare_ampersand_leaves_us() -> None:
    """§7 no. 2: one would end the call with 8011."""
    for document in (
        plivo_xml.stream("wss://h/s?a=1&b=2", status_url=URL, then_url=f"{URL}?a=1&b=2"),
        plivo_xml.dial("+911", caller_id="+912", action_url=URL, callback_url=URL),
        plivo_xml.say_and_hang_up("Tea & <b>cake</b> ]]>", language="en-US"),
    ):
        parsed(document)
        assert "&" not in document.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")


def test_characters_that_xml_cannot_carry_are_dropped_not_fatal() -> None:
    message = "a\x00b\x0bc\ud800d\ufffee\U0001f600\n नमस्ते"
    speak = parsed(plivo_xml.say_and_hang_up(message, language="hi-IN"))[0]
    assert speak.text == "a b c d e\U0001f600  नमस्ते"


@pytest.mark.parametrize(
    ("asked", "voice", "language"),
    [
        ("hi-IN", "Polly.Aditi", "hi-IN"),  # §7 no. 9: WOMAN would invalidate the document
        ("hi", "Polly.Aditi", "hi-IN"),
        ("en_in", "Polly.Raveena", "en-IN"),
        ("EN", "WOMAN", "en-US"),
        ("de-DE", "WOMAN", "de-DE"),
    ],
)
def test_a_language_gets_a_voice_that_speaks_it(asked: str, voice: str, language: str) -> None:
    speak = parsed(plivo_xml.say_and_hang_up("x", language=asked))[0]
    assert (speak.get("voice"), speak.get("language")) == (voice, language)


@pytest.mark.parametrize(
    ("language", "voice"), [("hi-IN", "WOMAN"), ("en-IN", "MAN"), ("ta", None)]
)
def test_a_voice_that_does_not_speak_the_language_is_refused(
    language: str, voice: str | None
) -> None:
    with pytest.raises(InvalidInput, match="choose one of"):
        plivo_xml.say_and_hang_up("x", language=language, voice=voice)


def test_a_named_polly_voice_is_taken() -> None:
    speak = parsed(plivo_xml.say_and_hang_up("x", language="ta-IN", voice="Polly.Anyone"))[0]
    assert (speak.get("voice"), speak.get("language")) == ("Polly.Anyone", "ta-IN")


def test_a_long_message_is_spoken_in_pieces_plivo_takes() -> None:
    root = parsed(plivo_xml.say_and_hang_up("word " * 2000, language="hi-IN"))
    pieces = [child.text or "" for child in root if child.tag == "Speak"]
    assert len(pieces) > 1
    assert all(len(piece) <= 3000 for piece in pieces)
    assert " ".join(pieces).split() == ["word"] * 2000


def test_a_document_over_100_kb_and_a_silent_one_are_refused() -> None:
    with pytest.raises(InvalidInput, match="100000"):
        plivo_xml.say_and_hang_up("अ " * 30_000, language="hi-IN")
    for silence in ("", " \n ", "\x00"):
        with pytest.raises(InvalidInput, match="empty"):
            plivo_xml.say_and_hang_up(silence, language="en-US")


def test_a_stream_sets_everything_the_documents_disagree_on() -> None:
    """§7 no. 3, 10 and 11."""
    root = parsed(
        plivo_xml.stream("wss://h/plivo/a/b/stream", status_url="https://h/st", then_url=URL)
    )
    assert [child.tag for child in root] == ["Stream", "Redirect"]
    assert (root[1].text, root[1].attrib) == (f"{URL}#{CALLBACK_TUNING}", {"method": "POST"})
    assert root[0].text == "wss://h/plivo/a/b/stream"
    assert root[0].attrib == {
        "bidirectional": "true",
        "keepCallAlive": "true",
        "audioTrack": "inbound",
        "contentType": "audio/x-mulaw;rate=8000",
        "statusCallbackUrl": "https://h/st",
        "statusCallbackMethod": "POST",
    }
    with pytest.raises(InvalidInput, match="DIALER_PUBLIC_URL"):
        plivo_xml.stream("wss://h/" + "x" * 2048, status_url="https://h/st", then_url=URL)


def test_a_transfer_dials_a_number_or_a_sip_user() -> None:
    root = parsed(
        plivo_xml.dial(
            "+919876543210",
            caller_id="+911601200001",
            action_url=URL,
            callback_url=URL,
            time_limit_s=600,
            before="One moment",
        )
    )
    assert [child.tag for child in root] == ["Speak", "Dial"]
    assert root[1].attrib == {
        "action": f"{URL}#{CALLBACK_TUNING}",
        "method": "POST",
        "callerId": "+911601200001",
        "timeout": "30",
        "timeLimit": "600",
        "callbackUrl": f"{URL}#{CALLBACK_TUNING}",
        "callbackMethod": "POST",
        "redirect": "true",
    }
    assert [(leg.tag, leg.text) for leg in root[1]] == [("Number", "+919876543210")]
    sip = parsed(plivo_xml.dial("sip:+918012@pbx.example", caller_id="+911", action_url=URL))
    assert [(leg.tag, leg.text) for leg in sip[0]] == [("User", "sip:918012@pbx.example")]


def test_a_voicemail_waits_for_the_beep() -> None:
    root = parsed(plivo_xml.voicemail_message("Call us", language="en-US"))
    assert [child.tag for child in root] == ["Wait", "Speak", "Hangup"]
    assert root[0].attrib == {"length": "30", "beep": "true"}


def test_the_empty_document_is_empty() -> None:
    assert plivo_xml.empty() == "<Response/>"
