"""Deepgram Nova as `dialer.providers.speech.Recognisers`, on the real SDK (providers.md §1)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from enum import Enum, auto
from typing import Any

import httpx
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.socket_client import AsyncV1SocketClient

from dialer.errors import ProviderError, ProviderUnavailable
from dialer.providers.deepgram_events import Billed, Complaint, read_message
from dialer.providers.deepgram_socket import DeepgramSocket
from dialer.providers.speech import RecogniserEvent, Transcript
from dialer.providers.tls import tls_context
from dialer.providers.vendor_socket import (
    CONNECT_S,
    SEND_S,
    http_and_ws,
    socket_errors,
)

log = logging.getLogger(__name__)

DEFAULT_MODEL = "nova-3"  # dated: a campaign may name another
PROVIDER = "deepgram"
BYTES_PER_S = 8000  # mu-law
KEEP_ALIVE_S = 4.0  # Deepgram closes after 10 s of nothing and asks for one every 3 to 5 s
LAST_WORDS_S = 1.0  # for the remaining results and Metadata after CloseStream
MOST_UNSENT = 250  # messages: 5 s of 20 ms frames
MOST_UNREAD = 500  # events nobody took; Deepgram sends a few per second
MOST_KEYTERM_TOKENS = 500  # over it Deepgram refuses, or falls silent (providers.md §1.2)

#: What a turn on the telephone wants; no default of Deepgram or of the SDK is left (§1.5).
_OPTIONS: dict[str, Any] = {
    "encoding": "mulaw",
    "sample_rate": 8000,
    "channels": 1,
    "interim_results": True,
    "endpointing": 250,  # ms
    "utterance_end_ms": 1000,
    "vad_events": True,
    "smart_format": False,  # it may hold words back to format an entity
    "punctuate": True,  # turns are read by people, and by a model
    "numerals": True,
    "mip_opt_out": True,
    "request_options": {
        "max_retries": 0,
        "additional_query_parameters": {"no_delay": "true"},
    },
}


class _Ask(Enum):
    KEEP_ALIVE = auto()
    FINALIZE = auto()
    CLOSE = auto()


class DeepgramRecognisers:
    """``url`` is scheme://host[:port], http or ws: the other form derives from it."""

    def __init__(self, *, api_key: str, url: str, model: str = DEFAULT_MODEL) -> None:
        http, ws = http_and_ws(url)
        self.model = model
        self._client = AsyncDeepgramClient(
            api_key=api_key,
            environment=DeepgramClientEnvironment(
                base=http, production=ws, agent=ws, agent_rest=http
            ),
            timeout=CONNECT_S,
            httpx_client=httpx.AsyncClient(verify=tls_context(), timeout=CONNECT_S),
            transport_factory=DeepgramSocket,
        )
        self._listen = self._client.listen.v1  # loaded now: 0.5 s that the first call would pay

    @asynccontextmanager
    async def open(
        self, *, language: str, keyterms: Sequence[str] = ()
    ) -> AsyncIterator[DeepgramRecogniser]:
        async with AsyncExitStack() as stack:
            with socket_errors(PROVIDER):
                async with asyncio.timeout(CONNECT_S):
                    socket = await stack.enter_async_context(
                        self._listen.connect(
                            model=self.model,
                            language=deepgram_language(language),
                            keyterm=fitting(keyterms) or None,
                            **_OPTIONS,
                        )
                    )
                    await socket.send_keep_alive()  # our transport connects at its first use
            recogniser = DeepgramRecogniser(socket)
            try:
                yield recogniser
            finally:
                await recogniser.close()


