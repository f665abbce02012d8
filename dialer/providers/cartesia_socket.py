"""One socket to Cartesia: one reader, which hands each event to the utterance it belongs to.

The SDK's context helper is not used: it waits for ever after a cancel or a closed socket, and its
reconnecting returns the dead connection (providers.md §2.3).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from cartesia.resources.tts import AsyncTTSResourceConnection

from dialer.errors import ProviderError
from dialer.providers.cartesia_events import Done, Failed, Part, read_event
from dialer.providers.speech import Sound, Timings
from dialer.providers.vendor_socket import SEND_S, socket_errors

log = logging.getLogger(__name__)

PROVIDER = "cartesia"


class Context(Protocol):
    """Whoever waits for the events of a context."""

    def take(self, part: Sound | Timings) -> None: ...
    def complete(self) -> None: ...
    def fail(self, error: ProviderError) -> None: ...
    def stop(self) -> None: ...


class CartesiaSocket:
    """``contexts`` by id: events of any other id come too late and are dropped."""

    def __init__(self, connection: AsyncTTSResourceConnection) -> None:
        self.contexts: dict[str, Context] = {}
        self.is_open = True
        self._connection = connection
        self._is_odd = False
        self._reader = asyncio.create_task(self._read())

    async def send(self, event: Mapping[str, Any]) -> None:
        """`ProviderUnavailable` if it does not go out; then the whole socket is over."""
        try:
            with socket_errors(PROVIDER):
                async with asyncio.timeout(SEND_S):
                    await self._connection.send(dict(event))  # type: ignore[arg-type]  # one of two shapes
        except ProviderError as error:
            self._break(error)
            raise

    async def close(self) -> None:
        """Leave no task and no socket, at the latest after the closing handshake's deadline."""
        self.is_open = False
        for context in list(self.contexts.values()):
            context.stop()
        self._reader.cancel()
        closing = asyncio.ensure_future(self._connection.close())
        try:
            with suppress(OSError):
                await asyncio.shield(closing)
        finally:
            await asyncio.wait({closing, self._reader})
        if not self._reader.cancelled() and (bug := self._reader.exception()) is not None:
            raise bug

    async def _read(self) -> None:
        try:
            with socket_errors(PROVIDER):
                while True:
                    self._route(await self._next())
        except ProviderError as error:
            self._break(error)
        finally:
            self.is_open = False

    async def _next(self) -> object:
        try:
            return await self._connection.recv()
        except (ValueError, TypeError, AttributeError, RecursionError):  # the SDK's own parsing
            return None

    def _route(self, event: object) -> None:
        match read_event(event):
            case Part(context_id, part) if context_id in self.contexts:
                self.contexts[context_id].take(part)
            case Done(context_id) if context_id in self.contexts:
                self.contexts.pop(context_id).complete()
            case Failed(None, error):
                self._fail_all(error)
            case Failed(str() as context_id, error) if context_id in self.contexts:
                self.contexts.pop(context_id).fail(error)
            case None if not self._is_odd:
                self._is_odd = True
                log.warning("cartesia_event_not_understood")

    def _break(self, error: ProviderError) -> None:
        self.is_open = False
        self._fail_all(error)

    def _fail_all(self, error: ProviderError) -> None:
        waiting, self.contexts = self.contexts, {}
        for context in waiting.values():
            context.fail(error)
