"""Cartesia's side of the twin: ``GET /tts/websocket`` (providers.md §2.2)."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from random import Random
from typing import Final
from uuid import uuid4

from aiohttp import WSMsgType, web

from dialer.twin.cartesia_context import Event, Manner, Speaker
from dialer.twin.cartesia_request import BadRequest, Cancel, Generate, read_request
from dialer.twin.exchange import Exchange
from dialer.twin.faults import Fault, FaultKind
from dialer.twin.latency import by_quartiles
from dialer.twin.tasks import Tasks
from dialer.twin.vendor_sockets import VendorSockets

IDLE_S: Final = 300.0
_NEXT_TEXT_SHARE: Final = 0.5  # of the first sound's latency: a running voice goes on sooner
_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
#: What an upgrade or a bug may put before a chunk.
GARBAGE: Final = (
    "not json",
    "[]",
    "null",
    '{"type":"chunk"}',
    '{"type":"chunk","context_id":7,"data":null}',
    '{"type":"timestamps","context_id":"x","word_timestamps":null}',
    '{"type":"breathing","context_id":"x"}',
)


class CartesiaRoutes:
    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._sockets = VendorSockets("cartesia", exchange.vendors)
        config = exchange.config
        self._latency = by_quartiles(config.tts_first_audio_ms, config.tts_first_audio_iqr_ms)

    def add_to(self, app: web.Application) -> None:
        app.add_routes(self.routes())
        app.on_shutdown.append(self._sockets.close_all)

    def routes(self) -> Iterable[web.RouteDef]:
        return [web.get("/tts/websocket", self.speak)]

    async def speak(self, request: web.Request) -> web.StreamResponse:
        self._sockets.knock(request)
        refused = self.take(FaultKind.TTS_REFUSED)
        if refused is not None:
            return self._refuse(refused.status, "refused", "refused by a fault")
        if not self._is_authorised(request):
            return self._refuse(401, "unauthorized", "the API key is not valid")
        if not _VERSION.fullmatch(request.headers.get("cartesia-version", "")):
            return self._refuse(400, "missing_version", "cartesia-version is required")
        async with self._sockets.accept(request) as socket:
            with suppress(ConnectionError):
                random = Random(f"{self.exchange.config.seed}/cartesia/{self._sockets.opened}")
                await _Conversation(self, socket, random).run()
        return socket

    def manner_of(self, text: str, is_first: bool, random: Random) -> Manner:
        """Draw how one text is spoken, and use up its faults."""
        slow, stalls = self.take(FaultKind.TTS_SLOW, text), self.take(FaultKind.TTS_STALLS, text)
        error = self.take(FaultKind.TTS_ERROR_EVENT, text)
        first_sound_s = self._latency.draw(random) * (1.0 if is_first else _NEXT_TEXT_SHARE)
        return Manner(
            first_sound_s=first_sound_s + (slow.delay_s if slow else 0.0),
            speed=self.exchange.config.tts_speed,
            stalls_s=stalls.delay_s if stalls else None,
            refusal=error.status if error else None,
            is_garbage=self.take(FaultKind.TTS_GARBAGE_AUDIO, text) is not None,
            ignores_cancel=self.take(FaultKind.TTS_CHUNKS_AFTER_CANCEL, text) is not None,
        )

    def take(self, kind: FaultKind, text: str = "") -> Fault | None:
        return self.exchange.faults.take(kind, "", said=text)

    def witness(self, direction: str, kind: str) -> None:
        self.exchange.vendors.message("cartesia", "in" if direction == "in" else "out", kind)

    def _is_authorised(self, request: web.Request) -> bool:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        wanted = self.exchange.config.cartesia_api_key
        return scheme == "Bearer" and bool(key) and wanted in ("", key)

    def _refuse(self, status: int, code: str, message: str) -> web.Response:
        body = {"title": code, "message": message, "error_code": code, "status_code": status}
        return self._sockets.refuse(status, body)


class _Conversation:
    """One socket: a loop that reads, and a task per context."""

    def __init__(
        self, cartesia: CartesiaRoutes, socket: web.WebSocketResponse, random: Random
    ) -> None:
        self._cartesia = cartesia
        self._socket = socket
        self._random = random
        self._speakers: dict[str, Speaker] = {}
        self._expired: deque[str] = deque(maxlen=100)
        self._tasks = Tasks()
        self._dies_at: float | None = None

    async def run(self) -> None:
        try:
            while await self._serve():
                continue
        finally:
            await self._tasks.cancel()

    async def _serve(self) -> bool:
        """Take one message; False when the socket is over."""
        now = time.monotonic()
        # 0 would mean no limit.
        wait_s = IDLE_S if self._dies_at is None else max(0.001, self._dies_at - now)
        try:
            message = await self._socket.receive(wait_s)
        except TimeoutError:
            await self._close(1000 if self._dies_at is None else 1011)
            return False
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return False
        try:
            self._obey(str(message.data))
        except BadRequest as error:
            await self._say_error(error)
        return True

    def _obey(self, text: str) -> None:
        try:
            request = read_request(text)
        except BadRequest:
            self._cartesia.witness("in", "bad request")
            raise
        if isinstance(request, Cancel):
            self._cartesia.witness("in", "cancel")
            if (speaker := self._speakers.get(request.context_id)) is not None:
                speaker.cancel()
            return
        self._cartesia.witness("in", "last" if request.is_last else "text")
        self._arm_death(request)
        self._speaker_of(request).add(request)

    def _arm_death(self, request: Generate) -> None:
        if self._dies_at is None and request.transcript:
            dies = self._cartesia.take(FaultKind.TTS_DIES, request.transcript)
            self._dies_at = time.monotonic() + dies.delay_s if dies else None

    def _speaker_of(self, request: Generate) -> Speaker:
        speaker = self._speakers.get(request.context_id)
        if request.context_id in self._expired:
            raise BadRequest(400, "context_expired", "the context is over", request.context_id)
        if speaker is None:
            config, studio = self._cartesia.exchange.config, self._cartesia.exchange.studio
            speaker = Speaker(
                request.context_id, studio, self._send, self._manner_of, config.tts_context_s
            )
            self._speakers[request.context_id] = speaker
            self._tasks.spawn(self._run(speaker))
        return speaker

    async def _run(self, speaker: Speaker) -> None:
        try:
            if not await speaker.run():
                self._expired.append(speaker.context_id)
        except BadRequest as error:
            await self._say_error(error)
        except ConnectionError:
            pass  # the customer is gone; the loop notices
        finally:
            self._speakers.pop(speaker.context_id, None)

    def _manner_of(self, text: str, is_first: bool) -> Manner:
        return self._cartesia.manner_of(text, is_first, self._random)

    async def _say_error(self, error: BadRequest) -> None:
        event: Event = {
            "type": "error",
            "done": True,
            "status_code": error.status,
            "title": error.code.replace("_", " ").capitalize(),
            "message": str(error),
            "error_code": error.code,
            "request_id": str(uuid4()),
            "doc_url": "",
        }
        if error.context_id is not None:
            event["context_id"] = error.context_id
        await self._send(event)

    async def _send(self, event: Event) -> None:
        if event.get("data", "").startswith("***"):
            for odd in GARBAGE:
                self._cartesia.witness("out", "odd")
                await self._socket.send_str(odd)
        self._cartesia.witness("out", event["type"])
        await self._socket.send_str(json.dumps(event, ensure_ascii=False))

    async def _close(self, code: int) -> None:
        self._cartesia.witness("out", f"close {code}")
        await self._socket.close(code=code)
