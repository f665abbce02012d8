"""Deepgram's side of the twin: ``GET /v1/listen`` (providers.md §1.2)."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Final
from uuid import uuid4

from aiohttp import WSMsgType, web

from dialer.twin.deepgram_hearing import Habits, Hearing, Message
from dialer.twin.deepgram_options import BadOptions, ListenOptions, read_options
from dialer.twin.exchange import Exchange
from dialer.twin.faults import Fault, FaultKind
from dialer.twin.latency import by_p95
from dialer.twin.recognition import Listener
from dialer.twin.vendor_sockets import VendorSockets, until_gone

_WAIT_S: Final = 1.0  # at the most between two looks at the clock

#: What an upgrade, a bug or a proxy may put between two good messages.
UNKNOWN: Final = ('{"type":"TopicDetected","topics":[]}', '{"kind":"no type"}', "[]", "null", "7")
GARBAGE: Final = (
    "not json",
    '{"type":"Results"}',
    '{"type":"Results","channel":{"alternatives":"none"},"start":"soon","duration":null}',
    '{"type":"Results","channel_index":[0,1],"start":0,"duration":1,"is_final":true,'
    '"channel":{"alternatives":[]},"metadata":{}}',
    '{"type":"SpeechStarted","channel":7,"timestamp":"now"}',
    '{"type":"UtteranceEnd"}',
    "[" * 2000,
)


@dataclass(slots=True)
class _Troubles:
    """The faults that were taken for one socket; times on the monotonic clock."""

    dies_at: float | None = None
    stalls_at: float | None = None
    never_speech_final: bool = False
    before_results: list[str | bytes] = field(default_factory=list)


class DeepgramRoutes:
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._sockets = VendorSockets("deepgram", exchange.vendors)
        config = exchange.config
        self._latency = by_p95(config.stt_final_ms, config.stt_final_p95_ms)

    def add_to(self, app: web.Application) -> None:
        app.add_routes(self.routes())
        app.on_shutdown.append(self._sockets.close_all)

    def routes(self) -> Iterable[web.RouteDef]:
        return [web.get("/v1/listen", self.listen)]

    async def listen(self, request: web.Request) -> web.StreamResponse:
        self._sockets.knock(request)
        request_id = str(uuid4())
        refused = self._take(FaultKind.STT_REFUSED)
        if refused is not None:
            return self._refuse(refused.status, "REFUSED", "Refused by a fault.", request_id)
        if not self._is_authorised(request):
            return self._refuse(401, "INVALID_AUTH", "Invalid credentials.", request_id)
        try:
            options = read_options(request.query)
        except BadOptions as error:
            return self._refuse(400, "Bad Request", str(error), request_id)
        async with self._sockets.accept(request) as socket:
            with suppress(ConnectionError):
                await _Stream(self, socket, request, options, request_id).run()
        return socket

    def new_hearing(self, options: ListenOptions, request_id: str, troubles: _Troubles) -> Hearing:
        exchange = self._exchange
        random = Random(f"{exchange.config.seed}/deepgram/{self._sockets.opened}")

        def habits() -> Habits:
            late = self._take(FaultKind.STT_LATE_FINALS)
            return Habits(
                final_s=self._latency.draw(random) + (late.delay_s if late else 0.0),
                says_speech_final=not troubles.never_speech_final,
                hears_words=self._take(FaultKind.STT_NO_WORDS) is None,
            )

        return Hearing(Listener(exchange.studio.library), options, request_id, habits)

    def new_troubles(self, now: float) -> _Troubles:
        dies, stalls = self._take(FaultKind.STT_DIES), self._take(FaultKind.STT_STALLS)
        troubles = _Troubles(
            dies_at=now + dies.delay_s if dies else None,
            stalls_at=now + stalls.delay_s if stalls else None,
            never_speech_final=self._take(FaultKind.STT_NO_SPEECH_FINAL) is not None,
        )
        if self._take(FaultKind.STT_UNKNOWN_EVENTS):
            troubles.before_results += UNKNOWN
        if self._take(FaultKind.STT_GARBAGE):
            troubles.before_results += [*GARBAGE, b"\x00\xff binary"]
        return troubles

    def witness_in(self, kind: str) -> None:
        self._exchange.vendors.message("deepgram", "in", kind)

    def witness_out(self, kind: str) -> None:
        self._exchange.vendors.message("deepgram", "out", kind)

    @property
    def idle_s(self) -> float:
        return self._exchange.config.stt_idle_s

    def _take(self, kind: FaultKind) -> Fault | None:
        return self._exchange.faults.take(kind, "")

    def _is_authorised(self, request: web.Request) -> bool:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        wanted = self._exchange.config.deepgram_api_key
        return scheme.lower() in ("token", "bearer") and bool(key) and wanted in ("", key)

    def _refuse(self, status: int, code: str, text: str, request_id: str) -> web.Response:
        body = {"err_code": code, "err_msg": text, "request_id": request_id}
        return self._sockets.refuse(status, body)


class _Stream:
    """One socket: one loop that hears, answers when it is time, and gives up on silence."""

    def __init__(
        self,
        deepgram: DeepgramRoutes,
        socket: web.WebSocketResponse,
        request: web.Request,
        options: ListenOptions,
        request_id: str,
    ) -> None:
        self._deepgram = deepgram
        self._socket = socket
        self._request = request
        self._request_id = request_id
        self._began = datetime.now(UTC)
        self._digest = hashlib.sha256()
        self._troubles = deepgram.new_troubles(time.monotonic())
        self._hearing = deepgram.new_hearing(options, request_id, self._troubles)
        self._is_open = True

    async def run(self) -> None:
        idle_at = time.monotonic() + self._deepgram.idle_s
        while self._is_open:
            now = time.monotonic()
            await self._send_due(now)
            if self._troubles.stalls_at is not None and now >= self._troubles.stalls_at:
                return await until_gone(self._request)
            if self._troubles.dies_at is not None and now >= self._troubles.dies_at:
                return await self._close(1011, "NET-0000")
            if now >= idle_at:
                return await self._close(1011, "NET-0001")
            try:
                message = await self._socket.receive(self._wait_s(now, idle_at))
            except TimeoutError:
                continue
            if await self._take(message.type, message.data):
                idle_at = time.monotonic() + self._deepgram.idle_s

    def _wait_s(self, now: float, idle_at: float) -> float:
        moments = (self._hearing.next_at, self._troubles.dies_at, self._troubles.stalls_at, idle_at)
        # 0 would mean no limit.
        return max(0.001, min(now + _WAIT_S, *(at for at in moments if at is not None)) - now)

    async def _take(self, kind: WSMsgType, data: object) -> bool:
        """Do what a message asks; False if the socket may idle out as if it had not come."""
        match kind:
            case WSMsgType.BINARY if isinstance(data, bytes) and data:
                self._deepgram.witness_in("audio")
                self._digest.update(data)
                self._hearing.feed(data, time.monotonic())
            case WSMsgType.BINARY:  # an empty frame is the old way to say CloseStream
                self._deepgram.witness_in("empty frame")
                await self._end()
            case WSMsgType.TEXT if isinstance(data, str):
                return await self._obey(data)
            case _:  # closed, or broken off
                self._is_open = False
        return True

    async def _obey(self, text: str) -> bool:
        try:
            body = json.loads(text)
            kind = body["type"]
        except (ValueError, TypeError, KeyError):
            kind = None
        match kind:
            case "KeepAlive":
                self._deepgram.witness_in("KeepAlive")
            case "Finalize":
                self._deepgram.witness_in("Finalize")
                self._hearing.finalize(time.monotonic())
            case "CloseStream":
                self._deepgram.witness_in("CloseStream")
                await self._end()
            case "Configure":
                self._deepgram.witness_in("Configure")
                await self._send(_configured(body, self._request_id))
            case _:
                self._deepgram.witness_in("unknown")
                await self._send(_schema_error(text))
                return False
        return True

    async def _end(self) -> None:
        self._hearing.close(time.monotonic())
        await self._send_due(time.monotonic())
        await self._send(
            {
                "type": "Metadata",
                "transaction_key": "deprecated",
                "request_id": self._request_id,
                "sha256": self._digest.hexdigest(),
                "created": self._began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "duration": round(self._hearing.now_s, 6),
                "channels": 1,
            }
        )
        await self._close(1000, "")

    async def _send_due(self, now: float) -> None:
        for message in self._hearing.due(now):
            if message["type"] == "Results":
                await self._send_odd()
            await self._send(message)

    async def _send_odd(self) -> None:
        for odd in self._troubles.before_results:
            self._deepgram.witness_out("odd")
            if isinstance(odd, str):
                await self._socket.send_str(odd)
            else:
                await self._socket.send_bytes(odd)

    async def _send(self, message: Message) -> None:
        self._deepgram.witness_out(_kind(message))
        await self._socket.send_str(json.dumps(message, ensure_ascii=False))

    async def _close(self, code: int, reason: str) -> None:
        self._is_open = False
        self._deepgram.witness_out(f"close {code}")
        await self._socket.close(code=code, message=reason.encode())


def _kind(message: Message) -> str:
    if message["type"] != "Results":
        return str(message["type"])
    if message["from_finalize"]:
        return "Results from_finalize"
    if message["speech_final"]:
        return "Results speech_final"
    return "Results final" if message["is_final"] else "Results interim"


def _configured(body: Message, request_id: str) -> Message:
    keyterms = body.get("keyterms", [])
    if not isinstance(keyterms, list) or not all(isinstance(term, str) for term in keyterms):
        failure = {"code": "INVALID_KEYTERMS", "description": "keyterms must be texts"}
        return {"type": "ConfigureFailure", "request_id": request_id, **failure}
    return {"type": "ConfigureSuccess", "request_id": request_id, "keyterms": keyterms}


def _schema_error(text: str) -> Message:
    return {
        "type": "Error",
        "variant": "SchemaError",
        "description": "Could not deserialize last text message.",
        "message": text[:200],
    }
