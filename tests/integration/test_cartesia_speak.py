"""The voice of a call against a Cartesia that works, and one that does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from dialer.errors import ProviderRejected, ProviderUnavailable
from dialer.providers import cartesia_utterance, vendor_socket
from dialer.providers.cartesia_speak import DEFAULT_VOICE_ID, CartesiaVoice, CartesiaVoices
from dialer.providers.speech import Sound, Timings, Utterance, Word
from dialer.twin.cartesia_request import MISSING_VOICE_ID
from dialer.twin.server import RunningTwin
from tests.integration.vendor_twin import (
    FarEnd,
    all_closed,
    arm,
    far_end,
    mute_server,
    our_tasks,
    saw,
    unused_url,
    vendors,
    witness,
)

TEXT = "Good morning, this call is about your solar offer. "


@pytest.fixture
async def twin() -> AsyncIterator[RunningTwin]:
    async with vendors() as running:
        yield running


def voices(url: str) -> CartesiaVoices:
    return CartesiaVoices(api_key="k", url=url)


def opened(twin: RunningTwin) -> Any:
    return voices(twin.url).open(language="en-IN", voice_id="")


async def hear(utterance: Utterance) -> tuple[bytes, list[Word]]:
    """All its sound and all its words."""
    audio, words = bytearray(), list[Word]()
    async with asyncio.timeout(15):
        async for part in utterance.parts():
            if isinstance(part, Sound):
                audio += part.audio
            else:
                assert isinstance(part, Timings)
                words += part.words
    return bytes(audio), words


async def say(voice: CartesiaVoice, *texts: str) -> tuple[bytes, list[Word]]:
    utterance = voice.say()
    for text in texts:
        await utterance.push(text)
    await utterance.finish()
    return await hear(utterance)


async def recorded(twin: RunningTwin, text: str) -> bytes:
    recording = await twin.exchange.studio.record(text.strip(), voice=DEFAULT_VOICE_ID)
    return recording.audio


async def test_an_utterance_is_its_texts_in_order_with_the_place_of_each_word(
    twin: RunningTwin,
) -> None:
    async with opened(twin) as voice:
        audio, words = await say(voice, TEXT, "May I go on?")
    first = await recorded(twin, TEXT)
    assert audio == first + await recorded(twin, "May I go on?")
    assert " ".join(word.text for word in words) == TEXT + "May I go on?"
    assert all(a.end_s <= b.start_s + 0.002 for a, b in pairwise(words))
    may = next(word for word in words if word.text == "May")
    assert may.start_s == pytest.approx(len(first) / 8000, abs=0.1)
    assert voice.characters == len(TEXT) + len("May I go on?")


async def test_utterances_under_way_together_keep_their_own_order() -> None:
    async with vendors(tts_speed=20.0) as twin, opened(twin) as voice:
        one, other = voice.say(), voice.say()
        for utterance, text in ((one, TEXT), (other, "Another voice."), (one, "More of it.")):
            await utterance.push(text)
        await one.finish()
        await other.finish()
        (first, _), (second, _) = await asyncio.gather(hear(one), hear(other))
        assert first == await recorded(twin, TEXT) + await recorded(twin, "More of it.")
        assert second == await recorded(twin, "Another voice.")


async def test_nothing_but_blanks_is_never_sent(twin: RunningTwin) -> None:
    async with opened(twin) as voice:
        assert await say(voice, "", "  ", "\n") == (b"", [])
        await say(voice, " ", "Hello ", "")
        assert voice.characters == len(" Hello ")
    assert witness(twin, "cartesia")["counts"]["in"] == {"text": 1, "last": 1}


async def test_parts_may_be_awaited_before_there_is_a_text(twin: RunningTwin) -> None:
    async with opened(twin) as voice:
        utterance = voice.say()
        task = asyncio.create_task(hear(utterance))
        await asyncio.sleep(0.01)
        await utterance.push(TEXT)
        await utterance.finish()
        assert (await task)[0] == await recorded(twin, TEXT)


@pytest.mark.parametrize("fault", [None, "tts_chunks_after_cancel"])
async def test_cancel_ends_it_at_once_and_late_sound_is_dropped(fault: str | None) -> None:
    async with vendors(tts_speed=8.0) as twin, opened(twin) as voice:
        if fault:
            arm(twin, fault)
        utterance = voice.say()
        await utterance.push(TEXT)
        parts = utterance.parts()
        assert [await anext(parts) for _ in range(2)]
        await utterance.cancel()
        assert [part async for part in parts] == []
        assert (await say(voice, "Sorry?"))[0] == await recorded(twin, "Sorry?")
        await utterance.push("too late")
        await utterance.finish()
        await utterance.cancel()
        assert witness(twin, "cartesia")["counts"]["in"]["cancel"] == 1


async def test_cancel_before_the_first_sound_ends_who_waits_for_it(twin: RunningTwin) -> None:
    arm(twin, "tts_stalls")
    async with opened(twin) as voice:
        utterance = voice.say()
        task = asyncio.create_task(hear(utterance))
        await utterance.push(TEXT)
        await saw(twin, "cartesia", "text")
        await utterance.cancel()
        assert await task == (b"", [])


async def test_cancel_while_the_socket_is_opened_sends_nothing(twin: RunningTwin) -> None:
    arm(twin, "tts_dies")
    arm(twin, "tts_stalls")
    async with opened(twin) as voice:
        with pytest.raises(ProviderUnavailable):
            await say(voice, TEXT)
        utterance = voice.say()
        pushing = asyncio.create_task(utterance.push(TEXT))
        await asyncio.sleep(0)
        await utterance.cancel()
        await pushing
        assert await hear(utterance) == (b"", [])
        assert (await say(voice, "Sorry?"))[0] == await recorded(twin, "Sorry?")
    assert voice.characters == len(TEXT) + len("Sorry?")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProviderRejected),
        (401, ProviderRejected),
        (429, ProviderUnavailable),
        (500, ProviderUnavailable),
    ],
)
async def test_a_refused_handshake_says_whether_asking_again_helps(
    twin: RunningTwin, status: int, error: type[Exception]
) -> None:
    arm(twin, "tts_refused", status=status)
    with pytest.raises(error, match=str(status)):
        async with opened(twin):
            raise AssertionError("not reached")


async def test_a_wrong_key_is_rejected() -> None:
    async with vendors(cartesia_api_key="right") as twin:
        with pytest.raises(ProviderRejected, match="401"):
            async with opened(twin):
                raise AssertionError("not reached")


async def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(ProviderUnavailable):
        async with voices(await unused_url()).open(language="en-IN", voice_id=""):
            raise AssertionError("not reached")


async def test_a_handshake_that_is_not_answered_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vendor_socket, "CONNECT_S", 0.2)
    async with mute_server() as (url, gone):
        with pytest.raises(ProviderUnavailable, match="in time"):
            async with voices(url).open(language="en-IN", voice_id=""):
                raise AssertionError("not reached")
        async with asyncio.timeout(5):
            await gone.wait()


async def test_a_voice_that_does_not_exist_is_rejected_and_the_socket_stays(
    twin: RunningTwin,
) -> None:
    async with voices(twin.url).open(language="en-IN", voice_id=MISSING_VOICE_ID) as voice:
        for _ in range(2):
            with pytest.raises(ProviderRejected, match="404 voice_not_found"):
                await say(voice, TEXT)
    assert witness(twin, "cartesia")["opened"] == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, ProviderRejected), (429, ProviderUnavailable), (500, ProviderUnavailable)],
)
async def test_an_error_event_fails_its_own_utterance_only(
    twin: RunningTwin, status: int, error: type[Exception]
) -> None:
    arm(twin, "tts_error_event", status=status, said="solar")
    async with opened(twin) as voice:
        other = voice.say()
        await other.push("Another voice.")
        with pytest.raises(error, match=str(status)):
            await say(voice, TEXT)
        await other.finish()
        assert (await hear(other))[0] == await recorded(twin, "Another voice.")


async def test_a_socket_that_dies_fails_all_under_way_and_the_next_opens_another(
    twin: RunningTwin,
) -> None:
    arm(twin, "tts_stalls", times=2)
    arm(twin, "tts_dies", delay_s=0.1)
    async with opened(twin) as voice:
        one, other = voice.say(), voice.say()
        await one.push(TEXT)
        await other.push(TEXT)
        for utterance in (one, other):
            with pytest.raises(ProviderUnavailable, match="1011"):
                await hear(utterance)
            with pytest.raises(ProviderUnavailable):
                await utterance.push("more")
        arm(twin, "tts_refused", status=503)
        with pytest.raises(ProviderUnavailable, match="503"):
            await say(voice, TEXT)
        assert (await say(voice, TEXT))[0] == await recorded(twin, TEXT)
    assert witness(twin, "cartesia")["opened"] == 2


@pytest.mark.parametrize("delay_s", [0.0, 0.5])
async def test_sound_that_does_not_come_is_waited_for_so_long_and_no_longer(
    twin: RunningTwin, monkeypatch: pytest.MonkeyPatch, delay_s: float
) -> None:
    monkeypatch.setattr(cartesia_utterance, "PART_S", 0.3)
    arm(twin, "tts_stalls", delay_s=delay_s)
    async with opened(twin) as voice:
        with pytest.raises(ProviderUnavailable, match="no sound"):
            await say(voice, TEXT)
        assert (await say(voice, TEXT))[0] == await recorded(twin, TEXT)


async def test_a_slow_first_sound_is_waited_for(twin: RunningTwin) -> None:
    arm(twin, "tts_slow", delay_s=0.5)
    async with opened(twin) as voice:
        assert (await say(voice, TEXT))[0] == await recorded(twin, TEXT)


async def test_garbage_instead_of_sound_is_noted_once_and_fails_the_utterance(
    twin: RunningTwin, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="dialer")
    arm(twin, "tts_garbage_audio")
    async with opened(twin) as voice:
        with pytest.raises(ProviderUnavailable, match="no sound"):
            await say(voice, TEXT)
        assert (await say(voice, TEXT))[0] == await recorded(twin, TEXT)
    notes = [r.message for r in caplog.records if r.name.startswith("dialer.providers")]
    assert notes == ["cartesia_event_not_understood"]


async def test_sound_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cartesia_utterance, "_MOST_BYTES", 8000)

    async def drone(end: FarEnd, socket: web.WebSocketResponse) -> None:
        request = await socket.receive_json()
        chunk = {"type": "chunk", "context_id": request["context_id"], "data": "AAAA" * 400}
        for _ in range(100):
            await socket.send_json({**chunk, "done": False, "status_code": 206, "step_time": 1})
        await socket.receive()

    async with (
        far_end(drone) as end,
        voices(end.url).open(language="en-IN", voice_id="") as voice,
    ):
        utterance = voice.say()
        await utterance.push(TEXT)
        with pytest.raises(ProviderUnavailable, match="does not stop"):
            await hear(utterance)


async def test_a_pause_longer_than_a_context_lives_costs_nothing() -> None:
    async with vendors(tts_context_s=0.3) as twin, opened(twin) as voice:
        utterance = voice.say()
        task = asyncio.create_task(hear(utterance))
        await utterance.push(TEXT)
        await asyncio.sleep(cartesia_utterance.EXPIRY_S + 0.3)
        await utterance.push("May I go on?")
        await asyncio.sleep(cartesia_utterance.EXPIRY_S + 0.3)
        await utterance.finish()
        audio, words = await task
        first = await recorded(twin, TEXT)
        assert audio == first + await recorded(twin, "May I go on?")
        assert next(w for w in words if w.text == "May").start_s >= len(first) / 8000


@pytest.mark.parametrize("after_s", [0.0, 0.002, 0.01, 0.05, 0.2])
async def test_a_cancelled_call_leaves_no_socket_and_no_task(after_s: float) -> None:
    async with vendors(tts_speed=1.0) as twin:
        before = our_tasks()

        async def call() -> None:
            async with opened(twin) as voice:
                await say(voice, TEXT)

        task = asyncio.create_task(call())
        await asyncio.sleep(after_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await all_closed(twin)
        assert our_tasks() <= before


async def test_leaving_ends_what_is_under_way() -> None:
    async with vendors(tts_speed=1.0) as twin:
        async with opened(twin) as voice:
            utterance = voice.say()
            await utterance.push(TEXT)
            task = asyncio.create_task(hear(utterance))
            await saw(twin, "cartesia", "text")
        assert len((await task)[0]) < len(await recorded(twin, TEXT))
        with pytest.raises(ProviderUnavailable, match="closed"):
            await voice.say().push("too late")
