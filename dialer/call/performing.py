"""One go of the agent: its moves made in order, its words sent, stopped where the callee speaks."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dialer.agent.moves import HandOver, HangUp, Mind, Move, Moves, Say, Think
from dialer.call.agent_turn import AgentTurn, Fact, VoiceGone, facts_of
from dialer.call.playout import MARK_SLACK_S, heard_of
from dialer.call.reply import Reply, ReplyTools
from dialer.errors import ProviderError
from dialer.providers.speech import LanguageModel

log = logging.getLogger(__name__)

_MOST_MOVES = 60  # of one go; a mind that wants more has lost its way
# The end of the call is written and the carrier asked; behind the stream it does the same unasked.
_END_WITHIN_S = 6.0


@dataclass(slots=True)
class Performer:
    """Makes a mind's moves with ``tools``; ``close_line`` ends the stream."""

    mind: Mind
    tools: ReplyTools
    model: LanguageModel | None
    close_line: Callable[[bool], Coroutine[Any, Any, None]]
    voice_is_gone: bool = False
    has_failed: bool = False

    async def perform(self, turn: AgentTurn, moves: Moves) -> None:
        """Make the moves, then wait until all that was said has been heard or cut."""
        await self._make(turn, moves)
        await self._until_heard(turn)

    async def _make(self, turn: AgentTurn, moves: Moves) -> None:
        pending: deque[Move] = deque(moves)
        for _ in range(_MOST_MOVES):
            if not pending:
                return
            turn.is_ending |= any(isinstance(move, HandOver | HangUp) for move in pending)
            turn.owes_words = any(isinstance(move, Say | Think) for move in pending)
            if facts := _leading_facts(pending):
                await self.tools.facts.write(turn, facts)
                continue
            move = pending.popleft()
            if turn.is_cut and isinstance(move, Say | Think):
                continue
            try:
                pending.extendleft(reversed(await self._do(turn, move)))
            except VoiceGone:
                await self._end_without_voice(turn, pending)
                return
            turn.owes_words = False
        log.error("mind_without_end", extra={"attempt_id": self.tools.attempt_id})
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
        return ()

    async def _end(self, move: HandOver | HangUp) -> None:
        """The carrier goes on with another document once the stream yields; a call that is hung
        up it ends by itself."""
        facts = self.tools.facts
        if isinstance(move, HandOver):
            ended = facts.journal.put("hand_over", lambda: facts.desk.hand_over(move.reason))
        else:
            ended = facts.journal.put("hang_up", facts.desk.hang_up)
        await ended.wait(_END_WITHIN_S)
        await self.close_line(isinstance(move, HangUp))

    async def _end_without_voice(self, turn: AgentTurn, pending: deque[Move]) -> None:
        """The carrier speaks the apology for us once the stream is closed. Who was promised a
        person gets one."""
        turn.is_ending = True
        await self._until_heard(turn)
        for move in pending:
            if isinstance(move, HandOver):
                await self._end(move)
                return
        facts = self.tools.facts
        ended = facts.journal.put("apology", lambda: facts.desk.apologise(facts.call_back_at()))
        await ended.wait(_END_WITHIN_S)
        await self.close_line(False)

    async def _say(self, turn: AgentTurn, move: Say) -> None:
        text = move.text.strip()
        if not text:
            return
        playout, speaker = self.tools.playout, self.tools.speaker
        for is_last in (False, True):
            if turn.is_cut:
                return
            if self.voice_is_gone and speaker.cached(text) is None:
                raise VoiceGone
            passage = playout.begin(text, must_be_heard=not move.may_interrupt)
            turn.passages.append(passage)
            try:
                sound = speaker.say(text, is_fixed=move.is_fixed)
                await self._speak(turn, playout.take(passage, sound))
                return
            except ProviderError as error:
                self._count_failure("voice", error)
                playout.end_early(passage)
                if is_last or passage.audio_bytes:
                    self.voice_is_gone = True
                    raise VoiceGone from error
                turn.passages.remove(passage)

    def _count_failure(self, part: str, error: ProviderError) -> None:
        self.tools.failures[part] += 1
        log.warning(
            f"{part}_failed", extra={"attempt_id": self.tools.attempt_id, "detail": str(error)}
        )

    async def _speak(self, turn: AgentTurn, work: Coroutine[Any, Any, Any]) -> Any:
        """Run what speaks so that a barge-in stops it alone; None if it was stopped."""
        turn.speaking = task = asyncio.create_task(work)
        try:
            await asyncio.wait({task})
        finally:
            turn.speaking = None
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        return None if task.cancelled() else task.result()

    async def _think(self, turn: AgentTurn, move: Think) -> Moves:
        """Speak the model's reply; return what its tools and its end ask for."""
        assert self.model is not None  # minds that think are given a model
        reply = Reply(self.tools, self.mind, turn, may_speak=not self.voice_is_gone)
        for is_last in (False, True):
            try:
                await self._speak(turn, reply.run(self.model, move))
                break
            except ProviderError as error:
                self._count_failure("voice" if reply.voice_failed else "model", error)
            if turn.is_cut or any(isinstance(move, HandOver | HangUp) for move in reply.moves):
                break  # the talk goes on without it, or ends as its tools have asked
            if is_last or reply.text or reply.used_tools:
                return self.failure(turn)
            reply = Reply(self.tools, self.mind, turn, may_speak=not self.voice_is_gone)
        if turn.is_cut:  # what its tools asked for still counts
            return [m for m in reply.moves if not isinstance(m, Say | Think)]
        return [*reply.moves, *self.mind.replied(reply.text, self.tools.now())]

    def failure(self, turn: AgentTurn) -> Moves:
        """A provider failed for good: what the mind does then, once."""
        if self.has_failed:
            raise VoiceGone
        self.has_failed = turn.is_failure = True
        return self.mind.fail(self.tools.now())

    async def cut(self, turn: AgentTurn) -> str:
        """Stop the turn's words now; return what was heard of them. Its other moves go on. Who is
        cancelled meanwhile may ask again."""
        playout = self.tools.playout
        if turn.heard is None:
            turn.heard = heard_of(turn.passages, playout.drop())
        if turn.speaking is not None:
            turn.speaking.cancel()
        await playout.clear_line()
        return turn.heard

    async def _until_heard(self, turn: AgentTurn) -> None:
        for passage in turn.passages:
            until_s = self.tools.playout.until_s or self.tools.clock()
            limit_s = max(0.0, until_s - self.tools.clock()) + 2 * MARK_SLACK_S
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await passage.heard.wait()


def _leading_facts(pending: deque[Move]) -> list[Fact]:
    """Take the facts that come before anything else. All are put down before the first is
    waited for, because the callee may hang up meanwhile."""
    facts: list[Fact] = []
    while pending and (found := facts_of([pending[0]])):
        facts += found
        pending.popleft()
    return facts
