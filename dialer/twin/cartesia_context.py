"""One context of Cartesia's socket: a serial queue of texts, spoken one after the other."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from dialer.twin.cartesia_request import BadRequest, Generate
from dialer.twin.errors import TwinError
from dialer.twin.mulaw import SAMPLE_RATE_HZ
from dialer.twin.speech import Studio
from dialer.twin.take import Recording

Event = dict[str, Any]

CHUNK_S: Final = 0.1
_SENTENCE_ENDS: Final = (".", "!", "?", "।", "…")
MOST_WAITING: Final = 200  # texts


@dataclass(frozen=True, slots=True)
class Manner:
    """How one text is spoken. Seconds; ``speed`` 0: as fast as it goes."""

    first_sound_s: float = 0.0
    speed: float = 4.0
    stalls_s: float | None = None  # of sound made, then nothing any more
    refusal: int | None = None  # the status of an error event instead of sound
    is_garbage: bool = False
    ignores_cancel: bool = False


class Speaker:
    """``send`` takes an event; ``manner_of`` is asked once per text; both belong to the socket."""

    def __init__(
        self,
        context_id: str,
        studio: Studio,
        send: Callable[[Event], Awaitable[None]],
        manner_of: Callable[[str, bool], Manner],
        expires_s: float,
    ) -> None:
        self.context_id = context_id
        self._studio = studio
        self._send = send
        self._manner_of = manner_of
        self._expires_s = expires_s
        self._inputs: asyncio.Queue[Generate | None] = asyncio.Queue(MOST_WAITING)
        self._fixed: str | None = None
        self._is_cancelled = False
        self._said_s = 0.0
        self._flushes = 0
        self._is_first = True

    def add(self, request: Generate) -> None:
        """Queue a text; all but its words must be as in the context's first."""
        if self._fixed not in (None, request.fixed):
            raise BadRequest(400, "context_mismatch", "a context keeps its fields", self.context_id)
        if self._inputs.full():
            raise BadRequest(429, "too_many_inputs", "too many texts", self.context_id)
        self._fixed = request.fixed
        self._inputs.put_nowait(request)

    def cancel(self) -> None:
        """Halt what is not being generated yet; a chunk that is, is still sent."""
        self._is_cancelled = True
        if self._inputs.empty():
            self._inputs.put_nowait(None)  # wake it

    async def run(self) -> bool:
        """Until the last text is spoken or the context was cancelled; False if it has expired,
        of which nothing is said."""
        is_last = False
        while not is_last and not self._is_cancelled:
            try:
                request = await self._next()
            except TimeoutError:
                return False
            if request is None or self._is_cancelled:
                break
            is_last = request.is_last
            if request.transcript:
                await self._speak(request)
            if request.flush:
                await self._flush_done()
        await self._send(self._event("done", done=True, status_code=200))
        return True

    async def _next(self) -> Generate | None:
        """The next text, with those that came while it was held back for more (`buffer_s`)."""
        async with asyncio.timeout(self._expires_s if self._said_s else None):
            request = await self._inputs.get()
        if request is None or not request.buffer_s:
            return request
        with suppress(TimeoutError):  # waited long enough
            async with asyncio.timeout(request.buffer_s):
                while not _is_ready(request):
                    more = await self._inputs.get()
                    if more is None:
                        return None
                    request = replace(more, transcript=request.transcript + more.transcript)
        return request

    async def _speak(self, request: Generate) -> None:
        manner = self._manner_of(request.transcript, self._is_first)
        self._is_first = False
        if manner.refusal is not None:
            raise BadRequest(manner.refusal, "generation_failed", "a fault", self.context_id)
        if manner.stalls_s == 0:
            await asyncio.Event().wait()
        started = asyncio.get_running_loop().time()
        recording = await self._record(request)
        await asyncio.sleep(
            max(0.0, started + manner.first_sound_s - asyncio.get_running_loop().time())
        )
        await self._send_sound(recording, manner, request.has_timestamps)
        self._said_s += recording.seconds

    async def _record(self, request: Generate) -> Recording:
        try:
            return await self._studio.record(
                request.transcript.strip(),
                language=f"{request.language}-IN",
                voice=request.voice_id,
            )
        except TwinError as error:
            raise BadRequest(500, "no_voice", str(error), self.context_id) from error

    async def _send_sound(self, recording: Recording, manner: Manner, has_timestamps: bool) -> None:
        size = round(CHUNK_S * SAMPLE_RATE_HZ)
        loop = asyncio.get_running_loop()
        due = loop.time()
        for at in range(0, len(recording.audio), size):
            if self._is_cancelled and not manner.ignores_cancel:
                return
            if manner.stalls_s is not None and at >= manner.stalls_s * SAMPLE_RATE_HZ:
                await asyncio.Event().wait()
            await self._send_chunk(recording.audio[at : at + size], manner)
            if has_timestamps:
                await self._send_words(recording, at / SAMPLE_RATE_HZ)
            if manner.speed:
                due += CHUNK_S / manner.speed
                await asyncio.sleep(max(0.0, due - loop.time()))

    async def _send_chunk(self, audio: bytes, manner: Manner) -> None:
        data = "*** no base64 ***" if manner.is_garbage else base64.b64encode(audio).decode()
        event = self._event("chunk", data=data, done=False, status_code=206, step_time=12.3)
        await self._send(event | ({"flush_id": self._flushes} if self._flushes else {}))

    async def _send_words(self, recording: Recording, from_s: float) -> None:
        """The words that begin in the chunk just sent; times count from the context's start."""
        words = [w for w in recording.words if from_s <= w.start_s < from_s + CHUNK_S - 1e-9]
        if words:
            columns = {
                "words": [word.text for word in words],
                "start": [round(self._said_s + word.start_s, 3) for word in words],
                "end": [round(self._said_s + word.end_s, 3) for word in words],
            }
            event = self._event("timestamps", done=False, status_code=206, word_timestamps=columns)
            await self._send(event)

    async def _flush_done(self) -> None:
        self._flushes += 1
        await self._send(
            self._event(
                "flush_done",
                done=False,
                flush_done=True,
                flush_id=self._flushes,
                status_code=206,
            )
        )

    def _event(self, kind: str, **fields: object) -> Event:
        return {"type": kind, "context_id": self.context_id, **fields}


def _is_ready(request: Generate) -> bool:
    return request.is_last or request.flush or request.transcript.endswith(_SENTENCE_ENDS)
