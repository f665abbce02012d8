"""The agent's go: what is kept of it while it is performed, and the facts that it writes down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dialer.agent.moves import Move, OptOut, Record, Settle
from dialer.call.desk import Desk
from dialer.call.journal import Entry, Journal
from dialer.call.playout import Passage
from dialer.domain.attempt import Disposition

# Words wait for an opt-out, because it stands before the goodbye: longer than any lock is held.
# With the database away for longer they are said, and the journal goes on trying.
_OPT_OUT_WITHIN_S = 5.0

Fact = Record | Settle | OptOut


class VoiceGone(Exception):
    """The voice failed twice: nothing that is not in the cache can be said any more."""


@dataclass(slots=True, eq=False)
class AgentTurn:
    """``marks``: of the callee's turn it answers, on the call clock; ``answers``: the number of
    that turn. ``owes_words``: more is to be said than its passages hold. ``heard``: what was
    heard of it until it was cut."""

    marks: dict[str, float] = field(default_factory=dict)
    answers: int = 0
    passages: list[Passage] = field(default_factory=list)
    is_ending: bool = False
    heard: str | None = None
    is_failure: bool = False  # a provider failed: this is the apology
    is_filled: bool = False  # the wait for its words was bridged
    owes_words: bool = False
    speaking: asyncio.Task[Any] | None = None

    @property
    def is_cut(self) -> bool:
        return self.heard is not None

    @property
    def has_sound(self) -> bool:
        return any(passage.starts_s is not None for passage in self.passages)

    @property
    def must_be_heard(self) -> bool:
        """The callee may not stop what is being said."""
        return any(each.must_be_heard and not each.is_heard for each in self.passages)


@dataclass(slots=True)
class Facts:
    """Writes down what a mind asks for, in order. ``count``: how many so far; what was written
    is never taken back."""

    desk: Desk
    journal: Journal
    call_back_at: Callable[[], datetime | None]
    count: int = 0

    def put(self, turn: AgentTurn, moves: Sequence[Fact]) -> list[Entry]:
        """Have them written, even if the line ends now. Returns those that words wait for."""
        entries = [(move, self._put(turn, move)) for move in moves]
        self.count += len(entries)
        return [entry for move, entry in entries if isinstance(move, OptOut)]

    async def write(self, turn: AgentTurn, moves: Sequence[Fact]) -> None:
        for entry in self.put(turn, moves):
            await entry.wait(_OPT_OUT_WITHIN_S)

    def _put(self, turn: AgentTurn, move: Fact) -> Entry:
        desk = self.desk
        match move:
            case Record():
                return self.journal.put(
                    "record", lambda: desk.record(move.question_id, move.value, turn.answers)
                )
            case Settle():
                at = move.callback_at
                if turn.is_failure and move.disposition is Disposition.CALLBACK:
                    at = at or self.call_back_at()
                return self.journal.put("settle", lambda: desk.settle(move.disposition, at))
            case OptOut():
                return self.journal.put("opt_out", desk.opt_out)


def facts_of(moves: Sequence[Move]) -> list[Fact]:
    return [move for move in moves if isinstance(move, Record | Settle | OptOut)]
