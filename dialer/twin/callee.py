"""Scripted people: what a phone and whoever holds it do when it rings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

import msgspec

from dialer.twin.errors import TwinError
from dialer.twin.faults import Fault

T = TypeVar("T")


class Behaviour(StrEnum):
    ANSWER = "answer"
    BUSY = "busy"
    REJECT = "reject"
    RING_OUT = "ring_out"
    INVALID = "invalid"
    UNREACHABLE = "unreachable"  # the carrier gives up without ringing: 3000
    VOICEMAIL = "voicemail"


class Reaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the callee does on one GetInput or GetDigits prompt, ``after_s`` from its start.

    Keys pressed when nobody listens any more are lost, as on a real phone. All fields empty
    means sitting still.
    """

    keys: str = ""
    says: str = ""
    hang_up: bool = False
    after_s: float = 3.0


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing a person says or does in a talk over a <Stream>, when it is time for it.

    hears: a regular expression, whatever the case, looked for in the agent's words since the
        person last spoke, punctuation included; empty: anything, recognised or not.
    after_ms: from the agent's last sound to the reaction.
    interrupts_after_ms: talk over the agent, so long after its talkspurt began or, with ``hears``,
        after the words were heard. A line that ``hears`` is said at the agent's end otherwise.
    mumbles: the sound of ``says`` without its words.
    times: how often the line is used; null: always.

    Words come first, then keys, then the hang-up.
    """

    hears: str = ""
    says: str = ""
    keys: str = ""
    hang_up: bool = False
    mumbles: bool = False
    after_ms: int = 400
    interrupts_after_ms: int | None = None
    times: int | None = 1

    def __post_init__(self) -> None:
        try:
            re.compile(self.hears)
        except re.error as error:
            raise ValueError(f"hears is no regular expression: {error}") from error
        if set(self.keys) - set("0123456789*#ABCD"):
            raise ValueError(f"keys: expected 0-9 * # A-D, found {self.keys!r}")


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One person. The nth prompt of a call meets ``reactions[n]``; the last one repeats.

    ring_s: from leaving the carrier's queue until the phone rings (or turns out busy, ...).
    answer_after_s: from the first ring until it is picked up, or declined.
    hang_up_after_s: of talk, whatever is being said; null: listens to the end.
    greeting_s: from a voicemail's answer to its beep.
    machine_after_s: from the answer to the verdict of machine detection.
    attempts: what the phone does on its first, second, ... ring; the last one repeats.

    Over a <Stream>, which runs at real speed whatever the time scale:
    greets: said as soon as the stream is there. A voicemail's own words until the beep.
    talk: the first line that is not used up and matches is what happens. Without any, the
        ``reactions`` are: each when the agent has ended.
    patience_ms: so much silence of the agent counts as its end.
    mumbles: nothing this person says has words.
    """

    name: str = "scripted"
    behaviour: Behaviour = Behaviour.ANSWER
    ring_s: float = 1.0
    answer_after_s: float = 2.0
    reactions: tuple[Reaction, ...] = ()
    hang_up_after_s: float | None = None
    greeting_s: float = 4.0
    machine_after_s: float = 2.5
    attempts: tuple[Script, ...] = ()
    faults: tuple[Fault, ...] = ()
    greets: str = ""
    talk: tuple[Line, ...] = ()
    language: str = "en-IN"
    voice: str = ""
    patience_ms: int = 350
    mumbles: bool = False

    def on_ring(self, index: int) -> Script:
        """The script of this phone's ring number ``index``, counted from 0."""
        return self.attempts[min(index, len(self.attempts) - 1)] if self.attempts else self

    def on_prompt(self, index: int) -> Reaction | None:
        if not self.reactions:
            return None
        return self.reactions[min(index, len(self.reactions) - 1)]

    @property
    def is_machine(self) -> bool:
        return self.behaviour is Behaviour.VOICEMAIL


def normal_phone(phone: str) -> str:
    """``+`` and digits; a SIP address stays as it is. One form for every lookup."""
    return phone if phone.startswith("sip:") else "+" + phone.strip().lstrip("+")


def parse_script(raw: object, *, where: str, presets: Mapping[str, Script]) -> Script:
    """A script from JSON or TOML: its fields, or the name of a preset."""
    if isinstance(raw, str):
        if raw not in presets:
            raise TwinError(f"{where}: no preset {raw!r}; there are {', '.join(sorted(presets))}")
        return presets[raw]
    return convert(raw, Script, where=where)


def convert(raw: object, kind: type[T], *, where: str) -> T:
    """Check outside data against a Struct; the error names the place, the field and the fix."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise TwinError(f"{where}: {error}") from error
