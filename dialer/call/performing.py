"""One go of the agent: its moves made in order, its words sent, stopped where the callee speaks."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from dialer.agent.moves import (
    HandOver,
    HangUp,
    Mind,
    Move,
    Moves,
    OptOut,
    Record,
    Say,
    Settle,
    Think,
    ToolCall,
)
from dialer.call.desk import Desk
from dialer.call.phrases import Phrases
from dialer.call.playout import MARK_SLACK_S, Passage, Playout, heard_of
from dialer.call.speaker import Speaker
from dialer.domain.attempt import Disposition
from dialer.errors import ProviderError, ProviderUnavailable
from dialer.providers.speech import (
    LanguageModel,
    ModelUsage,
    ReplyEnded,
    Sound,
    TextDelta,
    Utterance,
    UtterancePart,
)

log = logging.getLogger(__name__)

MOST_REPLY_TOKENS = 150  # some twenty seconds of speech
_MOST_SPOKEN = 400  # characters of a reply; a model that goes on is not listened to any longer
_COMMON_CHARACTERS = 40  # an acknowledgement is shorter
_MOST_MOVES = 60  # of one go; a mind that wants more has lost its way


class VoiceGone(Exception):
    """The voice failed twice: nothing that is not in the cache can be said any more."""


@dataclass(slots=True, eq=False)
class AgentTurn:
    """The agent's go. ``marks``: of the callee's turn it answers, on the call clock.

    ``answers``: the number of that turn.
    """

    marks: dict[str, float] = field(default_factory=dict)
    answers: int = 0
    passages: list[Passage] = field(default_factory=list)
    must_be_heard: bool = False  # the callee may not stop it
    is_ending: bool = False
    is_cut: bool = False
    is_failure: bool = False  # a provider failed: this is the apology
    speaking: asyncio.Task[Any] | None = None

    @property
    def has_sound(self) -> bool:
        return any(passage.starts_s is not None for passage in self.passages)


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
class Performer:
    """Makes a mind's moves. ``now`` is product time, ``clock`` the call's; ``call_back_at`` says
    when to call again after a failure of ours; ``close_line`` ends the stream."""

    attempt_id: UUID
    mind: Mind
    desk: Desk
    playout: Playout
    speaker: Speaker
    model: LanguageModel | None
    cache_key: str
    clock: Callable[[], float]
    now: Callable[[], datetime]
    call_back_at: Callable[[], datetime | None]
    close_line: Callable[[bool], Coroutine[Any, Any, None]]
    bill: ModelBill = field(default_factory=ModelBill)
    voice_is_gone: bool = False
    has_failed: bool = False
    has_run_on: bool = False  # the model did
    failures: Counter[str] = field(default_factory=Counter)
    learn: Callable[[str], None] = lambda text: None

    async def perform(self, turn: AgentTurn, moves: Moves) -> None:
        """Make the moves, then wait until all that was said has been heard or cut."""
        try:
            await self._make(turn, moves)
        except VoiceGone:
            await self._end_without_voice()
        await self._until_heard(turn)

    async def _make(self, turn: AgentTurn, moves: Moves) -> None:
        pending: deque[Move] = deque(moves)
        for _ in range(_MOST_MOVES):
            if not pending:
                return
            turn.is_ending |= any(isinstance(move, HandOver | HangUp) for move in pending)
            move = pending.popleft()
            if turn.is_cut and isinstance(move, Say | Think):
                continue
            pending.extendleft(reversed(await self._do(turn, move)))
        log.error("mind_without_end", extra={"attempt_id": self.attempt_id})
        await self._end(HangUp())

    async def _do(self, turn: AgentTurn, move: Move) -> Moves:
        """Make one move; return those that come before the rest."""
        match move:
            case Say():
                await self._say(turn, move)
            case Think():
                return await self._think(turn, move)
            case HandOver() | HangUp():
                await self._until_heard(turn)
                await self._end(move)
            case _:
                await self._write(turn, move)
        return ()

    async def _write(self, turn: AgentTurn, move: Move) -> None:
        match move:
            case Record():
                await self.desk.record(move.question_id, move.value, turn.answers)
            case OptOut():
                await self.desk.opt_out()
            case Settle():
                at = move.callback_at
                if turn.is_failure and move.disposition is Disposition.CALLBACK:
                    at = at or self.call_back_at()
                await self.desk.settle(move.disposition, at)

    async def _end(self, move: HandOver | HangUp) -> None:
        """The carrier goes on with another document once the stream yields; a call that is hung
        up it ends by itself."""
        if isinstance(move, HandOver):
            await self.desk.hand_over(move.reason)
        else:
            await self.desk.hang_up()
        await self.close_line(isinstance(move, HangUp))

    async def _say(self, turn: AgentTurn, move: Say) -> None:
        text = move.text.strip()
        if not text:
            return
        turn.must_be_heard |= not move.may_interrupt
        for is_last in (False, True):
            if self.voice_is_gone and self.speaker.cached(text) is None:
                raise VoiceGone
            passage = self.playout.begin(text)
            turn.passages.append(passage)
            try:
                sound = self.speaker.say(text, is_fixed=move.is_fixed)
                await self._speak(turn, self._send(passage, sound))
                return
            except ProviderError as error:
                self._voice_failed(turn, passage, error)
                if is_last or passage.audio_bytes:
                    self.voice_is_gone = True
                    raise VoiceGone from error

    async def _send(self, passage: Passage, sound: AsyncIterator[UtterancePart]) -> None:
        """Queue an utterance's sound as it comes."""
        async with aclosing(sound) as parts:  # type: ignore[type-var]
            async for part in parts:
                if isinstance(part, Sound):
                    self.playout.add(passage, part.audio)
                else:
                    passage.words.extend(part.words)
        self.playout.end(passage)

    def _voice_failed(self, turn: AgentTurn, passage: Passage, error: ProviderError) -> None:
        self.failures["voice"] += 1
        log.warning("voice_failed", extra={"attempt_id": self.attempt_id, "detail": str(error)})
        self.playout.end(passage)
        if not passage.audio_bytes:
            turn.passages.remove(passage)

    async def _speak(self, turn: AgentTurn, work: Coroutine[Any, Any, Any]) -> Any:
        """Run what speaks so that a barge-in stops it alone; None if it was stopped."""
        turn.speaking = task = asyncio.create_task(work)
        try:
            await asyncio.wait({task})
        finally:
            turn.speaking = None
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, ProviderError):
                    await task
        return None if task.cancelled() else task.result()

    async def _think(self, turn: AgentTurn, move: Think) -> Moves:
        """Speak the model's reply; return what its tools and its end ask for."""
        for _ in range(2):
            reply = Reply(self, turn, move)
            try:
                done = await self._speak(turn, reply.run())
            except ProviderError as error:
                self.failures["model"] += 1
                log.warning(
                    "model_failed", extra={"attempt_id": self.attempt_id, "detail": str(error)}
                )
                if self.voice_is_gone:
                    raise VoiceGone from error
                if reply.text or reply.used_tools:
                    break
                continue
            if done is None:  # stopped by the callee: what its tools asked for still counts
                return [m for m in reply.moves if not isinstance(m, Say | Think)]
            return [*reply.moves, *self.mind.replied(reply.text, self.now())]
        return self.failure(turn)

    def failure(self, turn: AgentTurn) -> Moves:
        """A provider failed for good: what the mind does then, once."""
        if self.has_failed:
            raise VoiceGone
        self.has_failed = turn.is_failure = True
        return self.mind.fail(self.now())

    async def _end_without_voice(self) -> None:
        """The carrier speaks the apology for us once the stream is closed."""
        await self.desk.apologise(self.call_back_at())
        await self.close_line(False)

    async def cut(self, turn: AgentTurn) -> str:
        """Stop the turn's words now; return what was heard of them. Its other moves go on."""
        turn.is_cut = True
        if turn.speaking is not None:
            turn.speaking.cancel()
        return heard_of(turn.passages, await self.playout.clear())

    async def _until_heard(self, turn: AgentTurn) -> None:
        for passage in turn.passages:
            until_s = self.playout.until_s or self.clock()
            limit_s = max(0.0, until_s - self.clock()) + 2 * MARK_SLACK_S
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await passage.heard.wait()


