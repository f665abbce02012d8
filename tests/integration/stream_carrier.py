"""The carrier's end of a stream, played by hand: a product that serves one route on a real
socket, an upgrade signed with the SDK's own code, and messages a test writes itself."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from plivo.utils.signature_v3 import construct_get_url, get_signature_v3
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from dialer.app.serve import bind
from dialer.app.serve_web import serving_web
from dialer.call.line import Cleared, Frame, Key, Line, Played
from dialer.dialing.loop import DialingLoop
from dialer.web.context import MARKER, Context
from dialer.web.live_streams import LiveStreams, StreamStart, Talk
from dialer.web.socket_line import StreamLimits
from tests.integration.dialing_floor import Floor

TOKEN = "the token of these tests"
NONCE = "31627761595286130198"
CALL = "call-1"
FRAME = bytes(range(160))


@dataclass
class Echo:
    """A talk that says back what it hears and writes down what happened."""

    heard: list[object] = field(default_factory=list)
    began: list[StreamStart] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    async def __call__(self, start: StreamStart, line: Line) -> None:
        self.began.append(start)
        try:
            async for event in line.events():
                await self._answer(event, line)
        finally:
            self.ended.append(start.stream_id)

    async def _answer(self, event: object, line: Line) -> None:
        self.heard.append(event)
        match event:
            case Frame(audio=audio):
                await line.play(audio)
            case Key(digit="*"):
                await line.mark("here")
            case Key(digit="#"):
                await line.close()
            case Key():
                await line.clear()
            case Played() | Cleared():
                pass


@dataclass
class Carrier:
    """A serving product and how to reach it. ``url`` is where it listens, which is not its
    public URL: the signature is over that."""

    floor: Floor
    context: Context
    url: str

    def path(self, attempt_id: UUID) -> str:
        return f"/plivo/{attempt_id}/{self.context.keys.mac_of(attempt_id)}/stream"

    def signed(self, path: str, *, scheme: str = "http", token: str = TOKEN) -> dict[str, str]:
        """Sign the upgrade as the SDK signs a GET; the scheme is put in as it stands."""
        public = self.context.urls.public_url.removeprefix("http://")
        text = construct_get_url(f"http://{public}{path}", {}).decode()
        text = scheme + text.removeprefix("http")
        return {
            "x-plivo-signature-v3": get_signature_v3(token.encode(), text, NONCE).decode(),
            "x-plivo-signature-v3-nonce": NONCE,
        }

    @asynccontextmanager
    async def upgraded(self, attempt_id: UUID) -> AsyncIterator[ClientConnection]:
        path = self.path(attempt_id)
        async with connect(
            self.url + path, additional_headers=self.signed(path), max_size=None
        ) as socket:
            yield socket

    @asynccontextmanager
    async def streaming(
        self, attempt_id: UUID, *, stream_id: str = "stream-1", call: str = CALL
    ) -> AsyncIterator[ClientConnection]:
        async with self.upgraded(attempt_id) as socket:
            await socket.send(start(stream_id, call))
            yield socket

    async def quiet(self) -> None:
        """Wait until no stream is left."""
        assert await self.context.streams.wait_empty(20)


def start(stream_id: str = "stream-1", call: str = CALL, **media_format: object) -> str:
    told = {"encoding": "audio/x-mulaw", "sampleRate": 8000} | media_format
    return json.dumps(
        {
            "event": "start",
            "sequenceNumber": 1,
            "start": {
                "callId": call,
                "streamId": stream_id,
                "accountId": "MAXXXXXXXXXXXXXXXXXX",
                "tracks": ["inbound"],
                "mediaFormat": told,
            },
            "extra_headers": "",
        }
    )


def media(chunk: int, audio: bytes = FRAME, **fields: object) -> str:
    body = {
        "track": "inbound",
        "timestamp": str(1_705_312_200_000 + 20 * chunk),
        "chunk": chunk,
        "payload": base64.b64encode(audio).decode(),
    } | fields
    return json.dumps({"event": "media", "sequenceNumber": chunk + 1, "media": body})


def key(digit: str) -> str:
    return json.dumps({"event": "dtmf", "dtmf": {"track": "inbound", "digit": digit}})


async def received(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(20):
        message: dict[str, Any] = json.loads(await socket.recv())
    return message


async def answered_call(floor: Floor, phone: str, call: str = CALL) -> UUID:
    """Launch a campaign to one phone and let it answer."""
    await floor.launch([phone], name=f"stream to {phone}")
    attempt_id = await floor.ring_one()
    await floor.hear(
        attempt_id, "answer", CallUUID=call, Event="StartApp", CallStatus="in-progress"
    )
    return attempt_id


@asynccontextmanager
async def serving_streams(
    floor: Floor, talk: Talk | None, limits: StreamLimits | None = None
) -> AsyncIterator[Carrier]:
    context = Context(
        db=floor.db,
        keys=floor.law.keys,
        law=floor.law,
        carrier=floor.carrier,
        carrier_token=TOKEN,
        urls=floor.placing.urls,
        loop=DialingLoop(floor.placing, floor.law),
        api_key="unused",
        data_dir=Path("."),
        talk=talk,
        streams=LiveStreams(limits or StreamLimits()),
    )
    sock = bind("127.0.0.1", 0)
    try:
        async with serving_web(context, sock):
            yield Carrier(floor, context, f"ws://127.0.0.1:{sock.getsockname()[1]}")
    finally:
        sock.close()


async def closed(socket: ClientConnection) -> int:
    """Read to the end; return the close code."""
    async with asyncio.timeout(20):
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.recv()
    assert socket.close_code is not None
    return socket.close_code


def audio_of(message: dict[str, object]) -> bytes:
    body = message["media"]
    assert isinstance(body, dict)
    assert (message["event"], body["contentType"], body["sampleRate"]) == (
        "playAudio",
        "audio/x-mulaw",
        8000,
    )
    return base64.b64decode(body["payload"], validate=True)


@contextmanager
def logged(caplog: pytest.LogCaptureFixture, event: str) -> Iterator[list[Any]]:
    found: list[Any] = []
    with caplog.at_level(logging.INFO):
        yield found
    found += [record for record in caplog.records if record.msg == event]


async def refusal(carrier: Carrier, path: str, headers: dict[str, str]) -> int:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(carrier.url + path, additional_headers=headers):
            pass
    assert refused.value.response.headers[MARKER[0]] == MARKER[1]
    return refused.value.response.status_code


@asynccontextmanager
async def leaving_nothing_open() -> AsyncIterator[None]:
    """Demand that every socket and task of the body is gone soon after it."""
    tasks, sockets = _tasks(), _sockets()
    yield
    for _ in range(400):
        if len(_sockets()) <= len(sockets) and _tasks() <= tasks:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"left open: {_tasks() - tasks}, {_sockets()} after {sockets}")


def _tasks() -> set[asyncio.Task[object]]:
    mine = asyncio.current_task()
    return {task for task in asyncio.all_tasks() if task is not mine}


def _sockets() -> list[str]:
    """The open sockets of this process, the database's among them."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:  # the listing itself
            continue
    return [target for target in found if target.startswith("socket:")]
