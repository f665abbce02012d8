"""OpenAI's side of the wire: ``/v1/chat/completions`` and ``/v1/models``, answered by `model`."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from aiohttp import web

from dialer.twin.exchange import Exchange
from dialer.twin.faults import LLM_FAULTS, Fault, FaultKind
from dialer.twin.latency import by_p95
from dialer.twin.model import ModelReply, answer
from dialer.twin.openai_cache import PromptCache
from dialer.twin.openai_chunks import (
    DONE,
    ERROR_EVENT,
    Envelope,
    pieces_of,
    plan,
    tokens,
    usage_of,
)
from dialer.twin.openai_request import MODELS, ApiError, ChatRequest, read_request, refusal

VENDOR = "openai"
STALL_S = 60.0
LOOK_S = 0.02  # how often a waiting reply looks whether anybody still listens
RETRY_AFTER_MS = "1000"


class _Gone(Exception):
    """The customer closed the connection: nobody pays for what was not said."""


class OpenAIRoutes:
    def __init__(self, exchange: Exchange) -> None:
        self._config = exchange.config
        self._faults = exchange.faults
        self._vendors = exchange.vendors
        self._cache = PromptCache()
        self._random = random.Random(exchange.config.seed)
        self._latency = by_p95(
            exchange.config.llm_first_token_ms, exchange.config.llm_first_token_p95_ms
        )

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.post("/v1/chat/completions", self.chat),
            web.get("/v1/models", self.models),
            web.get("/v1/models/{id}", self.model),
        ]

    async def models(self, request: web.Request) -> web.Response:
        self._vendors.request(VENDOR, request.path, request.query, request.headers)
        try:
            self._check_key(request)
        except ApiError as error:
            return _refused(error)
        return web.json_response({"object": "list", "data": [_model(each) for each in MODELS]})

    async def model(self, request: web.Request) -> web.Response:
        self._vendors.request(VENDOR, request.path, request.query, request.headers)
        try:
            self._check_key(request)
            name = request.match_info["id"]
            if name not in MODELS:
                message = f"The model '{name[:60]}' does not exist"
                raise ApiError(404, message, param="model", code="model_not_found")
        except ApiError as error:
            return _refused(error)
        return web.json_response(_model(name))

    async def chat(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        try:
            self._check_key(request)
            chat = read_request(raw)
        except ApiError as error:
            self._vendors.request(VENDOR, request.path, request.query, request.headers)
            return self._no(error)
        self._vendors.request(VENDOR, request.path, request.query, request.headers, chat.settings)
        self._vendors.message(VENDOR, "in", "chat")
        fault = self._faults.take_any(LLM_FAULTS, "", said=chat.last_words)
        if fault is not None and fault.kind is FaultKind.LLM_REFUSED:
            return self._no(refusal(fault.status))
        with self._open():
            reply = answer(chat.messages, chat.tools)
            try:
                await _wait(request, self._first_token_s(fault))
                if chat.is_streamed:
                    return await self._stream(request, chat, reply, fault)
                return await self._whole(request, chat, reply)
            except (_Gone, ConnectionError):
                self._vendors.message(VENDOR, "in", "disconnect")
                return web.Response()  # to nobody

    async def _stream(
        self, request: web.Request, chat: ChatRequest, reply: ModelReply, fault: Fault | None
    ) -> web.StreamResponse:
        planned = plan(reply, chat.max_tokens, fault.kind if fault else None)
        envelope = _envelope(chat)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", **_request_id()}
        )
        await response.prepare(request)
        await self._send(response, "role", envelope.chunk({"role": "assistant", "content": ""}))
        started, characters = time.monotonic(), 0
        for sent, piece in enumerate(planned.pieces):  # the first has waited enough
            await _wait(request, started + sent * self._token_s - time.monotonic())
            await self._send(response, piece.kind, envelope.chunk(piece.delta))
            characters += piece.size
        if planned.mishap is not None and fault is not None:
            await self._mishap(request, response, planned.mishap, fault.delay_s)
            return response
        await self._send(response, "finish", envelope.chunk({}, planned.finish))
        if chat.wants_usage:
            usage = self._usage(chat, characters)
            await self._send(response, "usage", envelope.usage_chunk(usage))
        await self._send(response, "[DONE]", DONE)
        await response.write_eof()
        return response

    async def _whole(
        self, request: web.Request, chat: ChatRequest, reply: ModelReply
    ) -> web.Response:
        """A reply that is not streamed. Only `LLM_REFUSED` and `LLM_SLOW` strike it."""
        pieces = pieces_of(reply)
        await _wait(request, len(pieces) * self._token_s)
        finish = "tool_calls" if reply.calls else "stop"
        usage = self._usage(chat, sum(piece.size for piece in pieces))
        body = _envelope(chat).completion(reply, finish, usage)
        self._vendors.message(VENDOR, "out", "completion")
        return web.json_response(body, headers=_request_id())

    async def _mishap(
        self, request: web.Request, response: web.StreamResponse, kind: FaultKind, delay_s: float
    ) -> None:
        if kind is FaultKind.LLM_ERROR_FRAME:
            await self._send(response, "error", ERROR_EVENT)
            await response.write_eof()
            return
        if kind is FaultKind.LLM_STALLS:
            await _wait(request, delay_s or STALL_S)
        if request.transport is not None:
            request.transport.abort()

    async def _send(self, response: web.StreamResponse, kind: str, chunk: bytes) -> None:
        await response.write(chunk)
        self._vendors.message(VENDOR, "out", kind)

    @contextmanager
    def _open(self) -> Iterator[None]:
        self._vendors.opened(VENDOR)
        try:
            yield
        finally:
            self._vendors.closed(VENDOR)

    def _no(self, error: ApiError) -> web.Response:
        self._vendors.message(VENDOR, "out", str(error.status))
        return _refused(error)

    def _check_key(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            message = (
                "You didn't provide an API key. You need to provide your API key in an "
                "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
            )
            raise ApiError(401, message)
        if self._config.openai_api_key and key != self._config.openai_api_key:
            raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")

    def _usage(self, chat: ChatRequest, characters: int) -> dict[str, object]:
        cached = self._cache.cached_tokens(chat.cache_key, chat.prompt)
        return usage_of(tokens(len(chat.prompt)), cached, tokens(characters))

    @property
    def _token_s(self) -> float:
        return self._config.llm_token_ms / 1000

    def _first_token_s(self, fault: Fault | None) -> float:
        if fault is not None and fault.kind is FaultKind.LLM_SLOW:
            return fault.delay_s
        return self._latency.draw(self._random)


def _envelope(chat: ChatRequest) -> Envelope:
    return Envelope(
        id=f"chatcmpl-{uuid.uuid4().hex}",
        created=int(time.time()),
        model=chat.model,
        tier=chat.tier,
        wants_usage=chat.wants_usage,
    )


async def _wait(request: web.Request, seconds: float) -> None:
    """Wait; `_Gone` as soon as nobody listens any more."""
    until = time.monotonic() + seconds
    while True:
        if request.transport is None or request.transport.is_closing():
            raise _Gone
        left = until - time.monotonic()
        if left <= 0:
            return
        await asyncio.sleep(min(left, LOOK_S))


def _request_id() -> dict[str, str]:
    return {"x-request-id": f"req_{uuid.uuid4().hex}"}


def _refused(error: ApiError) -> web.Response:
    headers = _request_id()
    if error.status == 429:
        headers |= {"retry-after-ms": RETRY_AFTER_MS, "retry-after": "1"}
    return web.json_response(error.body, status=error.status, headers=headers)


def _model(name: str) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": 1_780_000_000,
        "owned_by": "openai",
        "shutdown_date": MODELS[name],
    }
