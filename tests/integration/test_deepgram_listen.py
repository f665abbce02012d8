"""The recogniser of a call against a Deepgram that works, and one that does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from dialer.errors import ProviderRejected, ProviderUnavailable
from dialer.providers import deepgram_listen, vendor_socket
from dialer.providers.deepgram_listen import DeepgramRecogniser, DeepgramRecognisers
from dialer.providers.speech import RecogniserEvent, SpeechStarted, Transcript, UtteranceEnded
from dialer.twin.server import RunningTwin
from tests.integration.vendor_twin import (
    FRAME,
    SILENCE,
    FarEnd,
    all_closed,
    arm,
    far_end,
    listen,
    mute_server,
    our_tasks,
    saw,
    spoken,
    unused_url,
    vendors,
    witness,
)

TEXT = "Yes, I own the house."


@pytest.fixture
async def twin() -> AsyncIterator[RunningTwin]:
    async with vendors() as running:
        yield running


def recognisers(url: str) -> DeepgramRecognisers:
    return DeepgramRecognisers(api_key="k", url=url)


async def play(recogniser: DeepgramRecogniser, audio: bytes, size: int = FRAME) -> None:
    """Faster than a telephone, but one frame after the other."""
    for at in range(0, len(audio), size):
        await recogniser.send(audio[at : at + size])
        await asyncio.sleep(0)


async def until(recogniser: DeepgramRecogniser, kind: type, **fields: Any) -> list[RecogniserEvent]:
    """All events up to the first of this kind whose fields are so."""
    events = []
    async with asyncio.timeout(15):
        async for event in recogniser.events():
            events.append(event)
            if isinstance(event, kind) and all(getattr(event, k) == fields[k] for k in fields):
                return events
    raise AssertionError(f"ended with {events}")


async def exhaust(recogniser: DeepgramRecogniser) -> None:
    async with asyncio.timeout(15):
        async for _ in recogniser.events():
            continue


@pytest.mark.parametrize("size", [160, 333, 4000])
async def test_words_come_with_their_place_however_the_audio_is_cut(
    twin: RunningTwin, size: int
) -> None:
    async with recognisers(twin.url).open(language="en-IN") as one:
        await play(one, await spoken(twin, TEXT), size)
        events = await until(one, UtteranceEnded)
    final = next(e for e in events if isinstance(e, Transcript) and e.ends_speech)
    assert final.text == TEXT
    assert [word.text for word in final.words] == TEXT.split()
    assert all(a.end_s <= b.start_s + 0.001 for a, b in pairwise(final.words))
    assert abs(final.words[0].start_s - 0.2) < 0.02
    assert isinstance(events[0], SpeechStarted) and abs(events[0].at_s - 0.2) < 0.1
    if size == FRAME:
        interims = [e for e in events if isinstance(e, Transcript) and not e.is_final]
        assert interims and all(TEXT.startswith(e.text) for e in interims)


async def test_finalize_brings_the_last_words_without_waiting_for_silence(
    twin: RunningTwin,
) -> None:
    audio = await spoken(twin, TEXT, quiet_s=0.04)
    async with recognisers(twin.url).open(language="hi-IN") as one:
        await play(one, audio)
        await saw(twin, "deepgram", "audio", -(-len(audio) // FRAME))
        await one.finalize()
        events = await until(one, Transcript, is_final=True)
    assert events[-1] == Transcript(
        TEXT, events[-1].words, events[-1].start_s, events[-1].end_s, True, True
    )


async def test_leaving_brings_the_last_words_and_the_bill(twin: RunningTwin) -> None:
    audio = await spoken(twin, TEXT, quiet_s=0.04)
    async with recognisers(twin.url).open(language="en-IN") as one:
        await play(one, audio)
        assert one.audio_s <= len(audio) / 8000
    events = [event async for event in one.events()]
    assert isinstance(events[-1], Transcript) and events[-1].text == TEXT
    assert one.audio_s == pytest.approx(len(audio) / 8000)
    assert witness(twin, "deepgram")["messages"][-3:] == [
        ["out", "Results speech_final"],
        ["out", "Metadata"],
        ["out", "close 1000"],
    ]


async def test_an_empty_frame_is_never_sent(twin: RunningTwin) -> None:
    async with recognisers(twin.url).open(language="en-IN") as one:
        await one.send(b"")
        await one.send(SILENCE * FRAME)
        await saw(twin, "deepgram", "audio")
    assert "empty frame" not in witness(twin, "deepgram")["counts"]["in"]


async def test_it_stays_alive_while_no_audio_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepgram_listen, "KEEP_ALIVE_S", 0.05)
    async with (
        vendors(stt_idle_s=2.0) as twin,
        recognisers(twin.url).open(language="en-IN") as one,
    ):
        await saw(twin, "deepgram", "KeepAlive", 60)  # longer than the idle limit
        await one.finalize()
        await until(one, Transcript, ends_speech=True)


async def test_silence_towards_deepgram_ends_in_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deepgram_listen, "KEEP_ALIVE_S", 60.0)
    async with (
        vendors(stt_idle_s=0.1) as twin,
        recognisers(twin.url).open(language="en-IN") as one,
    ):
        with pytest.raises(ProviderUnavailable, match="NET-0001"):
            await exhaust(one)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProviderRejected),
        (401, ProviderRejected),
        (402, ProviderRejected),
        (429, ProviderUnavailable),
        (503, ProviderUnavailable),
    ],
)
async def test_a_refused_handshake_says_whether_asking_again_helps(
    twin: RunningTwin, status: int, error: type[Exception]
) -> None:
    arm(twin, "stt_refused", status=status)
    with pytest.raises(error, match=str(status)) as caught:
        async with recognisers(twin.url).open(language="en-IN"):
            raise AssertionError("not reached")
    assert caught.value.status == status  # type: ignore[attr-defined]
    async with recognisers(twin.url).open(language="en-IN"):
        pass  # the fault struck once


async def test_a_wrong_key_and_an_unknown_language_are_rejected() -> None:
    async with vendors(deepgram_api_key="right") as twin:
        with pytest.raises(ProviderRejected, match="401"):
            async with recognisers(twin.url).open(language="en-IN"):
                raise AssertionError("not reached")
        one = DeepgramRecognisers(api_key="right", url=twin.url.replace("http", "ws"))
        with pytest.raises(ProviderRejected, match="400"):
            async with one.open(language="xx-IN"):
                raise AssertionError("not reached")
        async with one.open(language="ta-IN"):
            pass


async def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(ProviderUnavailable):
        async with recognisers(await unused_url()).open(language="en-IN"):
            raise AssertionError("not reached")


async def test_a_handshake_that_is_not_answered_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vendor_socket, "CONNECT_S", 0.2)
    async with mute_server() as (url, gone):
        with pytest.raises(ProviderUnavailable, match="in time"):
            async with recognisers(url).open(language="en-IN"):
                raise AssertionError("not reached")
        async with asyncio.timeout(5):
            await gone.wait()


async def test_a_socket_that_dies_fails_both_directions(twin: RunningTwin) -> None:
    arm(twin, "stt_dies", delay_s=0.05)
    async with recognisers(twin.url).open(language="en-IN") as one:
        with pytest.raises(ProviderUnavailable, match="1011"):
            await exhaust(one)
        with pytest.raises(ProviderUnavailable):
            await one.send(SILENCE * FRAME)
        with pytest.raises(ProviderUnavailable):
            await one.finalize()


async def test_a_good_close_nobody_asked_for_is_a_failure_too() -> None:
    async def close(end: FarEnd, socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.close()

    async with far_end(close) as end, recognisers(end.url).open(language="en-IN") as one:
        with pytest.raises(ProviderUnavailable, match="1000"):
            await exhaust(one)


async def test_a_far_end_that_reads_no_more_is_found_by_its_silence(
    twin: RunningTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor_socket, "PING_S", 0.2)
    arm(twin, "stt_stalls")
    async with recognisers(twin.url).open(language="en-IN") as one:
        with pytest.raises(ProviderUnavailable):
            await exhaust(one)


async def test_sending_never_waits_and_its_queue_has_an_end(twin: RunningTwin) -> None:
    async with recognisers(twin.url).open(language="en-IN") as one:
        with pytest.raises(ProviderUnavailable, match="does not take"):
            for _ in range(deepgram_listen.MOST_UNSENT + 1):  # the writer gets no turn
                await one.send(SILENCE * FRAME)


async def test_late_final_words_are_still_taken(twin: RunningTwin) -> None:
    arm(twin, "stt_late_finals", delay_s=0.6)
    async with recognisers(twin.url).open(language="en-IN") as one:
        audio = await spoken(twin, TEXT)
        begun = asyncio.get_running_loop().time()
        await play(one, audio)
        events = await until(one, Transcript, is_final=True)
        assert asyncio.get_running_loop().time() - begun >= 0.6
    assert isinstance(events[-1], Transcript) and events[-1].text == TEXT


async def test_the_end_of_an_utterance_is_told_where_speech_final_never_comes(
    twin: RunningTwin,
) -> None:
    arm(twin, "stt_no_speech_final")
    async with recognisers(twin.url).open(language="en-IN") as one:
        await play(one, await spoken(twin, TEXT))
        events = await until(one, UtteranceEnded)
    finals = [e for e in events if isinstance(e, Transcript) and e.is_final]
    assert [(e.text, e.ends_speech) for e in finals] == [(TEXT, False)]
    last = events[-1]
    assert isinstance(last, UtteranceEnded)
    assert last.last_word_end_s == pytest.approx(finals[0].words[-1].end_s)


async def test_sound_without_words_ends_in_empty_final_words(twin: RunningTwin) -> None:
    mumbled = await twin.exchange.studio.mumble(1.0)
    async with recognisers(twin.url).open(language="en-IN") as one:
        await play(one, SILENCE * 1600 + mumbled + SILENCE * 8000)
        events = await until(one, Transcript, ends_speech=True)
    assert isinstance(events[0], SpeechStarted)
    assert isinstance(events[-1], Transcript) and events[-1].text == ""


async def test_an_utterance_that_is_not_understood_ends_without_words(twin: RunningTwin) -> None:
    arm(twin, "stt_no_words")
    async with recognisers(twin.url).open(language="en-IN") as one:
        await play(one, await spoken(twin, TEXT))
        events = await until(one, Transcript, ends_speech=True)
    assert {event.text for event in events if isinstance(event, Transcript)} == {""}


@pytest.mark.parametrize("kind", ["stt_unknown_events", "stt_garbage"])
async def test_what_nobody_understands_is_noted_once_and_survived(
    twin: RunningTwin, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="dialer")
    arm(twin, kind)
    async with recognisers(twin.url).open(language="en-IN") as one:
        await play(one, await spoken(twin, TEXT))
        events = await until(one, UtteranceEnded)
    assert [e.text for e in events if isinstance(e, Transcript) and e.is_final] == [TEXT]
    notes = [r.message for r in caplog.records if r.name.startswith("dialer.providers")]
    assert notes == ["deepgram_message_not_understood"]


async def test_a_message_that_is_too_long_ends_the_socket_not_the_process() -> None:
    async def flood(end: FarEnd, socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.send_str('"' + "x" * (vendor_socket.MOST_BYTES + 1) + '"')
        await listen(end, socket)

    async with far_end(flood) as end, recognisers(end.url).open(language="en-IN") as one:
        with pytest.raises(ProviderUnavailable):
            await exhaust(one)


@pytest.mark.parametrize("after_s", [0.0, 0.002, 0.01, 0.05, 0.2])
async def test_a_cancelled_call_leaves_no_socket_and_no_task(
    twin: RunningTwin, after_s: float
) -> None:
    before = our_tasks()

    async def call() -> None:
        async with recognisers(twin.url).open(language="en-IN") as one:
            await play(one, await spoken(twin, TEXT))
            await asyncio.sleep(60)

    task = asyncio.create_task(call())
    await asyncio.sleep(after_s)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await all_closed(twin)
    assert our_tasks() <= before
