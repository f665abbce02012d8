"""One agent turn being made into sound by Cartesia: one context of its socket, rarely more."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from dialer.errors import ProviderError, ProviderUnavailable
from dialer.providers.cartesia_socket import PROVIDER, CartesiaSocket
from dialer.providers.speech import Sound, Timings, UtterancePart, Word

# To the first sound of a text, and from one part to the next: ten times the median. A text is
# tried twice, and somebody waits for it in silence.
PART_S = 2.0
# A context expires 1 s after its last sound, and takes no text then (providers.md §2.2).
EXPIRY_S = 0.8
_LATE_DONE_S = 1.0  # for `done` of a context that may have expired before we asked for its end
_CANCEL_S = 0.5
_BYTES_PER_S = 8000
_MOST_BYTES = 180 * _BYTES_PER_S  # of sound in one utterance


class CartesiaUtterance:
    """``socket`` opens the call's socket if need be; ``request`` is what every text is sent with;
    ``sent`` is told each text's number of characters."""

    def __init__(
        self,
        name: str,
        request: Mapping[str, Any],
        socket: Callable[[], Awaitable[CartesiaSocket]],
        sent: Callable[[int], None],
    ) -> None:
        self._name = name
        self._request = request
        self._open_socket = socket
        self._sent = sent
        self._socket: CartesiaSocket | None = None
        self._context_id: str | None = None  # None: the next text begins one
        self._contexts = 0
        self._blanks = ""  # held back until a word follows: a text of blanks alone is refused
        self._has_words = False
        self._unread: deque[UtterancePart] = deque()
        self._news = asyncio.Event()
        self._now = asyncio.get_running_loop().time
        self._owed_since: float | None = None  # Cartesia has something to send since then
        self._last_part_at = 0.0
        self._sound_bytes = 0
        self._begins_s = 0.0  # of the present context, in the utterance
        self._last_word_ends_s = 0.0
        self._is_finished = False
        self._may_have_expired = False
        self._is_over = False
        self._failure: ProviderError | None = None

    async def push(self, text: str) -> None:
        self._raise_failure()
        self._blanks += text
        if self._is_over or not self._blanks.strip():
            return
        text, self._blanks = self._blanks, ""
        if self._context_id is None or self._is_idle:
            await self._begin_context()
        if self._is_over:  # cancelled while the socket was opened
            return
        self._has_words = self._has_words or any(sign.isalnum() for sign in text)
        self._owe()
        await self._send({"transcript": text, "continue": True})
        self._sent(len(text))

    async def finish(self) -> None:
        self._raise_failure()
        self._is_finished = True
        if self._context_id is None:
            self._end()
        if self._is_over:
            return
        self._may_have_expired = self._is_idle
        self._owe()
        await self._send({"transcript": "", "continue": False})

    async def parts(self) -> AsyncIterator[UtterancePart]:
        while True:
            while self._unread:
                yield self._unread.popleft()
            if self._is_over:
                break
            self._news.clear()
            await self._wait()
        self._raise_failure()

    async def cancel(self) -> None:
        if self._is_over:
            return
        context_id, socket = self._context_id, self._socket
        self._end()
        self._unread.clear()
        if context_id is not None and socket is not None and socket.is_open:
            with suppress(ProviderError, TimeoutError):
                async with asyncio.timeout(_CANCEL_S):
                    await socket.send({"context_id": context_id, "cancel": True})

    def take(self, part: Sound | Timings) -> None:
        """The socket's reader brings the next part."""
        if isinstance(part, Timings):
            part = self._in_utterance(part)
        else:
            self._sound_bytes += len(part.audio)
        self._last_part_at = self._now()
        self._owed_since = self._last_part_at if self._is_finished else None
        self._unread.append(part)
        self._news.set()
        if self._sound_bytes > _MOST_BYTES:
            self.fail(ProviderUnavailable(PROVIDER, "does not stop speaking"))

    def complete(self) -> None:
        """The context is done; before `finish` that means it has expired."""
        self._context_id, self._owed_since = None, None
        if not self._is_finished:
            self._news.set()
        elif self._has_words and not self._sound_bytes:
            self.fail(ProviderUnavailable(PROVIDER, "made no sound"))
        else:
            self._end()

    def fail(self, error: ProviderError) -> None:
        if self._is_over:
            return
        if not self._may_have_expired:
            self._failure = error
        self._end()

    def stop(self) -> None:
        """The call is over: `parts` ends."""
        self._end()

    @property
    def _is_idle(self) -> bool:
        """All sound seems to have come, and so long ago that the context may be gone."""
        return self._owed_since is None and self._now() - self._last_part_at > EXPIRY_S

    async def _begin_context(self) -> None:
        self._forget_context()
        if self._socket is None or not self._socket.is_open:
            self._socket = await self._open_socket()
        if self._is_over:
            return
        self._contexts += 1
        self._context_id = f"{self._name}-{self._contexts}"
        self._begins_s = self._sound_bytes / _BYTES_PER_S
        self._socket.contexts[self._context_id] = self

    async def _send(self, event: Mapping[str, Any]) -> None:
        assert self._socket is not None  # there is a context
        try:
            await self._socket.send({**self._request, "context_id": self._context_id, **event})
        except ProviderError as error:
            self.fail(error)
            self._raise_failure()

    async def _wait(self) -> None:
        """Until the next part, or the end; a silent Cartesia is one."""
        patience_s = _LATE_DONE_S if self._may_have_expired else PART_S
        until = None if self._owed_since is None else self._owed_since + patience_s
        try:
            async with asyncio.timeout_at(until):  # None: it is our turn to bring text
                await self._news.wait()
        except TimeoutError:
            self.fail(ProviderUnavailable(PROVIDER, f"no sound for {patience_s:g} s"))

    def _owe(self) -> None:
        self._owed_since = self._now()
        self._news.set()  # whoever waits has a deadline now

    def _in_utterance(self, timings: Timings) -> Timings:
        """Count from the utterance's first sample, as each context or text may begin at 0."""
        words = timings.words
        if words and self._begins_s + words[0].start_s < self._last_word_ends_s - 0.05:
            self._begins_s = self._sound_bytes / _BYTES_PER_S
        if words:
            self._last_word_ends_s = self._begins_s + words[-1].end_s
        begins_s = self._begins_s
        return Timings(tuple(Word(w.text, begins_s + w.start_s, begins_s + w.end_s) for w in words))

    def _end(self) -> None:
        self._is_over = True
        self._owed_since = None
        self._forget_context()
        self._news.set()

    def _forget_context(self) -> None:
        if self._socket is not None and self._context_id is not None:
            self._socket.contexts.pop(self._context_id, None)
        self._context_id = None

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
