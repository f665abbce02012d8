"""What the callee does, as one stream of reports: sound at once, words when they are recognised."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from dialer.audio.talkspurt import SpeechBegan, SpeechEnded, Talkspurts
from dialer.call.unanswered import Unanswered
from dialer.errors import ProviderError, ProviderUnavailable
from dialer.providers.speech import (
    Recogniser,
    RecogniserEvent,
    Recognisers,
    SpeechStarted,
    Transcript,
    UtteranceEnded,
    Word,
)

log = logging.getLogger(__name__)

_MOST_WAITING = 500  # frames, 10 s: more than any connect takes
_BATCH_BYTES = 480  # 60 ms to the recogniser at once
_MOST_OPENINGS = 3  # of one call; a recogniser that keeps dying is no recogniser


class Ears:
    """Feeds the recogniser and the detector of speech with the callee's frames.

    ``on_sound`` and ``on_words`` are called at once, in order, with times on the call clock;
    ``on_call`` turns a time of the media clock into one.
    """

    def __init__(
        self,
        recognisers: Recognisers,
        *,
        attempt_id: UUID,
        language: str,
        keyterms: Sequence[str],
        on_call: Callable[[float], float],
        on_sound: Callable[[SpeechBegan | SpeechEnded], None],
        on_words: Callable[[RecogniserEvent], None],
    ) -> None:
        self._recognisers, self._attempt_id = recognisers, attempt_id
        self._language, self._keyterms = language, keyterms
        self._on_call, self._on_sound, self._on_words = on_call, on_sound, on_words
        self._detector = Talkspurts()
        self._frames: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue(_MOST_WAITING)
        self._recogniser: Recogniser | None = None
        self._heard_s = 0.0
        self._lost_frames = 0
        self._unanswered = Unanswered()
        self._is_deaf = False
        self.failures = 0
        self._asks: set[asyncio.Task[None]] = set()

    @property
    def audio_s(self) -> float:
        """Seconds of audio sent to recognisers, to be billed."""
        now = 0.0 if self._recogniser is None else self._recogniser.audio_s
        return self._heard_s + now

    def feed(self, audio: bytes, at_s: float) -> None:
        """Take in 20 ms of the callee, which begin at ``at_s`` of the media clock."""
        if self._frames.full():
            self._frames.get_nowait()
            self._lost_frames += 1
        self._frames.put_nowait((audio, at_s))
        found = self._detector.feed(audio, at_s)
        is_speech = self._detector.began_s is not None
        self._is_deaf |= self._unanswered.feed(at_s, is_speech=is_speech)
        if found is not None:
            self._on_sound(replace(found, at_s=self._on_call(found.at_s)))

    def ask_final(self) -> None:
        """Ask for the final words of what was heard so far."""
        if self._recogniser is not None:
            task = asyncio.create_task(self._ask(self._recogniser))
            self._asks.add(task)
            task.add_done_callback(self._asks.discard)

    async def _ask(self, recogniser: Recogniser) -> None:
        with suppress(ProviderError):  # whoever reads the socket learns of it too
            await recogniser.finalize()

    async def run(self) -> None:
        """Listen until cancelled; raise `ProviderError` once reopening has not helped."""
        try:
            for opening in range(1, _MOST_OPENINGS + 1):
                try:
                    await self._listen()
                    raise ProviderUnavailable("recogniser", "closed before the call was over")
                except ProviderError as error:
                    self.failures += 1
                    log.warning(
                        "recogniser_failed",
                        extra={"attempt_id": self._attempt_id, "detail": str(error)},
                    )
                    if opening == _MOST_OPENINGS:
                        raise
        finally:
            for task in self._asks:
                task.cancel()
            await asyncio.gather(*self._asks, return_exceptions=True)

    async def _listen(self) -> None:
        """One recogniser from its opening to its end."""
        async with self._recognisers.open(
            language=self._language, keyterms=self._keyterms
        ) as recogniser:
            self._recogniser = recogniser
            first, first_s = await self._frames.get()
            self._unanswered.answered()  # what was said before this one was open is not its fault
            self._is_deaf = False
            reading = asyncio.create_task(self._read(recogniser, self._on_call(first_s)))
            sending = asyncio.create_task(self._send(recogniser, first))
            try:
                done, _ = await asyncio.wait(
                    {reading, sending}, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    task.result()
            finally:
                reading.cancel()
                sending.cancel()
                await asyncio.gather(reading, sending, return_exceptions=True)
                self._heard_s += recogniser.audio_s
                self._recogniser = None

    async def _read(self, recogniser: Recogniser, begins_s: float) -> None:
        async for event in recogniser.events():
            self._unanswered.answered()
            self._on_words(shifted(event, begins_s))

    async def _send(self, recogniser: Recogniser, first: bytes) -> None:
        batch = bytearray(first)
        while True:
            if len(batch) >= _BATCH_BYTES:
                await recogniser.send(bytes(batch))
                batch.clear()
            audio, _ = await self._frames.get()
            batch += audio
            if self._is_deaf:
                raise ProviderUnavailable("recogniser", "says nothing about what it hears")


def shifted(event: RecogniserEvent, by_s: float) -> RecogniserEvent:
    """Return the report with its times ``by_s`` later."""
    if isinstance(event, Transcript):
        words = tuple(Word(w.text, w.start_s + by_s, w.end_s + by_s) for w in event.words)
        return replace(event, words=words, start_s=event.start_s + by_s, end_s=event.end_s + by_s)
    if isinstance(event, UtteranceEnded):
        return UtteranceEnded(event.last_word_end_s + by_s)
    return SpeechStarted(event.at_s + by_s)
