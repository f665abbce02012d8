"""From words to sound, with a memory: fixed phrases are made once per process."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from dialer.providers.speech import Sound, Timings, Utterance, UtterancePart, Voice, Word

_MOST_ASKED = 5000  # phrases remembered as said once


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase as it sounds: 8 kHz mu-law and where its words lie."""

    audio: bytes
    words: tuple[Word, ...]


@dataclass(slots=True)
class PhraseCache:
    """Phrases of this process by (voice, language, text); the least used go first."""

    most_bytes: int = 64 * 1024 * 1024  # two hours of speech
    _phrases: OrderedDict[tuple[str, str, str], Phrase] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _being_made: set[tuple[str, str, str]] = field(default_factory=set)
    _asked: OrderedDict[tuple[str, str, str], object] = field(default_factory=OrderedDict)

    def get(self, key: tuple[str, str, str]) -> Phrase | None:
        phrase = self._phrases.get(key)
        if phrase is not None:
            self._phrases.move_to_end(key)
        return phrase

    def put(self, key: tuple[str, str, str], phrase: Phrase) -> None:
        if key in self._phrases:
            return
        self._phrases[key] = phrase
        self._bytes += len(phrase.audio)
        while self._bytes > self.most_bytes and len(self._phrases) > 1:
            _, gone = self._phrases.popitem(last=False)
            self._bytes -= len(gone.audio)

    def is_common(self, key: tuple[str, str, str], call: object) -> bool:
        """Did another call say it too? What only one does may hold what only its lead is told."""
        if key in self._asked:
            return self._asked[key] is not call
        self._asked[key] = call
        if len(self._asked) > _MOST_ASKED:
            self._asked.popitem(last=False)
        return False

    def claim(self, key: tuple[str, str, str]) -> bool:
        """True for whoever shall make it: nobody has it and nobody else is at it."""
        if key in self._phrases or key in self._being_made:
            return False
        self._being_made.add(key)
        return True

    def release(self, key: tuple[str, str, str]) -> None:
        self._being_made.discard(key)


class Speaker:
    """One call's voice in front of the cache. ``name`` tells voices apart in it."""

    def __init__(self, voice: Voice, cache: PhraseCache, *, name: str, language: str) -> None:
        self._voice, self._cache, self._call = voice, cache, object()
        self._name, self._language = name, language

    @property
    def characters(self) -> int:
        return self._voice.characters

    def cached(self, text: str) -> Phrase | None:
        return self._cache.get(self._key(text))

    def is_common(self, text: str) -> bool:
        """Other calls have said it too: its sound is worth keeping."""
        return self._cache.is_common(self._key(text), self._call)

    async def say(self, text: str, *, is_fixed: bool) -> AsyncIterator[UtterancePart]:
        """Yield the sound of ``text``; raise `ProviderError` if the voice fails."""
        phrase = self.cached(text)
        if phrase is not None:
            yield Timings(phrase.words)
            yield Sound(phrase.audio)
            return
        utterance = self._voice.say()
        try:
            await utterance.push(text)
            await utterance.finish()
            audio, words = bytearray(), list[Word]()
            async for part in utterance.parts():
                if isinstance(part, Sound):
                    audio += part.audio
                else:
                    words += part.words
                yield part
        except BaseException:
            await _cancel(utterance)
            raise
        if is_fixed and audio:
            self._cache.put(self._key(text), Phrase(bytes(audio), tuple(words)))

    def compose(self) -> Utterance:
        """Begin an utterance whose text comes piece by piece."""
        return self._voice.say()

    async def prepare(self, texts: Iterable[str]) -> None:
        """Make phrases that may be needed; raise `ProviderError` if the voice fails."""
        for text in texts:
            key = self._key(text)
            if not self._cache.claim(key):
                continue
            try:
                async for _ in self.say(text, is_fixed=True):
                    pass
            finally:
                self._cache.release(key)

    def _key(self, text: str) -> tuple[str, str, str]:
        return (self._name, self._language, text)


async def _cancel(utterance: Utterance) -> None:
    """Stop an utterance also when our own task is being cancelled."""
    await asyncio.shield(asyncio.ensure_future(utterance.cancel()))
