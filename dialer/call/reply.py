"""One streamed reply of the model on its way to the voice."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from dialer.agent.moves import HandOver, HangUp, Mind, Move, Think, ToolCall
from dialer.call.agent_turn import AgentTurn, Facts, VoiceGone, facts_of
from dialer.call.phrases import Phrases
from dialer.call.playout import Passage, Playout
from dialer.call.speaker import Speaker
from dialer.errors import ProviderError, ProviderUnavailable
from dialer.providers.speech import LanguageModel, ModelUsage, ReplyEnded, TextDelta, Utterance

log = logging.getLogger(__name__)

MOST_REPLY_TOKENS = 150  # some twenty seconds of speech
_MOST_SPOKEN = 400  # characters of a reply; a model that goes on is not listened to any longer
_COMMON_CHARACTERS = 40  # an acknowledgement is shorter


@dataclass(slots=True)
class ModelBill:
    """Tokens over all replies; None once a reply came without its count."""

    usage: ModelUsage | None = field(default_factory=lambda: ModelUsage(0, 0, 0))
    replies: int = 0

    def add(self, usage: ModelUsage | None) -> None:
        self.replies += 1
        if usage is None or self.usage is None:
            self.usage = None
            return
        self.usage = ModelUsage(
            self.usage.prompt + usage.prompt,
            self.usage.cached + usage.cached,
            self.usage.completion + usage.completion,
        )


@dataclass(slots=True)
class ReplyTools:
    """What the replies of one call are made with. ``learn`` is told phrases that may come again;
    ``failures`` counts by part; ``has_run_on``: the model did not stop once."""

    attempt_id: UUID
    playout: Playout
    speaker: Speaker
    facts: Facts
    cache_key: str
    clock: Callable[[], float]
    now: Callable[[], datetime]
    learn: Callable[[str], None]
    bill: ModelBill = field(default_factory=ModelBill)
    failures: Counter[str] = field(default_factory=Counter)
    has_run_on: bool = False


class Reply:
    """`run` it once. ``text`` is what the model said, ``moves`` what its tools ask for besides
    facts, which are written as they come. ``voice_failed``: it was not the model."""

    def __init__(self, tools: ReplyTools, mind: Mind, turn: AgentTurn, *, may_speak: bool) -> None:
        self._tools, self._mind, self._turn, self._may_speak = tools, mind, turn, may_speak
        self.text = ""
        self.moves: list[Move] = []
        self.used_tools = self.voice_failed = False
        self._passage: Passage | None = None
        self._utterance: Utterance | None = None
        self._pump: asyncio.Task[None] | None = None

    async def run(self, model: LanguageModel, think: Think) -> bool:
        """Read the stream to its end; raise `ProviderError` of the model or the voice. What the
        model said before it failed is heard all the same."""
        try:
            try:
                await self._read(model, think)
            except ProviderError:
                if not self.voice_failed:
                    with suppress(ProviderError):
                        await self._finish()
                raise
            await self._finish()
        finally:
            await self._drop()
        return True

    async def _read(self, model: LanguageModel, think: Think) -> None:
        tools, phrases = self._tools, Phrases()
        asked = model.reply(
            think.messages,
            think.tools,
            max_tokens=MOST_REPLY_TOKENS,
            cache_key=tools.cache_key,
        )
        async with asked as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    self._turn.marks.setdefault("first_token", tools.clock())
                    if len(self.text) + len(event.text) > _MOST_SPOKEN:
                        self._stop_listening(phrases)
                        break
                    self.text += event.text
                    for phrase in phrases.feed(event.text):
                        await self._push(phrase)
                elif isinstance(event, ToolCall):
                    self._turn.marks.setdefault("first_token", tools.clock())
                    await self._push(phrases.rest())
                    await self._use(event)
                elif isinstance(event, ReplyEnded):
                    tools.bill.add(event.usage)
        await self._push(phrases.rest())

    def _stop_listening(self, phrases: Phrases) -> None:
        """The model does not stop: its whole phrases are said, once a call; then it has failed."""
        tools = self._tools
        tools.bill.add(None)
        if tools.has_run_on:
            raise ProviderUnavailable("model", "does not stop again")
        tools.has_run_on = True
        tools.failures["model"] += 1
        log.warning("model_does_not_stop", extra={"attempt_id": tools.attempt_id})
        if self._turn.passages:
            phrases.rest()

    async def _use(self, call: ToolCall) -> None:
        """Facts are written at once, words and endings wait for the reply's own words. All is
        kept before anything is waited for: the callee may speak here, or hang up."""
        self.used_tools = True
        moves = self._mind.use_tool(call, self._tools.now())
        facts = facts_of(moves)
        self.moves += [move for move in moves if move not in facts]
        self._turn.is_ending |= any(isinstance(move, HandOver | HangUp) for move in moves)
        await self._tools.facts.write(self._turn, facts)

    async def _push(self, phrase: str) -> None:
        if not phrase or (not phrase.strip() and self._utterance is None):
            return
        if self._passage is None or self._utterance is None:
            if self._say_from_memory(phrase):
                return
            self._begin()
        assert self._passage is not None and self._utterance is not None
        self._passage.text += phrase
        try:
            await self._utterance.push(phrase)
        except ProviderError:
            self.voice_failed = True
            raise

    def _begin(self) -> None:
        if not self._may_speak:
            raise VoiceGone
        playout = self._tools.playout
        self._passage = playout.begin()
        self._turn.passages.append(self._passage)
        self._utterance = self._tools.speaker.compose()
        self._pump = asyncio.create_task(playout.take(self._passage, self._utterance.parts()))

    def _say_from_memory(self, phrase: str) -> bool:
        """A phrase that was said before ("Thank you.") needs no voice: it is heard at once. One
        that another call has said too is made now for the next time."""
        text = phrase.strip()
        known = self._tools.speaker.cached(text)
        if known is None:
            if len(text) <= _COMMON_CHARACTERS and self._tools.speaker.is_common(text):
                self._tools.learn(text)
            return False
        passage = self._tools.playout.begin_whole(text, known.audio, known.words)
        self._turn.passages.append(passage)
        return True

    async def _finish(self) -> None:
        if self._utterance is None or self._pump is None:
            return
        try:
            await self._utterance.finish()
            await self._pump
        except ProviderError:
            self.voice_failed = True
            raise

    async def _drop(self) -> None:
        """Leave nothing behind when the reply was stopped or failed."""
        if self._utterance is None or self._pump is None or self._passage is None:
            return
        if not self._pump.done():
            self._pump.cancel()
            with suppress(ProviderError):
                await self._utterance.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        self._tools.playout.end_early(self._passage)
