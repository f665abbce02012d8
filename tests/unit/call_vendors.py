"""Providers of speech in memory: they hear, think and speak as a test has written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from dialer.agent.moves import (
    Message,
    Tool,
    ToolCall,
)
from dialer.call.playout import BYTES_PER_S
from dialer.errors import ProviderUnavailable
from dialer.providers.speech import (
    ModelEvent,
    ModelUsage,
    RecogniserEvent,
    ReplyEnded,
    Sound,
    TextDelta,
    Timings,
    UtterancePart,
    Word,
)

WORD_S = 0.05  # of our voice: quick, so that a talk takes no time
USAGE = ModelUsage(100, 0, 10)


class Mouth:
    """A voice of `WORD_S` a word. ``failing``: texts that break after so many words; ``holding``:
    texts whose sound comes once the event is set."""

    def __init__(self) -> None:
        self.failing: dict[str, int] = {}
        self.holding: dict[str, asyncio.Event] = {}
        self.asked: list[str] = []
        self.opens = True
        self.live: set[Saying] = set()
        self.characters = 0

    @asynccontextmanager
    async def open(self, *, language: str, voice_id: str) -> AsyncIterator[Mouth]:
        if not self.opens:
            raise ProviderUnavailable("mouth", "does not open")
        yield self
        assert not self.live, "an utterance was left behind"

    def say(self) -> Saying:
        saying = Saying(self)
        self.live.add(saying)
        return saying


class Saying:
    def __init__(self, mouth: Mouth) -> None:
        self._mouth = mouth
        self._text = ""
        self._news = asyncio.Event()
        self._is_finished = self._is_cancelled = False

    async def push(self, text: str) -> None:
        self._text += text
        self._mouth.characters += len(text)
        self._mouth.asked.append(text)
        self._news.set()

    async def finish(self) -> None:
        self._is_finished = True
        self._news.set()

    async def parts(self) -> AsyncIterator[UtterancePart]:
        said = 0
        try:
            while True:
                words = self._text.split()
                while said < len(words) and not self._is_cancelled:
                    if (gate := self._mouth.holding.get(self._text.strip())) is not None:
                        await gate.wait()
                    if self._mouth.failing.get(self._text.strip()) == said:
                        raise ProviderUnavailable("mouth", "broke")
                    at_s = said * WORD_S
                    yield Timings((Word(words[said], at_s, at_s + WORD_S),))
                    yield Sound(b"\x10" * int(WORD_S * BYTES_PER_S))
                    said += 1
                if self._is_finished or self._is_cancelled:
                    return
                self._news.clear()
                await self._news.wait()
        finally:
            self._mouth.live.discard(self)

    async def cancel(self) -> None:
        self._is_cancelled = True
        self._mouth.live.discard(self)
        self._news.set()


class Hearing:
    """A recogniser that hears what the test says it hears."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[RecogniserEvent | Exception | None] = asyncio.Queue()
        self.opened = 0
        self.refusals = 0
        self.finals_asked = 0
        self.on_final: Callable[[], None] = lambda: None
        self.send_fails = False
        self.ready = asyncio.Event()

    @asynccontextmanager
    async def open(self, *, language: str, keyterms: Sequence[str] = ()) -> AsyncIterator[Self]:
        self.opened += 1
        if self.refusals:
            self.refusals -= 1
            raise ProviderUnavailable("hearing", "refused")
        yield self

    @property
    def audio_s(self) -> float:
        return 1.0

    async def send(self, audio: bytes) -> None:
        if self.send_fails:
            raise ProviderUnavailable("hearing", "takes nothing")

    async def finalize(self) -> None:
        self.finals_asked += 1
        self.on_final()

    async def events(self) -> AsyncIterator[RecogniserEvent]:
        self.ready.set()
        while (event := await self._events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event

    def bring(self, event: RecogniserEvent | Exception | None) -> None:
        self._events.put_nowait(event)


Script = Sequence[ModelEvent | Exception | asyncio.Event]


class Thinker:
    """A model that answers as scripted, one script a reply; an event in it is waited for."""

    name = "scripted"

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.asked: list[Sequence[Message]] = []

    @asynccontextmanager
    async def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool],
        *,
        max_tokens: int,
        cache_key: str,
        options: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[AsyncIterator[ModelEvent]]:
        self.asked.append(messages)
        yield self._events(self.scripts.pop(0))

    async def _events(self, script: Script) -> AsyncIterator[ModelEvent]:
        for each in script:
            if isinstance(each, asyncio.Event):
                await each.wait()
            elif isinstance(each, Exception):
                raise each
            else:
                yield each


def reply(text: str, *calls: ToolCall) -> Script:
    return [*calls, TextDelta(text), ReplyEnded("stop", USAGE)]
