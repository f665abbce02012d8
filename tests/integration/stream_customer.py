"""The customer's end of a bidirectional stream: a WebSocket server that keeps what it was sent."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.integration.twin_customer import CALLEE, Customer, Received, customer

MULAW = "audio/x-mulaw;rate=8000"


@dataclass(slots=True)
class Line:
    """One accepted socket. ``messages`` are all that came, decoded; text that is no JSON and
    binary stay as they are."""

    socket: web.WebSocketResponse
    messages: list[Any] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, event: str) -> list[dict[str, Any]]:
        return [m for m in self.messages if isinstance(m, dict) and m.get("event") == event]

    @property
    def audio(self) -> bytes:
        """All inbound media, decoded."""
        return b"".join(base64.b64decode(m["media"]["payload"]) for m in self.of("media"))

    @property
    def stream_id(self) -> str:
        return str(self.of("start")[0]["start"]["streamId"])

    async def until(self, holds: Callable[[Line], object], limit_s: float = 20.0) -> None:
        async with asyncio.timeout(limit_s):
            while not holds(self):
                self.arrived.clear()
                await self.arrived.wait()

    async def send(self, event: str, **fields: object) -> None:
        await self.socket.send_str(json.dumps({"event": event, **fields}))

    async def play(
        self, audio: bytes, content_type: str = "audio/x-mulaw", rate: Any = 8000
    ) -> None:
        for at in range(0, len(audio), 8000):
            payload = base64.b64encode(audio[at : at + 8000]).decode()
            media = {"contentType": content_type, "sampleRate": rate, "payload": payload}
            await self.send("playAudio", media=media)

    async def mark(self, name: str) -> None:
        await self.send("checkpoint", streamId=self.stream_id, name=name)

    async def clear(self) -> None:
        await self.send("clearAudio", streamId=self.stream_id)

    async def _receive(self) -> None:
        async for message in self.socket:
            try:
                self.messages.append(json.loads(message.data))
            except ValueError:
                self.messages.append(message.data)
            self.arrived.set()
        self.arrived.set()


Talking = Callable[[Line], Awaitable[None]]


@asynccontextmanager
async def talking(
    talk: Talking,
    *,
    script: object,
    attributes: str = "",
    content_type: str = MULAW,
    after: str = "",
    **config: Any,
) -> AsyncIterator[tuple[Customer, list[Line]]]:
    """A twin that has called a callee with this script; ``talk`` is had on every socket, which is
    closed when it returns. The call has been placed, not more."""
    lines: list[Line] = []
    failed: list[BaseException] = []

    async def answer(request: web.Request, got: Received) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        line = Line(socket)
        lines.append(line)
        receiving = asyncio.create_task(line._receive())
        try:
            await line.until(lambda each: each.of("start"))
            await talk(line)
        except Exception as error:
            failed.append(error)
            raise
        finally:
            await socket.close()
            await asyncio.wait_for(receiving, 20)
        return socket

    async with customer(**config) as one:
        one.twin.set_callees({CALLEE: script})
        url = one.url.replace("http", "ws")
        one.replies = {
            "/ws": answer,
            "/answer": f'<Stream bidirectional="true" keepCallAlive="true" {attributes} '
            f'contentType="{content_type}" statusCallbackUrl="{one.url}/status">{url}/ws</Stream>'
            + after,
        }
        await one.place()
        yield one, lines
        if failed:
            raise failed[0]


def report(one: Customer) -> dict[str, Any]:
    """The witness of the only talk there was."""
    return dict(one.twin.ledger.kept("talks")[-1])
