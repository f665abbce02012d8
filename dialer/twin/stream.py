"""<Stream>: opens the customer's WebSocket, says ``start`` and holds it. No audio yet."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Final

import aiohttp
from yarl import URL

from dialer.twin.calls import new_uuid
from dialer.twin.document import Element
from dialer.twin.interpreter import Interpreter, Moved

CONNECT_TRIES: Final = 3
CONNECT_TIMEOUT_S: Final = 5.0
RETRY_GAP_S: Final = 0.5
DEFAULT_CONTENT_TYPE: Final = "audio/x-l16;rate=8000"


@dataclass(frozen=True, slots=True)
class Stream:
    """One <Stream> element on one call."""

    stream_id: str
    element: Element

    @property
    def url(self) -> str:
        return self.element.text

    @property
    def tracks(self) -> list[str]:
        track = self.element.get("audioTrack", "inbound")
        return ["inbound", "outbound"] if track == "both" else [track]

    def start_message(self, call_uuid: str, account_id: str) -> str:
        """The first message on the socket (plivo.md §4.1)."""
        encoding, _, rate = self.element.get("contentType", DEFAULT_CONTENT_TYPE).partition(
            ";rate="
        )
        return json.dumps(
            {
                "event": "start",
                "sequenceNumber": 1,
                "start": {
                    "callId": call_uuid,
                    "streamId": self.stream_id,
                    "accountId": account_id,
                    "tracks": self.tracks,
                    "mediaFormat": {"encoding": encoding, "sampleRate": int(rate)},
                },
                "extra_headers": self.element.get("extraHeaders"),
            }
        )


async def stream(run: Interpreter, element: Element) -> None:
    """With keepCallAlive the document waits for the stream; without, it goes on at once."""
    if run.call.streams:
        run.note("a second <Stream> on one call is ignored")
        return
    run.call.streams += 1
    work = _hold(run, Stream(new_uuid(), element))
    if not element.flag("keepCallAlive", False):
        run.call.helpers.spawn(work)
        return
    run.call.streaming = True
    try:
        await work
    finally:
        run.call.streaming = False
    if run.call.moved_to is not None:
        raise Moved


async def _hold(run: Interpreter, stream: Stream) -> None:
    """Connect, start, wait for either side to end; a stream that never was is Dropped."""
    socket = await _connect(run, stream)
    if socket is None:
        await _report(run, stream, "DroppedStream")
        run.call.streams -= 1
        return
    limit_s = stream.element.number("streamTimeout", 86400) * run.exchange.clock.scale
    try:
        await socket.send_str(stream.start_message(run.call.call_uuid, run.exchange.config.auth_id))
        await _report(run, stream, "StartStream")
        async with asyncio.timeout(limit_s):
            async for _ in socket:
                continue
    except (TimeoutError, ConnectionError):
        run.note("the stream timed out or broke")
    finally:
        run.call.streams -= 1
        await socket.close(code=1000)
        run.exchange.tasks.spawn(_report(run, stream, "StopStream"))


async def _connect(run: Interpreter, stream: Stream) -> aiohttp.ClientWebSocketResponse | None:
    """Three attempts (plivo.md §4.3). The upgrade is signed as a GET of the http form."""
    if not stream.url.startswith(("ws://", "wss://")):
        return None
    signed_url = "http" + stream.url.removeprefix("wss").removeprefix("ws")
    for attempt in range(CONNECT_TRIES):
        if attempt:
            await run.exchange.clock.sleep(RETRY_GAP_S)
        headers = run.exchange.courier.sign(run.call.phone, "GET", signed_url, {})
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await run.exchange.http.ws_connect(
                    URL(stream.url, encoded=True), headers=headers
                )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            run.note(f"stream connect attempt {attempt + 1} failed")
    return None


async def _report(run: Interpreter, stream: Stream, event: str) -> None:
    """The status callback, vocabulary A of plivo.md §2.3."""
    url = stream.element.get("statusCallbackUrl")
    if not url:
        return
    extra = {
        "Event": event,
        "StreamID": stream.stream_id,
        "Timestamp": run.exchange.clock.now().isoformat(),
        **stream.element.attributes,
    }
    method = stream.element.get("statusCallbackMethod", "POST")
    await run.notify("stream", url, method, extra)
