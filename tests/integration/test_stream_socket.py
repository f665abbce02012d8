"""The stream's WebSocket route over a real socket: who may come in, and that nothing that comes
in, or does not, breaks it or leaves anything open."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from websockets.asyncio.client import connect

from dialer.audio.mulaw import SILENT_FRAME
from dialer.call.line import Cleared, Frame, Key, Played
from dialer.domain.attempt import AttemptState
from dialer.store.connect import create_engine
from dialer.store.engine import Database
from dialer.web.live_streams import StreamStart
from tests.integration.dialing_floor import ASHA, RAVI, Floor
from tests.integration.stream_carrier import (
    CALL,
    FRAME,
    Echo,
    answered_call,
    audio_of,
    closed,
    key,
    leaving_nothing_open,
    logged,
    media,
    received,
    refusal,
    serving_streams,
    start,
)


@pytest.fixture
async def call(floor: Floor) -> UUID:
    return await answered_call(floor, ASHA)


@pytest.fixture(autouse=True)
async def nothing_is_left_open() -> AsyncIterator[None]:
    async with leaving_nothing_open():
        yield


async def test_what_the_carrier_says_arrives_in_order_and_what_we_say_goes_out(
    floor: Floor, call: UUID
) -> None:
    echo = Echo()
    async with serving_streams(floor, echo) as carrier, carrier.streaming(call) as socket:
        for chunk in (1, 2, 3):
            await socket.send(media(chunk, bytes([chunk]) * 160))
        spoken = [audio_of(await received(socket)) for _ in range(3)]
        await socket.send(key("*"))
        assert await received(socket) == {
            "event": "checkpoint",
            "streamId": "stream-1",
            "name": "here",
        }
        await socket.send(json.dumps({"event": "playedStream", "name": "here"}))
        await socket.send(key("5"))
        assert await received(socket) == {"event": "clearAudio", "streamId": "stream-1"}
        await socket.send(json.dumps({"event": "clearedAudio", "sequenceNumber": 0}))
        await socket.send(key("#"))
        assert await closed(socket) == 1000
        await carrier.quiet()
    assert spoken == [bytes([chunk]) * 160 for chunk in (1, 2, 3)]
    assert echo.began == [StreamStart(call, CALL, "stream-1")]
    frames = [Frame(at * 0.02, bytes([at + 1]) * 160) for at in range(3)]
    assert echo.heard == [*frames, Key("*"), Played("here"), Key("5"), Cleared(), Key("#")]


async def test_an_upgrade_signed_over_any_form_of_the_public_url_is_let_in(
    floor: Floor, call: UUID
) -> None:
    async with serving_streams(floor, Echo()) as carrier:
        path = carrier.path(call)
        for scheme in ("http", "https", "ws", "wss"):
            headers = carrier.signed(path, scheme=scheme)
            async with connect(carrier.url + path, additional_headers=headers) as socket:
                await socket.send(start())
                await socket.send(media(1))
                assert audio_of(await received(socket)) == FRAME
            await carrier.quiet()


async def test_a_forged_upgrade_is_refused_before_any_query(floor: Floor, call: UUID) -> None:
    other = uuid4()
    floor.db = Database(create_engine("postgresql://127.0.0.1:1/nothing_listens_here"))
    async with serving_streams(floor, Echo()) as carrier:
        own, token = carrier.path(call), "not the token of anyone"
        mac = carrier.context.keys.mac_of(call)
        for path, headers in (
            (own, {}),
            (own, carrier.signed(own, token=token)),
            (own, carrier.signed(carrier.path(other))),
            (own, carrier.signed(own) | {"x-plivo-signature-v3-nonce": "1" * 20}),
            (own + "?a=1", carrier.signed(own)),
            (wrong := own.replace(mac, mac[::-1]), carrier.signed(wrong)),
            (wrong := own.replace(str(call), str(other)), carrier.signed(wrong)),
            (wrong := own.replace(str(call), "no-uuid"), carrier.signed(wrong)),
        ):
            assert await refusal(carrier, path, headers) == 403
    async with serving_streams(floor, None) as carrier:  # a process that serves no streams
        assert await refusal(carrier, own, carrier.signed(own)) == 403


BAD_MESSAGES: list[tuple[str | bytes, str]] = [
    ("this is not JSON", "not_json"),
    ("", "not_json"),
    ("[]", "not_an_object"),
    ("null", "not_an_object"),
    ('"media"', "not_an_object"),
    ('{"event": 1}', "no_event"),
    ('{"event": "never heard of"}', "unknown_event"),
    ('{"event": "media"}', "bad_field"),
    ('{"event": "media", "media": []}', "bad_field"),
    (media(9, FRAME, payload="not base64!"), "bad_base64"),
    (media(9, FRAME, payload=None), "bad_field"),
    (media(9, b""), "bad_field"),
    (media(9, FRAME, contentType="audio/x-l16", sampleRate=16000), "wrong_codec"),
    (media(9, FRAME, track="outbound"), "other_track"),
    (media(9, bytes(50_000)), "too_large"),
    (json.dumps({"event": "media", "media": {"payload": "A" * 1024 * 1024}}), "too_large"),
    (key("E"), "bad_field"),
    (key(""), "bad_field"),
    (start("stream-2", encoding="audio/x-l16"), "wrong_codec"),
    ('{"event": "playedStream"}', "bad_field"),
    ('{"event": "playFailed", "reason": "wrong"}', "play_failed"),
    ('{"event": "error", "reason": "buffer_overflow"}', "error_buffer_overflow"),
    ("[" * 50_000, "not_json"),
    (b"\xff\xfe\x00", "not_json"),
    (b"{}", "no_event"),
]


@pytest.mark.parametrize(
    ("when", "more"),
    [("before start", (media(9), "before_start")), ("later", (start("stream-2"), "second_start"))],
)
async def test_bad_messages_are_counted_told_once_and_survived(
    floor: Floor,
    call: UUID,
    when: str,
    more: tuple[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    echo, bad = Echo(), [*BAD_MESSAGES, more]
    with logged(caplog, "stream_messages_bad") as lines:
        async with serving_streams(floor, echo) as carrier, carrier.upgraded(call) as socket:
            for raw, _ in bad if when == "before start" else []:
                await socket.send(raw)
            await socket.send(start())
            await socket.send(media(1))
            assert audio_of(await received(socket)) == FRAME
            for raw, _ in bad if when == "later" else []:
                await socket.send(raw)
            await socket.send(media(2, SILENT_FRAME))
            assert audio_of(await received(socket)) == SILENT_FRAME
            await socket.send(key("#"))
            assert await closed(socket) == 1000
            await carrier.quiet()
    heard = [event.audio for event in echo.heard if isinstance(event, Frame)]
    assert heard == [FRAME, SILENT_FRAME]
    (line,) = lines
    assert line.counts == Counter(reason for _, reason in bad)


async def test_a_text_message_that_is_not_utf8_does_not_end_the_call(
    floor: Floor, call: UUID
) -> None:
    async with serving_streams(floor, Echo()) as carrier, carrier.streaming(call) as socket:
        await socket.send(b'{"event": "\xff"}', text=True)
        await socket.send(media(1))
        assert audio_of(await received(socket)) == FRAME
    await carrier.quiet()


async def test_frames_out_of_order_are_put_in_order_and_lost_ones_are_silence(
    floor: Floor, call: UUID
) -> None:
    echo = Echo()
    frames = {chunk: bytes([chunk]) * 160 for chunk in (1, 2, 3, 5, 6)}
    async with serving_streams(floor, echo) as carrier, carrier.streaming(call) as socket:
        for chunk in (1, 3, 2, 2, 6, 5):  # 2 comes twice, 4 never
            await socket.send(media(chunk, frames[chunk]))
        spoken = [audio_of(await received(socket)) for _ in range(6)]
        await socket.send(json.dumps({"event": "stop"}))
        assert await closed(socket) == 1000
        await carrier.quiet()
    assert spoken == [frames[1], frames[2], frames[3], SILENT_FRAME, frames[5], frames[6]]
    clock = [round(event.at_s, 6) for event in echo.heard if isinstance(event, Frame)]
    assert clock == [0.0, 0.02, 0.04, 0.06, 0.08, 0.1]


async def test_a_newer_stream_of_the_same_call_takes_its_place(floor: Floor, call: UUID) -> None:
    echo = Echo()
    async with serving_streams(floor, echo) as carrier:
        async with carrier.streaming(call, stream_id="old") as old:
            await old.send(media(1))
            assert audio_of(await received(old)) == FRAME
            async with carrier.streaming(call, stream_id="new") as new:
                assert await closed(old) == 1000
                await new.send(media(1, SILENT_FRAME))
                assert audio_of(await received(new)) == SILENT_FRAME
                assert echo.ended == ["old"]
                assert carrier.context.streams.count == 1
        await carrier.quiet()
    assert [each.stream_id for each in echo.began] == ["old", "new"] == echo.ended


async def test_streams_of_two_calls_leave_each_other_alone(floor: Floor, call: UUID) -> None:
    other = await answered_call(floor, RAVI, call="call-2")
    async with (
        serving_streams(floor, Echo()) as carrier,
        carrier.streaming(call) as one,
        carrier.streaming(other, call="call-2") as two,
    ):
        for socket, audio in ((one, FRAME), (two, SILENT_FRAME)):
            await socket.send(media(1, audio))
            assert audio_of(await received(socket)) == audio


async def test_a_stream_of_another_or_an_ended_call_is_closed_unheard(
    floor: Floor, call: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    echo = Echo()
    with logged(caplog, "stream_of_no_live_call") as lines:
        async with serving_streams(floor, echo) as carrier:
            async with carrier.streaming(call, call="a call of someone else") as socket:
                assert await closed(socket) == 1000
            await floor.change(call, state=AttemptState.ENDED)
            async with carrier.streaming(call) as socket:
                assert await closed(socket) == 1000
            async with carrier.streaming(uuid4()) as socket:
                assert await closed(socket) == 1000
    assert echo.began == []
    assert len(lines) == 3


async def test_a_call_whose_id_we_were_never_told_gets_it_from_its_stream(
    floor: Floor, call: UUID
) -> None:
    await floor.change(call, call_uuid=None)
    async with serving_streams(floor, Echo()) as carrier:
        async with carrier.streaming(call, call="told at last") as socket:
            await socket.send(media(1))
            assert audio_of(await received(socket)) == FRAME
        await carrier.quiet()
    assert (await floor.attempt(call)).call_uuid == "told at last"