class DeepgramRecogniser:
    """One call's socket: a writer, a reader, and a bounded queue before each."""

    def __init__(self, socket: AsyncV1SocketClient) -> None:
        self._socket = socket
        self._unsent: asyncio.Queue[bytes | _Ask] = asyncio.Queue(MOST_UNSENT)
        self._unread: deque[RecogniserEvent] = deque()
        self._news = asyncio.Event()
        self._failure: ProviderError | None = None
        self._is_closing = False
        self._is_over = False
        self._sent_bytes = 0
        self._billed_s: float | None = None
        self._odd: set[str] = set()
        self._writer = asyncio.create_task(self._guarded(self._write))
        self._reader = asyncio.create_task(self._guarded(self._read))

    @property
    def audio_s(self) -> float:
        sent_s = self._sent_bytes / BYTES_PER_S
        return sent_s if self._billed_s is None else self._billed_s

    async def send(self, audio: bytes) -> None:
        """Never waits: what cannot be sent within 5 s means that Deepgram is gone."""
        if audio:  # an empty frame can close the stream
            self._hand_over(audio)

    async def finalize(self) -> None:
        self._hand_over(_Ask.FINALIZE)

    async def events(self) -> AsyncIterator[RecogniserEvent]:
        while True:
            while self._unread:
                yield self._unread.popleft()
            if self._is_over:
                break
            self._news.clear()
            await self._news.wait()  # the socket's pings are its deadline
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Ask for the remaining results and the bill, shortly; then leave nothing behind."""
        self._is_closing = True
        try:
            if not self._is_over and not self._unsent.full():
                self._unsent.put_nowait(_Ask.CLOSE)
                await asyncio.wait({self._reader}, timeout=LAST_WORDS_S)
        finally:
            self._writer.cancel()
            self._reader.cancel()
            ends = await asyncio.gather(self._writer, self._reader, return_exceptions=True)
            self._is_over = True  # the reader may never have begun
            self._news.set()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def _hand_over(self, item: bytes | _Ask) -> None:
        if self._failure is None and self._unsent.full():
            self._fail(ProviderUnavailable(PROVIDER, "does not take the audio"))
        if self._failure is not None:
            raise self._failure
        self._unsent.put_nowait(item)

    async def _write(self) -> None:
        item: bytes | _Ask = _Ask.KEEP_ALIVE
        while item is not _Ask.CLOSE:
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    item = await self._unsent.get()
            except TimeoutError:
                item = _Ask.KEEP_ALIVE
            async with asyncio.timeout(SEND_S):
                await self._send(item)

    async def _send(self, item: bytes | _Ask) -> None:
        match item:
            case bytes():
                await self._socket.send_media(item)
                self._sent_bytes += len(item)
            case _Ask.KEEP_ALIVE:
                await self._socket.send_keep_alive()
            case _Ask.FINALIZE:
                await self._socket.send_finalize()
            case _Ask.CLOSE:
                await self._socket.send_close_stream()

    async def _read(self) -> None:
        try:
            while True:
                try:
                    message = await self._socket.recv()
                except (ValueError, RecursionError):  # no JSON; what `recv` lets through
                    message = None
                self._take(read_message(message))
        finally:
            self._is_over = True
            self._news.set()

    def _take(self, heard: RecogniserEvent | Billed | Complaint | None) -> None:
        match heard:
            case None:
                self._note_once("deepgram_message_not_understood")
            case Complaint():
                self._note_once("deepgram_complained")
            case Billed():
                self._billed_s = heard.audio_s
            case Transcript(text="", is_final=False):
                return
            case _ if len(self._unread) >= MOST_UNREAD:
                self._note_once("deepgram_events_not_read")
            case _:
                self._unread.append(heard)
                self._news.set()

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do ``work``; what ends it early is the failure that `send` and `events` raise."""
        try:
            with socket_errors(PROVIDER):
                await work()
        except ProviderError as error:
            if not self._is_closing:
                self._fail(error)

    def _fail(self, error: ProviderError) -> None:
        self._failure = self._failure or error
        self._is_over = True
        self._news.set()

    def _note_once(self, event: str) -> None:
        if event not in self._odd:
            self._odd.add(event)
            log.warning(event)


def deepgram_language(language: str) -> str:
    """Return Deepgram's name of a campaign's language: Hindi and Indian English are mixed in one
    breath, so they are ``multi``; other Indian languages have a model each, without a region."""
    primary, _, region = language.partition("-")
    if primary == "hi" or language == "en-IN":
        return "multi"
    return primary if region.upper() == "IN" else language


def billed_as(model: str, language: str) -> str:
    """Return what the price list calls a model in a campaign's language (providers.md §6)."""
    return f"{model}.{'multi' if deepgram_language(language) == 'multi' else 'mono'}"


def fitting(keyterms: Sequence[str]) -> list[str]:
    """Return the terms, in order, that surely fit Deepgram's limit.

    Its tokens are not ours to count: three bytes are taken for one, so Devanagari counts most.
    """
    kept: list[str] = []
    left = MOST_KEYTERM_TOKENS
    for term in keyterms:
        clean = " ".join(term.replace(",", " ").replace(";", " ").split())
        left -= len(clean.encode()) // 3 + 1
        if clean and left >= 0:
            kept.append(clean)
    return list(dict.fromkeys(kept))
