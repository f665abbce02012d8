"""The stream's messages, in every form they were seen in, and every form they should not have."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.providers.plivo_stream import (
    ClearedAudio,
    Dtmf,
    Media,
    PlayedStream,
    Started,
    Stopped,
    Unknown,
    checkpoint,
    clear_audio,
    play_audio,
    read,
    read_extra_headers,
)

AUDIO = bytes(range(160))
PAYLOAD = base64.b64encode(AUDIO).decode()


def start(**changes: Any) -> dict[str, Any]:
    body = {
        "callId": "call",
        "streamId": "stream",
        "accountId": "MA",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
    } | changes
    return {
        "event": "start",
        "sequenceNumber": 1,
        "start": body,
        "extra_headers": "userId=12345;sessionId=abc",
    }


def media(**changes: Any) -> dict[str, Any]:
    body = {"track": "inbound", "timestamp": "1705312200000", "chunk": 41, "payload": PAYLOAD}
    return {"event": "media", "sequenceNumber": 42, "streamId": "s", "media": body | changes}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (start(), Started("call", "stream", "MA", {"userId": "12345", "sessionId": "abc"})),
        (media(), Media(AUDIO, 41, 1705312200000)),
        (
            {"event": "dtmf", "dtmf": {"track": "inbound", "digit": "5", "timestamp": "1"}},
            Dtmf("5"),
        ),
        ({"event": "dtmf", "dtmf": {"digit": 5}}, Dtmf("5")),
        ({"event": "dtmf", "dtmf": {"digit": "d"}}, Dtmf("D")),
        ({"event": "playedStream", "streamId": "s", "name": "turn-7"}, PlayedStream("turn-7")),
        ({"event": "played", "name": "turn-7"}, PlayedStream("turn-7")),
        ({"event": "clearedAudio", "sequenceNumber": 0}, ClearedAudio()),
        ({"event": "stop"}, Stopped()),
        ({"event": "playFailed", "reason": "x"}, Unknown("play_failed")),
        ({"event": "muteStream"}, Unknown("muted")),
        ({"event": "error", "reason": "buffer_overflow"}, Unknown("error_buffer_overflow")),
        ({"event": "error", "error": {"reason": "invalid_content_type"}},
         Unknown("error_invalid_content_type")),
        ({"event": "error", "reason": "what the callee said"}, Unknown("error_other")),
        ({"event": "error"}, Unknown("error_other")),
    ],
)  # fmt: skip
def test_every_event_is_read(message: object, said: object) -> None:
    text = json.dumps(message)
    assert read(text) == said
    assert read(text.encode()) == said


@pytest.mark.parametrize(
    "media_format",
    [
        {"encoding": "audio/x-mulaw", "sampleRate": "8000"},
        {"encoding": "audio/x-mulaw;rate=8000"},
        {"encoding": "AUDIO/X-MULAW", "sampleRate": 8000.0},
        {},
        None,
    ],
)
def test_a_start_is_ours_however_its_format_is_written(media_format: object) -> None:
    assert isinstance(read(json.dumps(start(mediaFormat=media_format))), Started)


@pytest.mark.parametrize(
    "changes",
    [
        {"timestamp": 1705312200000},
        {"timestamp": 1705312200000.0},
        {"chunk": "41"},
        {"track": None},
        {"contentType": "audio/x-mulaw;rate=8000", "sampleRate": "8000"},
    ],
)
def test_media_is_heard_whatever_types_its_fields_have(changes: dict[str, Any]) -> None:
    assert read(json.dumps(media(**changes))) == Media(AUDIO, 41, 1705312200000)


@pytest.mark.parametrize(
    "changes",
    [{"chunk": None, "timestamp": None}, {"chunk": -1, "timestamp": "soon"},
     {"chunk": 1e300, "timestamp": "9" * 5000}, {"chunk": [], "timestamp": {}},
     {"chunk": True, "timestamp": "१७०५"}],
)  # fmt: skip
def test_media_without_a_usable_place_is_still_heard(changes: dict[str, Any]) -> None:
    assert read(json.dumps(media(**changes))) == Media(AUDIO, None, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "not_json"),
        ("", "not_json"),
        ("\ud800", "not_json"),
        ("[" * 60_000, "not_json"),
        (b"\xff\xfe", "not_json"),
        ("[1]", "not_an_object"),
        ("null", "not_an_object"),
        ("{}", "no_event"),
        ('{"event":7}', "no_event"),
        ('{"event":"later"}', "unknown_event"),
        (json.dumps(media(payload="@@@@")), "bad_base64"),
        (json.dumps(media(payload="abc")), "bad_base64"),
        (json.dumps(media(payload="AA AA")), "bad_base64"),
        (json.dumps(media(payload="é")), "bad_base64"),
        (json.dumps(media(payload=1)), "bad_field"),
        (json.dumps(media(payload="")), "bad_field"),
        (json.dumps(media(contentType="audio/x-l16")), "wrong_codec"),
        (json.dumps(media(sampleRate=16000)), "wrong_codec"),
        (json.dumps(media(track="outbound")), "other_track"),
        (json.dumps(media(payload="A" * 65_536)), "too_large"),
        (json.dumps(start(callId="")), "bad_field"),
        (json.dumps(start(streamId=None)), "bad_field"),
        (json.dumps(start(mediaFormat={"encoding": "audio/x-l16"})), "wrong_codec"),
        (
            json.dumps(start(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": 16000})),
            "wrong_codec",
        ),
        ('{"event":"start","start":[]}', "bad_field"),
        ('{"event":"dtmf","dtmf":{"digit":"55"}}', "bad_field"),
        ('{"event":"playedStream"}', "bad_field"),
    ],
)
def test_what_is_of_no_use_says_why(text: str | bytes, reason: str) -> None:
    assert read(text) == Unknown(reason)


@given(st.one_of(st.text(), st.binary()))
def test_no_text_raises(text: str | bytes) -> None:
    assert isinstance(read(text), Unknown)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_EVENTS = ("start", "media", "dtmf", "playedStream", "played", "clearedAudio", "stop", "error")
_FIELDS = ("payload", "chunk", "timestamp", "track", "contentType", "sampleRate", "digit")
_STARTS = ("callId", "streamId", "accountId", "mediaFormat")
_BODY = st.dictionaries(st.sampled_from(_FIELDS + _STARTS), _JSON) | _JSON


@given(
    st.fixed_dictionaries(
        {"event": st.sampled_from(_EVENTS)},
        optional={
            "media": _BODY,
            "start": _BODY,
            "dtmf": _BODY,
            "name": _JSON,
            "reason": _JSON,
            "extra_headers": _JSON,
        },
    )
)
def test_no_message_of_a_known_event_raises(message: dict[str, Any]) -> None:
    said = read(json.dumps(message))
    if isinstance(said, Unknown):
        assert said.reason.isascii() and len(said.reason) < 40


@pytest.mark.parametrize(
    "told",
    [
        "userId=12345;sessionId=abc",
        "userId=12345,sessionId=abc",
        '{"userId": "12345", "sessionId": "abc"}',
        "{userId: 12345, sessionId: abc}",
        "{'userId': '12345', 'sessionId': 'abc'}",
        {"userId": 12345, "sessionId": "abc"},
    ],
)
def test_extra_headers_are_read_in_every_shape(told: object) -> None:
    assert read_extra_headers(told) == {"userId": "12345", "sessionId": "abc"}


@pytest.mark.parametrize("told", [None, "", "novalue", "{", 7, [], "=x"])
def test_extra_headers_of_no_shape_are_none(told: object) -> None:
    assert read_extra_headers(told) == {}


def test_what_we_say_is_what_the_carrier_documents() -> None:
    assert json.loads(play_audio(AUDIO)) == {
        "event": "playAudio",
        "media": {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": PAYLOAD},
    }
    assert json.loads(checkpoint("s", 'turn "7"')) == {
        "event": "checkpoint",
        "streamId": "s",
        "name": 'turn "7"',
    }
    assert json.loads(clear_audio("s")) == {"event": "clearAudio", "streamId": "s"}