class Reply:
    """One streamed reply of the model on its way to the voice."""

    def __init__(self, performer: Performer, turn: AgentTurn, think: Think) -> None:
        self._performer, self._turn, self._think = performer, turn, think
        self.text = ""
        self.moves: list[Move] = []
        self.used_tools = False
        self._passage: Passage | None = None
        self._utterance: Utterance | None = None
        self._pump: asyncio.Task[None] | None = None

    async def run(self) -> bool:
        """Read the stream to its end; raise `ProviderError` of the model or the voice."""
        performer, phrases = self._performer, Phrases()
        assert performer.model is not None  # minds that think are given a model
        asked = performer.model.reply(
            self._think.messages,
            self._think.tools,
            max_tokens=MOST_REPLY_TOKENS,
            cache_key=performer.cache_key,
        )
        try:
            async with asked as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        self._turn.marks.setdefault("first_token", performer.clock())
                        if len(self.text) + len(event.text) > _MOST_SPOKEN:
                            self._stop_listening(phrases)
                            break
                        self.text += event.text
                        for phrase in phrases.feed(event.text):
                            await self._push(phrase)
                    elif isinstance(event, ToolCall):
                        self._turn.marks.setdefault("first_token", performer.clock())
                        await self._push(phrases.rest())
                        await self._use(event)
                    elif isinstance(event, ReplyEnded):
                        performer.bill.add(event.usage)
            await self._push(phrases.rest())
            await self._finish()
        finally:
            await self._drop()
        return True

    def _stop_listening(self, phrases: Phrases) -> None:
        """The model does not stop: its whole phrases are said, once a call; then it has failed."""
        performer = self._performer
        performer.bill.add(None)
        if performer.has_run_on:
            raise ProviderUnavailable("model", "does not stop again")
        performer.has_run_on = True
        performer.failures["model"] += 1
        log.warning("model_does_not_stop", extra={"attempt_id": performer.attempt_id})
        if self._turn.passages:
            phrases.rest()

    async def _use(self, call: ToolCall) -> None:
        """Facts are written at once, words and endings wait for the reply's own words."""
        self.used_tools = True
        for move in self._performer.mind.use_tool(call, self._performer.now()):
            if isinstance(move, Record | OptOut | Settle):
                await asyncio.shield(self._performer._write(self._turn, move))
            else:
                self._turn.is_ending |= isinstance(move, HandOver | HangUp)
                self.moves.append(move)

    async def _push(self, phrase: str) -> None:
        if not phrase.strip() and self._utterance is None:
            return
        if not phrase:
            return
        if self._passage is None or self._utterance is None:
            if self._say_from_memory(phrase):
                return
            if self._performer.voice_is_gone:
                raise VoiceGone
            self._passage = self._performer.playout.begin()
            self._turn.passages.append(self._passage)
            self._utterance = self._performer.speaker.compose()
            sound = self._utterance.parts()
            self._pump = asyncio.create_task(self._performer._send(self._passage, sound))
        self._passage.text += phrase
        await self._utterance.push(phrase)

    def _say_from_memory(self, phrase: str) -> bool:
        """A phrase that was said before ("Thank you.") needs no voice: it is heard at once. One
        that may come again is made now for the next time."""
        performer, text = self._performer, phrase.strip()
        known = performer.speaker.cached(text)
        if known is None:
            if len(text) <= _COMMON_CHARACTERS:
                performer.learn(text)
            return False
        passage = performer.playout.begin(text)
        self._turn.passages.append(passage)
        passage.words.extend(known.words)
        performer.playout.add(passage, known.audio)
        performer.playout.end(passage)
        return True

    async def _finish(self) -> None:
        if self._utterance is not None and self._pump is not None:
            await self._utterance.finish()
            await self._pump

    async def _drop(self) -> None:
        """Leave nothing behind when the reply was stopped or failed."""
        if self._utterance is None or self._pump is None or self._pump.done():
            return
        self._pump.cancel()
        with suppress(asyncio.CancelledError, ProviderError):
            await self._pump
        with suppress(ProviderError):
            await self._utterance.cancel()
