"""Whatever a vendor sends and its SDK makes of it, reading it never raises."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from cartesia.lib._tts import AsyncTTSResourceConnection
from deepgram.core.unchecked_base_model import construct_type
from deepgram.listen.v1.socket_client import V1SocketClientResponse
from hypothesis import given
from hypothesis import strategies as st

from dialer.errors import ProviderRejected, ProviderUnavailable
from dialer.providers.cartesia_events import Done, Failed, Nothing, Part, read_event
from dialer.providers.deepgram_events import Billed, read_message
from dialer.providers.speech import Sound, SpeechStarted, Timings, Transcript, UtteranceEnded, Word

WORD = {"word": "hello", "start": 0.0, "end": 0.4, "confidence": 0.9, "punctuated_word": "Hello"}
RESULTS = {
    "type": "Results",
    "channel_index": [0, 1],
    "start": 1.0,
    "duration": 0.5,
    "is_final": True,
    "speech_final": True,
    "channel": {"alternatives": [{"transcript": "Hello", "confidence": 0.9, "words": [WORD]}]},
    "metadata": {
        "request_id": "r",
        "model_info": {"name": "n", "version": "v", "arch": "a"},
        "model_uuid": "u",
    },
}
CHUNK = {
    "type": "chunk",
    "context_id": "c",
    "data": "AAAA",
    "done": False,
    "status_code": 206,
    "step_time": 1.0,
}
TIMESTAMPS = {
    "type": "timestamps",
    "context_id": "c",
    "done": False,
    "status_code": 206,
    "word_timestamps": {"words": ["a"], "start": [0.0], "end": [0.5]},
}
ERROR = {
    "type": "error",
    "context_id": "c",
    "done": True,
    "status_code": 404,
    "error_code": "voice_not_found",
}
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def deepgram(body: object) -> Any:
    """What the SDK makes of a JSON body."""
    return construct_type(type_=cast(Any, V1SocketClientResponse), object_=body)


def cartesia(text: str) -> Any:
    return AsyncTTSResourceConnection.parse_event(cast(Any, None), text)


def test_good_messages_are_read() -> None:
    word = Word("Hello", 0.0, 0.4)
    assert read_message(deepgram(RESULTS)) == Transcript("Hello", (word,), 1.0, 1.5, True, True)
    assert read_message(
        deepgram({"type": "SpeechStarted", "channel": [0, 1], "timestamp": 2})
    ) == SpeechStarted(2.0)
    assert read_message(
        deepgram({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 2.5})
    ) == UtteranceEnded(2.5)
    metadata = {"type": "Metadata", "transaction_key": "t", "request_id": "r", "sha256": "s"}
    assert read_message(
        deepgram({**metadata, "created": "c", "duration": 3.5, "channels": 1})
    ) == Billed(3.5)


@pytest.mark.parametrize("name", [*RESULTS, "channel.alternatives"])
@given(value=junk)
def test_a_result_with_any_field_wrong_is_read_or_not_understood(name: str, value: Any) -> None:
    changed = {"channel": {"alternatives": value}} if "." in name else {name: value}
    heard = read_message(deepgram({**RESULTS, **changed}))
    assert heard is None or isinstance(heard, Transcript | SpeechStarted | UtteranceEnded | Billed)


@pytest.mark.parametrize("body", [None, [], 7, "text", {}, {"type": "Other"}, b"binary"])
def test_what_is_no_message_of_deepgrams_is_not_understood(body: object) -> None:
    message = body if isinstance(body, bytes) else deepgram(body)
    assert read_message(message) is None


def test_good_events_are_read() -> None:
    read = [read_event(cartesia(_json(event))) for event in (CHUNK, TIMESTAMPS)]
    assert read == [Part("c", Sound(b"\0\0\0")), Part("c", Timings((Word("a", 0.0, 0.5),)))]


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, ProviderRejected), (429, ProviderUnavailable), (None, ProviderUnavailable)],
)
def test_an_error_says_whether_asking_again_helps(
    status: int | None, error: type[Exception]
) -> None:
    failed = read_event(cartesia(_json({**ERROR, "status_code": status, "message": "secret text"})))
    assert isinstance(failed, Failed) and failed.context_id == "c"
    assert type(failed.error) is error
    assert "voice_not_found" in str(failed.error) and "secret" not in str(failed.error)


@pytest.mark.parametrize("event", [CHUNK, TIMESTAMPS, ERROR], ids=lambda event: str(event["type"]))
@given(data=st.data())
def test_an_event_with_any_field_wrong_is_read_or_not_understood(
    event: dict[str, Any], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(event)))
    read = read_event(cartesia(_json({**event, name: data.draw(junk)})))
    assert read is None or isinstance(read, Part | Done | Failed | Nothing)


def _json(body: object) -> str:
    return json.dumps(body)
