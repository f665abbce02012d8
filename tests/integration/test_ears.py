"""The ears of a call against a recogniser that keeps its socket and says nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from dialer.audio.mulaw import FRAME_BYTES, FRAME_S
from dialer.call.ears import Ears
from dialer.call.unanswered import ANSWER_WITHIN_S
from dialer.domain.ids import uuid7
from dialer.errors import ProviderUnavailable
from dialer.providers.deepgram_listen import DeepgramRecognisers
from tests.integration.vendor_twin import SILENCE, FarEnd, far_end, listen, spoken, vendors

SPEECH_STARTED = {"type": "SpeechStarted", "channel": [0, 1], "timestamp": 0.1}


def ears_on(end: FarEnd) -> Ears:
    return Ears(
        DeepgramRecognisers(api_key="k", url=end.url),
        attempt_id=uuid7(),
        language="en-IN",
        keyterms=(),
        on_call=lambda media_s: media_s,
        on_sound=lambda found: None,
        on_words=lambda event: None,
    )


async def feed(ears: Ears, running: asyncio.Task[None], audio: bytes, seconds: float) -> None:
    """Let the callee's line carry ``audio`` again and again, faster than a telephone."""
    frames = [audio[at : at + FRAME_BYTES] for at in range(0, len(audio), FRAME_BYTES)]
    for number in range(round(seconds / FRAME_S)):
        if running.done():
            return
        ears.feed(frames[number % len(frames)].ljust(FRAME_BYTES, SILENCE), number * FRAME_S)
        await asyncio.sleep(0.001)


async def some_speech() -> bytes:
    async with vendors() as twin:
        return await spoken(twin, "Yes, I own the house that I live in.")


async def test_a_recogniser_that_says_nothing_about_speech_is_one_that_failed() -> None:
    async with far_end(listen) as end:
        ears = ears_on(end)
        running = asyncio.create_task(ears.run())
        await feed(ears, running, await some_speech(), 10 * ANSWER_WITHIN_S)
        with pytest.raises(ProviderUnavailable, match="says nothing"):
            await asyncio.wait_for(running, 10)
        assert ears.failures == len(end.headers) == 3


@pytest.mark.parametrize("does", ["hears_silence", "answers"])
async def test_one_that_has_nothing_to_say_or_says_little_has_not(does: str) -> None:
    async def answer(end: FarEnd, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if isinstance(message.data, bytes):
                await socket.send_json(SPEECH_STARTED)

    behaviour: Any = answer if does == "answers" else listen
    async with far_end(behaviour) as end:
        ears = ears_on(end)
        running = asyncio.create_task(ears.run())
        audio = await some_speech() if does == "answers" else SILENCE * 8000
        await feed(ears, running, audio, 5 * ANSWER_WITHIN_S)
        assert not running.done() and ears.failures == 0 and len(end.headers) == 1
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
