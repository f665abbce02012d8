"""A time to be called at: as it was asked for, where the law allows it, and how it is said back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.agent.callback_time import callback_in_words, read_callback
from dialer.agent.sentences import Sentences
from dialer.agent.unclear import Unclear

#: The first instant from one on at which this lead may be called; None: there is none in sight.
OpensAt = Callable[[datetime], datetime | None]


def always(at: datetime) -> datetime | None:
    """No window is known to close."""
    return at


@dataclass(frozen=True, slots=True)
class Appointment:
    """``at``: aware; ``sentence``: what the callee is told, with the goodbye."""

    at: datetime
    sentence: str


def appoint(
    text: str, now_local: datetime, zone: ZoneInfo, words: Sentences, opens_at: OpensAt
) -> Appointment | Unclear:
    """Read a time; one at which no call is allowed becomes the next at which one is, and the
    callee is told so: a promise that the law forbids to keep is none."""
    asked = read_callback(text, now_local, zone)
    if isinstance(asked, Unclear):
        return asked
    at = opens_at(asked)
    if at is None:
        return Unclear("no call is allowed at that time, nor soon after it")
    when = callback_in_words(at.astimezone(zone), now_local, is_hindi=words.is_hindi)
    sentence = words.will_call_at if at == asked else words.will_call_then
    return Appointment(at, sentence.format(when=when))
