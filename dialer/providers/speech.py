"""What a live call asks of a recogniser, a voice and a language model, and what they answer.

All audio is 8 kHz mu-law, mono, raw: the telephone's own form, so nothing is ever resampled.
Every wait inside an adapter has a deadline. An adapter raises `ProviderUnavailable` (a timeout, a
dropped socket, 429, 5xx) or `ProviderRejected` (credentials, a bad request) and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from dialer.agent.moves import Message, Tool, ToolCall


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its place in seconds: of the audio a recogniser was sent, or of an
    utterance a voice made."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words of one stretch of audio. Until ``is_final`` a later one replaces it; final ones are
    to be joined. ``ends_speech``: the recogniser holds the callee for done (``speech_final``, or
    it was asked to `finalize`)."""

    text: str
    words: tuple[Word, ...]
    start_s: float
    end_s: float
    is_final: bool
    ends_speech: bool


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    at_s: float


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """No word for a while: ends a turn in noise where ``ends_speech`` never comes."""

    last_word_end_s: float


RecogniserEvent = Transcript | SpeechStarted | UtteranceEnded


class Recogniser(Protocol):
    """One call's open recogniser."""

    @property
    def audio_s(self) -> float:
        """Seconds of audio to be billed: the provider's own count once it said so, else sent."""

    async def send(self, audio: bytes) -> None:
        """Send the next audio, any length above 0, in order."""

    async def finalize(self) -> None:
        """Ask for the final words of what was sent so far."""

    def events(self) -> AsyncIterator[RecogniserEvent]:
        """Yield what it hears until the socket closes in good order."""


class Recognisers(Protocol):
    def open(
        self, *, language: str, keyterms: Sequence[str] = ()
    ) -> AbstractAsyncContextManager[Recogniser]:
        """Open one for a call; leaving the context asks for the remaining results, shortly, and
        closes. ``language``: of the campaign, such as en-IN or hi-IN."""


@dataclass(frozen=True, slots=True)
class Sound:
    """The next bytes of an utterance."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class Timings:
    """Where words lie, in seconds from the utterance's first sample; may come before or after
    their sound."""

    words: tuple[Word, ...]


UtterancePart = Sound | Timings


class Utterance(Protocol):
    """One agent turn being made into sound. `push` text as it comes, then `finish`."""

    async def push(self, text: str) -> None:
        """Add a phrase; texts are joined verbatim, so each brings its spaces."""

    async def finish(self) -> None:
        """No more text comes."""

    def parts(self) -> AsyncIterator[UtterancePart]:
        """Yield sound and timings in order until all of the text was spoken."""

    async def cancel(self) -> None:
        """Stop: `parts` ends promptly, and what the provider still sends is dropped."""


class Voice(Protocol):
    """One call's open voice."""

    @property
    def characters(self) -> int:
        """Characters sent to be spoken so far: what is billed."""

    def say(self) -> Utterance:
        """Begin an utterance. Several may be under way; each keeps its own order."""


class Voices(Protocol):
    def open(self, *, language: str, voice_id: str) -> AbstractAsyncContextManager[Voice]:
        """Open one for a call. ``voice_id``: the provider's; "" is the configured default."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """Tokens of one reply; ``cached`` ones are part of ``prompt``."""

    prompt: int
    cached: int
    completion: int


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The model stopped. ``reason``: stop, tool_calls, length, content_filter, ... ``usage`` is
    None if it was not told."""

    reason: str
    usage: ModelUsage | None


ModelEvent = TextDelta | ToolCall | ReplyEnded


class LanguageModel(Protocol):
    @property
    def name(self) -> str:
        """The model's id, for prices and records."""

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool],
        *,
        max_tokens: int,
        cache_key: str,
        options: Mapping[str, Any] | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[ModelEvent]]:
        """Ask once, streamed; leaving the context early stops the model and its bill.

        Tool calls are yielded whole, each once its arguments are complete; `ReplyEnded` is last.
        """
