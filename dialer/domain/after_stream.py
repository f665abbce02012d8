"""What the carrier is told when a call's stream has ended and the call has not. Pure.

The answer document ends in a redirect, so whichever process is alive answers: also when the
stream broke, or the process that held it was killed (design §7).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from dialer.domain.attempt import Disposition, Outcome
from dialer.domain.definition import Definition
from dialer.domain.retry import RetryPlan


class AfterStream(StrEnum):
    """What was meant when the stream was closed; nothing written means that it broke by itself."""

    HAND_OVER = "hand_over"  #: connect the callee to a person
    HANG_UP = "hang_up"  #: everything was said
    APOLOGISE = "apologise"  #: our voice was gone


TransferReason = Literal["asked", "frustrated", "qualified"]
Next = Literal["voicemail", "dial", "hang_up", "apology"]

_PAUSE_AFTER_FAILURE = timedelta(minutes=30)
#: So many calls to one lead may break with a time for the next; then a person keeps the promise.
BROKEN_CALLS_AT_MOST = 3


def after_stream(
    meant: AfterStream | None,
    *,
    is_machine: bool,
    disposition: Disposition | None,
    definition: Definition,
) -> Next:
    """Return what the call goes on with.

    A machine is spoken to by the campaign's rule whatever the stream was closed for, unless a
    person has established something before it was heard.
    """
    if is_machine and not establishes(disposition):
        leaves = definition.voicemail.action == "leave_message"
        return "voicemail" if leaves else "hang_up"
    if meant is AfterStream.HAND_OVER and definition.transfer is not None:
        return "dial"
    if meant is AfterStream.HANG_UP:
        return "hang_up"
    return "apology"


def establishes(disposition: Disposition | None) -> bool:
    """True if a call that came to this has come to something."""
    return _weight(disposition) > _WEIGHT[Disposition.VOICEMAIL_LEFT]


def replaces(new: Disposition, old: Disposition | None) -> bool:
    """True if ``new`` may be written over ``old``: an opt-out stays, and so does what was
    established when a later word establishes less."""
    return _weight(new) >= _weight(old)


_WEIGHT = {Disposition.INCOMPLETE: 1, Disposition.VOICEMAIL_LEFT: 2, Disposition.OPTED_OUT: 4}


def _weight(disposition: Disposition | None) -> int:
    return 0 if disposition is None else _WEIGHT.get(disposition, 3)


def call_back_at(plan: RetryPlan, *, attempts: int, now: datetime) -> datetime | None:
    """Return when a lead is called again whose call broke; None leaves it to a person.

    The campaign's first pause after ``failed``, else half an hour. attempts: calls to the lead
    that were counted before this one.
    """
    if attempts + 1 >= BROKEN_CALLS_AT_MOST:
        return None
    pauses = plan.delays.get(Outcome.FAILED, ())
    return now + (pauses[0] if pauses else _PAUSE_AFTER_FAILURE)
