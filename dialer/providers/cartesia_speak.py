"""Cartesia Sonic as `dialer.providers.speech.Voices`, on the real SDK (providers.md §2)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from cartesia import AsyncCartesia, DefaultAsyncHttpxClient
from cartesia.types.websocket_connection_options import WebsocketConnectionOptions

from dialer.errors import ProviderUnavailable
from dialer.providers.cartesia_socket import PROVIDER, CartesiaSocket
from dialer.providers.cartesia_utterance import CartesiaUtterance
from dialer.providers.tls import tls_context
from dialer.providers.vendor_socket import CONNECT_S, http_and_ws, socket_errors, socket_options

DEFAULT_MODEL = "sonic-3.5"  # dated: a campaign may name another
DEFAULT_VOICE_ID = "95d51f79-c397-46f9-b49a-23763d3eaa2d"  # speaks Hindi and English in one breath


class CartesiaVoices:
    """``url`` is scheme://host[:port], http or ws: the other form derives from it."""

    def __init__(
        self,
        *,
        api_key: str,
        url: str,
        model: str = DEFAULT_MODEL,
        default_voice_id: str = DEFAULT_VOICE_ID,
    ) -> None:
        http, ws = http_and_ws(url)
        self.model = model
        self._default_voice_id = default_voice_id
        # The deadlines among them are not in the type, but the SDK passes everything on.
        self._options = cast(WebsocketConnectionOptions, socket_options(ws))
        self._client = AsyncCartesia(
            api_key=api_key,
            base_url=http,
            websocket_base_url=ws,
            timeout=CONNECT_S,
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(verify=tls_context(), timeout=CONNECT_S),
        )
        self._tts = self._client.tts  # loaded now, not by the first call

    @asynccontextmanager
    async def open(self, *, language: str, voice_id: str) -> AsyncIterator[CartesiaVoice]:
        request = {
            "model_id": self.model,
            "voice": {"mode": "id", "id": voice_id or self._default_voice_id},
            "language": language.partition("-")[0],
            "output_format": {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000},
            "add_timestamps": True,
            "max_buffer_delay_ms": 0,  # phrases come whole; unset it may wait 3 s for more
        }
        voice = CartesiaVoice(self._connect, request)
        try:
            await voice.socket()
            yield voice
        finally:
            await voice.close()

    async def _connect(self) -> CartesiaSocket:
        with socket_errors(PROVIDER):
            async with asyncio.timeout(CONNECT_S):
                # A manager per socket: one would hand out its dead connection again.
                manager = self._tts.websocket_connect(websocket_connection_options=self._options)
                return CartesiaSocket(await manager.enter())


class CartesiaVoice:
    """One call's socket and the utterances on it. A socket that broke has failed those under way;
    the next one opens another, trying once."""

    def __init__(
        self, connect: Callable[[], Awaitable[CartesiaSocket]], request: Mapping[str, Any]
    ) -> None:
        self._connect = connect
        self._request = request
        self._characters = 0
        self._numbers = itertools.count(1)
        self._socket: CartesiaSocket | None = None
        self._connecting = asyncio.Lock()
        self._is_closed = False

    @property
    def characters(self) -> int:
        return self._characters

    def say(self) -> CartesiaUtterance:
        name = f"utterance-{next(self._numbers)}"
        return CartesiaUtterance(name, self._request, self.socket, self._count)

    async def socket(self) -> CartesiaSocket:
        """Return the open socket; open one if there is none."""
        async with self._connecting:
            if self._is_closed:
                raise ProviderUnavailable(PROVIDER, "this call's voice is closed")
            if self._socket is not None and not self._socket.is_open:
                broken, self._socket = self._socket, None
                await broken.close()
            if self._socket is None:
                self._socket = await self._connect()
            return self._socket

    async def close(self) -> None:
        """End every utterance under way, and leave nothing behind."""
        self._is_closed = True
        if self._socket is not None:
            await self._socket.close()

    def _count(self, characters: int) -> None:
        self._characters += characters
