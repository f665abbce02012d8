"""The real deepgram-sdk on the wire: what it sends is what we expect, and it reads what the twin
answers. An upgrade that changes either is caught here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import web
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types.listen_v1configure import ListenV1Configure
from deepgram.listen.v1.types.listen_v1error import ListenV1Error
from deepgram.listen.v1.types.listen_v1metadata import ListenV1Metadata
from deepgram.listen.v1.types.listen_v1results import ListenV1Results
from deepgram.transport import restore_transport
from websockets.exceptions import ConnectionClosedError

from dialer.providers.deepgram_listen import DeepgramRecognisers, deepgram_language, fitting
from dialer.twin.server import RunningTwin
from tests.integration.vendor_twin import (
    FRAME,
    SILENCE,
    FarEnd,
    arm,
    far_end,
    listen,
    saw,
    spoken,
    vendors,
    witness,
)

TEXT = "Yes, I own the house."
ASKED: dict[str, Any] = {
    "model": "nova-3",
    "encoding": "mulaw",
    "sample_rate": 8000,
    "interim_results": True,
    "endpointing": 250,
    "utterance_end_ms": 1000,
    "vad_events": True,
}


@pytest.fixture
async def twin() -> AsyncIterator[RunningTwin]:
    async with vendors() as running:
        yield running


@pytest.fixture
def own_transport() -> Iterator[None]:
    """The SDK as it comes: without the transport our adapter gives it."""
    restore_transport()
    yield


def client(url: str) -> AsyncDeepgramClient:
    ws = url.replace("http", "ws")
    environment = DeepgramClientEnvironment(base=url, production=ws, agent=ws, agent_rest=url)
    return AsyncDeepgramClient(api_key="k", environment=environment)


@pytest.mark.usefixtures("own_transport")
async def test_the_sdk_as_it_comes_reads_what_the_twin_says(twin: RunningTwin) -> None:
    audio = await spoken(twin, TEXT)
    kinds: list[str] = []
    async with client(twin.url).listen.v1.connect(**ASKED) as socket:
        for at in range(0, len(audio), FRAME):
            await socket.send_media(audio[at : at + FRAME])
        await saw(twin, "deepgram", "audio", len(audio) // FRAME)
        await socket.send_finalize()
        await socket.send_configure(ListenV1Configure(type="Configure", keyterms=["EMI"]))
        await socket.send_keep_alive()
        await socket.send_close_stream()
        async with asyncio.timeout(10):
            messages = [message async for message in socket]
    kinds = [message.type for message in messages]
    assert kinds.count("SpeechStarted") == 1 and kinds.count("UtteranceEnd") == 1
    assert "ConfigureSuccess" in kinds and kinds[-1] == "Metadata"
    finals = [m for m in messages if isinstance(m, ListenV1Results) and m.is_final]
    assert finals[0].speech_final and finals[0].channel.alternatives[0].transcript == (
        "yes i own the house"
    )
    assert finals[-1].from_finalize
    assert isinstance(messages[-1], ListenV1Metadata)
    assert messages[-1].duration == pytest.approx(len(audio) / 8000)


@pytest.mark.usefixtures("own_transport")
async def test_what_the_adapter_builds_on_is_still_so(twin: RunningTwin) -> None:
    arm(twin, "stt_refused", status=429)
    with pytest.raises(ApiError) as caught:
        async with client(twin.url).listen.v1.connect(**ASKED):
            raise AssertionError("not reached")
    assert caught.value.status_code == 429

    arm(twin, "stt_unknown_events")
    arm(twin, "stt_dies", delay_s=0.3)
    async with client(twin.url).listen.v1.connect(**ASKED) as socket:
        await socket._send("no json")
        assert isinstance(await socket.recv(), ListenV1Error)
        await socket.send_finalize()
        assert await socket.recv() is None  # a type nobody knows
        with pytest.raises(ConnectionClosedError, match="1011"):
            while True:
                await socket.recv()


async def test_the_adapters_handshake_is_this_one(twin: RunningTwin) -> None:
    recognisers = DeepgramRecognisers(api_key="k", url=twin.url)
    async with recognisers.open(language="hi-IN", keyterms=["EMI", "solar panel"]):
        pass
    (request,) = witness(twin, "deepgram")["requests"]
    assert request["path"] == "/v1/listen"
    assert request["query"] == {
        "model": ["nova-3"],
        "language": ["multi"],
        "encoding": ["mulaw"],
        "sample_rate": ["8000"],
        "channels": ["1"],
        "interim_results": ["true"],
        "endpointing": ["250"],
        "utterance_end_ms": ["1000"],
        "vad_events": ["true"],
        "smart_format": ["false"],
        "punctuate": ["true"],
        "numerals": ["true"],
        "mip_opt_out": ["true"],
        "no_delay": ["true"],
        "keyterm": ["EMI", "solar panel"],
    }
    assert request["headers"]["authorization"] == "Token [hidden]"
    assert "sec-websocket-extensions" not in request["headers"]  # compression buys nothing


async def test_the_adapters_messages_are_these() -> None:
    async def record(end: FarEnd, socket: web.WebSocketResponse) -> None:
        await listen(end, socket)

    async with far_end(record) as end:
        recognisers = DeepgramRecognisers(api_key="k", url=end.url)
        async with recognisers.open(language="en-IN") as one:
            await one.send(SILENCE * 160)
            await one.send(SILENCE * 100)
            await one.finalize()
        assert end.headers[0]["Authorization"] == "Token k"
    assert end.received == [
        {"type": "KeepAlive"},
        SILENCE * 160,
        SILENCE * 100,
        {"type": "Finalize"},
        {"type": "CloseStream"},
    ]


@pytest.mark.parametrize(
    ("language", "asked"),
    [
        ("hi-IN", "multi"),
        ("hi", "multi"),
        ("en-IN", "multi"),
        ("en-GB", "en-GB"),
        ("ta-IN", "ta"),
        ("mr", "mr"),
    ],
)
def test_each_language_has_its_model(language: str, asked: str) -> None:
    assert deepgram_language(language) == asked


def test_keyterms_over_the_limit_are_left_out_in_order() -> None:
    assert fitting(["EMI", " UPI, ", "", "EMI"]) == ["EMI", "UPI"]
    many = [f"term number {number}" for number in range(500)]
    kept = fitting(many)
    assert kept == many[: len(kept)] and 50 < len(kept) < 125
    assert len(fitting(["सौर पैनल " * 3] * 1 + ["दूसरा शब्द"] * 1)) == 2
