"""What a mind says and what a call does about it: the values that cross between the two.

A mind is pure: the call tells it what happened (`hear`, `press`, `use_tool`, ...) and performs the
moves it answers with, in order. Time is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from dialer.domain.after_stream import TransferReason
from dialer.domain.attempt import Disposition

Answer = bool | int | float | str  # dates are ISO text


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One use of a tool as the model wrote it; ``arguments`` is its raw text, maybe not JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the model's conversation.

    ``tool_calls`` belong to an assistant's message, ``tool_call_id`` to the result of one.
    """

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """``parameters`` is a JSON schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Say:
    """Speak these words. ``is_fixed``: the same words come again in other calls, so the sound is
    worth keeping. ``may_interrupt`` False: the callee must hear it to its end."""

    text: str
    is_fixed: bool = False
    may_interrupt: bool = True


@dataclass(frozen=True, slots=True)
class Think:
    """Ask the model and speak what it says, phrase by phrase."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Write an answer down, now."""

    question_id: str
    value: Answer


@dataclass(frozen=True, slots=True)
class Settle:
    """Write down what the call established, now; a later one replaces it."""

    disposition: Disposition
    callback_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OptOut:
    """Suppress the number everywhere, committed before the next move is made."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Once all that was said has been heard, transfer the call to a human."""

    reason: TransferReason


@dataclass(frozen=True, slots=True)
class HangUp:
    """Once all that was said has been heard, end the call."""


Move = Say | Think | Record | Settle | OptOut | HandOver | HangUp
Moves = Sequence[Move]


class Mind(Protocol):
    """One call's mind. Each method returns the moves to make now, in order; none means: listen.

    After a move that ends the call (`HandOver`, `HangUp`) only `said`, and what is heard or pressed
    while the call ends, is told; of the moves then answered only facts are made (`Record`,
    `Settle`, `OptOut`), and so it is with words that are recognised after the line has ended.
    """

    def begin(self) -> Moves:
        """The call is up: greet."""

    def hear(self, text: str, now: datetime) -> Moves:
        """The callee's turn is over; ``text`` is "" when sound was heard but no words."""

    def press(self, keys: str, now: datetime) -> Moves:
        """Keys were pressed, one or several."""

    def use_tool(self, call: ToolCall, now: datetime) -> Moves:
        """The model used a tool, in the middle of its reply. Never raises, whatever it wrote."""

    def replied(self, text: str, now: datetime) -> Moves:
        """The model's reply is complete: all its words (maybe none), after its tools."""

    def said(self, heard: str, *, is_cut: bool) -> None:
        """An agent utterance is over; ``heard`` is the part of it the callee heard."""

    def silence(self, now: datetime) -> Moves:
        """Nobody has spoken for the mind's `patience_s`."""

    def fail(self, now: datetime) -> Moves:
        """A provider failed for good: apologise, promise a call back, end."""

    def time_is_up(self, now: datetime) -> Moves:
        """The call's time limit is near: say goodbye, end."""

    @property
    def patience_s(self) -> float:
        """How long silence may last after the agent was heard before `silence` is told."""

    @property
    def most_keys(self) -> int:
        """After so many keys no more are waited for: 1 where a single key says it all."""

    @property
    def fixed_texts(self) -> Sequence[str]:
        """What may be said word by word as it stands here: worth preparing before it is needed;
        the apology of `fail` is among them."""
