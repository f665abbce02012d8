"""The real cartesia SDK on the wire: what it sends is what we expect, and it reads what the twin
answers. An upgrade that changes either is caught here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from cartesia import AsyncCartesia
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from dialer.providers.cartesia_speak import DEFAULT_VOICE_ID, CartesiaVoices
from dialer.twin.cartesia_request import MISSING_VOICE_ID
from dialer.twin.server import RunningTwin
from tests.integration.vendor_twin import FarEnd, arm, far_end, listen, vendors, witness

FORMAT = {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000}
TEXT = "Good morning, this call is about your solar offer. "


@pytest.fixture
async def twin() -> AsyncIterator[RunningTwin]:
    async with vendors() as running:
        yield running


def client(url: str) -> AsyncCartesia:
    return AsyncCartesia(
        api_key="k", base_url=url, websocket_base_url=url.replace("http", "ws"), max_retries=0
    )


def request(context_id: str, transcript: str, **fields: Any) -> Any:
    return {
        "context_id": context_id,
        "model_id": "sonic-3.5",
        "transcript": transcript,
        "voice": {"mode": "id", "id": DEFAULT_VOICE_ID},
        "output_format": FORMAT,
        "language": "en",
        "add_timestamps": True,
        "max_buffer_delay_ms": 0,
        **fields,
    }


async def receive(connection: Any, last: str, times: int = 1) -> list[Any]:
    """Events up to the ``times``-th of the type ``last``."""
    events: list[Any] = []
    async with asyncio.timeout(10):
        while sum(event.type == last for event in events) < times:
            events.append(await connection.recv())
    return events


async def test_the_sdk_reads_sound_words_flushes_and_the_end(twin: RunningTwin) -> None:
    async with client(twin.url).tts.websocket_connect() as connection:
        await connection.send(request("c1", TEXT, **{"continue": True, "flush": True}))
        await connection.send(request("c1", "", **{"continue": False}))
        events = await receive(connection, "done")
    recording = await twin.exchange.studio.record(TEXT.strip(), voice=DEFAULT_VOICE_ID)
    assert b"".join(e.audio for e in events if e.type == "chunk") == recording.audio
    spoken = [word for e in events if e.type == "timestamps" for word in e.word_timestamps.words]
    assert spoken == [word.text for word in recording.words]
    assert [e.flush_id for e in events if e.type == "flush_done"] == [1]
    assert {e.context_id for e in events} == {"c1"} and events[-1].done
    (handshake,) = witness(twin, "cartesia")["requests"]
    assert handshake["path"] == "/tts/websocket" and handshake["query"] == {}
    assert handshake["headers"]["authorization"] == "Bearer [hidden]"
    assert handshake["headers"]["cartesia-version"] == "2026-08-14"


async def test_contexts_are_parallel_and_each_in_order() -> None:
    async with (
        vendors(tts_speed=10.0) as twin,
        client(twin.url).tts.websocket_connect() as connection,
    ):
        for context_id in ("c1", "c2"):
            await connection.send(request(context_id, TEXT))
        events = await receive(connection, "done", 2)
    order = [event.context_id for event in events if event.type == "chunk"]
    assert order.index("c2") < len(order) - order[::-1].index("c1")  # they overlap


async def test_a_cancelled_context_says_done_and_takes_no_more_time() -> None:
    async with (
        vendors(tts_speed=1.0) as twin,
        client(twin.url).tts.websocket_connect() as connection,
    ):
        await connection.send(request("c1", TEXT, **{"continue": True}))
        await receive(connection, "chunk")
        await connection.send({"context_id": "c1", "cancel": True})
        events = await receive(connection, "done")
        assert sum(event.type == "chunk" for event in events) < 10


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"voice": {"mode": "id", "id": MISSING_VOICE_ID}}, "voice_not_found"),
        ({"output_format": {**FORMAT, "encoding": "pcm_f32le"}}, "invalid_output_format"),
        ({"model_id": "other"}, "model_not_found"),
        ({"language": "xx"}, "language_not_supported"),
        ({"max_buffer_delay_ms": 9000}, "invalid_buffer"),
    ],
)
async def test_a_mistake_is_an_event_and_the_socket_stays(
    twin: RunningTwin, changes: dict[str, Any], code: str
) -> None:
    async with client(twin.url).tts.websocket_connect() as connection:
        await connection.send(request("c1", TEXT, **changes))
        (event,) = await receive(connection, "error")
        assert (event.error_code, event.context_id, event.done) == (code, "c1", True)
        await connection.send(request("c2", TEXT))
        await receive(connection, "done")


async def test_a_context_keeps_its_fields_and_ends_after_its_last_sound() -> None:
    async with (
        vendors(tts_context_s=0.05) as twin,
        client(twin.url).tts.websocket_connect() as connection,
    ):
        await connection.send(request("c1", TEXT, **{"continue": True}))
        await connection.send(request("c1", TEXT, **{"continue": True, "language": "hi"}))
        assert (await receive(connection, "error"))[-1].error_code == "context_mismatch"
        whole = await twin.exchange.studio.record(TEXT.strip(), voice=DEFAULT_VOICE_ID)
        await receive(connection, "chunk", -(-len(whole.audio) // 800))
        await asyncio.sleep(0.5)
        await connection.send(request("c1", "More. ", **{"continue": True}))
        assert (await receive(connection, "error"))[-1].error_code == "context_expired"


async def test_what_the_adapter_builds_on_is_still_so(twin: RunningTwin) -> None:
    arm(twin, "tts_refused", status=429)
    with pytest.raises(InvalidStatus) as caught:
        async with client(twin.url).tts.websocket_connect():
            raise AssertionError("not reached")
    assert caught.value.response.status_code == 429
    arm(twin, "tts_dies", delay_s=0.1)
    arm(twin, "tts_stalls")
    async with client(twin.url).tts.websocket_connect() as connection:
        await connection.send(request("c1", TEXT))
        with pytest.raises(ConnectionClosedError, match="1011"):
            await connection.recv()


async def test_the_adapters_messages_are_these() -> None:
    async def record(end: FarEnd, socket: web.WebSocketResponse) -> None:
        await listen(end, socket)

    async with far_end(record) as end:
        voices = CartesiaVoices(api_key="k", url=end.url)
        async with voices.open(language="hi-IN", voice_id="") as voice:
            one, other = voice.say(), voice.say()
            await one.push("Namaste ")
            await one.push("ji. ")
            await one.finish()
            await other.push("Hello.")
            await other.cancel()
        assert end.headers[0]["Authorization"] == "Bearer k"
        assert end.headers[0]["cartesia-version"] == "2026-08-14"
        assert "Sec-WebSocket-Extensions" not in end.headers[0]
    fixed = {
        "model_id": "sonic-3.5",
        "voice": {"mode": "id", "id": DEFAULT_VOICE_ID},
        "language": "hi",
        "output_format": FORMAT,
        "add_timestamps": True,
        "max_buffer_delay_ms": 0,
    }
    first, second = (
        {**fixed, "context_id": "utterance-1-1"},
        {**fixed, "context_id": "utterance-2-1"},
    )
    assert end.received == [
        {**first, "transcript": "Namaste ", "continue": True},
        {**first, "transcript": "ji. ", "continue": True},
        {**first, "transcript": "", "continue": False},
        {**second, "transcript": "Hello.", "continue": True},
        {"context_id": "utterance-2-1", "cancel": True},
    ]
