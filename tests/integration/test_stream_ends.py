"""A stream ends: whichever side goes first, falls silent, or fails, nothing stays open."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from dialer.call.line import Line
from dialer.web.live_streams import StreamStart
from dialer.web.socket_line import StreamLimits
from tests.integration.dialing_floor import ASHA, Floor
from tests.integration.stream_carrier import (
    CALL,
    Carrier,
    Echo,
    answered_call,
    closed,
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


async def test_an_upgrade_without_a_start_is_closed_in_time(floor: Floor, call: UUID) -> None:
    echo = Echo()
    async with (
        serving_streams(floor, echo, StreamLimits(start_s=0.3)) as carrier,
        carrier.upgraded(call) as socket,
    ):
        await socket.send(media(1))
        assert await closed(socket) == 1000
    assert echo.began == []


async def test_a_carrier_that_vanishes_ends_the_talk(floor: Floor, call: UUID) -> None:
    echo = Echo()
    async with serving_streams(floor, echo) as carrier, carrier.streaming(call) as socket:
        await socket.send(media(1))
        await received(socket)
        socket.transport.abort()
        await carrier.quiet()
    assert echo.ended == ["stream-1"]


async def test_a_carrier_that_falls_silent_is_closed(
    floor: Floor, call: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    with logged(caplog, "stream_messages_bad") as lines:
        async with (
            serving_streams(floor, Echo(), StreamLimits(idle_s=0.3)) as carrier,
            carrier.streaming(call) as socket,
        ):
            assert await closed(socket) == 1000
            await carrier.quiet()
    assert [line.counts for line in lines] == [{"carrier_silent": 1}]
    assert floor.carrier.ended == [("streams", CALL)], "it may not read our closing either"


async def test_a_carrier_that_stops_reading_is_dropped_before_memory_grows(
    floor: Floor, call: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    played, over = 0, asyncio.Event()

    async def chatter(start: StreamStart, line: Line) -> None:
        nonlocal played
        reading = asyncio.create_task(_read_all(line))
        while not reading.done() and played < 20_000:
            await line.play(bytes(4000))
            await asyncio.sleep(0)  # on a line that is gone, playing waits for nothing
            played += 1
        await reading
        over.set()

    with logged(caplog, "stream_messages_bad") as lines:
        async with serving_streams(floor, chatter, StreamLimits(write_s=0.5)) as carrier:
            writer = await _deaf_carrier(carrier, call)
            try:
                async with asyncio.timeout(60):
                    await over.wait()
                await carrier.quiet()
            finally:
                writer.transport.abort()
    assert played < 20_000  # 100 MB: no socket's own buffers take that
    assert [line.counts for line in lines] == [{"not_read_by_carrier": 1}]


async def _read_all(line: Line) -> None:
    async for _ in line.events():
        pass


async def _deaf_carrier(carrier: Carrier, call: UUID) -> asyncio.StreamWriter:
    """Upgrade and start by hand, then never read."""
    path = carrier.path(call)
    host, port = carrier.url.removeprefix("ws://").split(":")
    # A reader with a small limit stops reading soon, which a WebSocket client never does.
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    headers = {
        "Host": f"{host}:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        **carrier.signed(path),
    }
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await reader.readuntil(b"\r\n\r\n")
    message = start().encode()
    # Masked with zeros, as a client must mask and may choose how.
    writer.write(b"\x81\xfe" + len(message).to_bytes(2) + bytes(4) + message)
    await writer.drain()
    return writer


async def test_a_talk_that_fails_is_told_once_without_what_was_said(
    floor: Floor, call: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(start: StreamStart, line: Line) -> None:
        raise RuntimeError("the callee said: my card number is")

    with logged(caplog, "stream_failed") as lines:
        async with serving_streams(floor, fail) as carrier, carrier.streaming(call) as socket:
            assert await closed(socket) == 1000
            await carrier.quiet()
    (line,) = lines
    assert line.errors[0].startswith("RuntimeError at test_stream_ends.py:")
    assert "card" not in caplog.text


async def test_a_talk_that_outlives_its_line_is_ended(floor: Floor, call: UUID) -> None:
    cancelled = asyncio.Event()

    async def linger(start: StreamStart, line: Line) -> None:
        await _read_all(line)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serving_streams(floor, linger, StreamLimits(leave_s=0.3)) as carrier:
        async with carrier.streaming(call):
            pass
        await carrier.quiet()
    assert cancelled.is_set()


async def test_a_process_that_ends_closes_its_streams_and_takes_no_more(
    floor: Floor, call: UUID
) -> None:
    echo = Echo()
    async with serving_streams(floor, echo) as carrier, carrier.streaming(call) as socket:
        await socket.send(media(1))
        await received(socket)
        assert not await carrier.context.streams.wait_empty(0.01)
        await carrier.context.streams.close_all(5)
        assert await closed(socket) == 1000
        assert carrier.context.streams.count == 0
        path = carrier.path(call)
        assert await refusal(carrier, path, carrier.signed(path)) == 503
    assert echo.ended == ["stream-1"]
