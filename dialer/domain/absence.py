"""When a call that the carrier does not show is over, and what an open attempt waits for. Pure.

The carrier's lists lag behind: one look that finds nothing proves nothing. Two do that lie far
enough apart, with no sign of the call and no failed list between them (design §6.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from dialer.domain.attempt import AttemptEvent, AttemptState
from dialer.settings import RecoveryBounds

S = AttemptState


class Absence(StrEnum):
    """What a look that found nothing comes to."""

    TOO_EARLY = "too_early"
    FIRST = "first"
    UNPROVED = "unproved"  # the first was less than the bound ago
    PROVED = "proved"


def judge_absence(
    state: AttemptState,
    *,
    asked_at: datetime,
    placing_at: datetime,
    changed_at: datetime,
    absent_since: datetime | None,
    bounds: RecoveryBounds,
) -> Absence:
    """Judge one look at all three lists that began at ``asked_at``.

    A call that the carrier never confirmed may still be on its way there, so that the first
    absence counts late. One that it had confirmed was there before: its first counts at once.
    """
    if absent_since is not None:
        is_far = asked_at - absent_since >= timedelta(seconds=bounds.absence)
        return Absence.PROVED if is_far else Absence.UNPROVED
    if state is S.AMBIGUOUS:
        is_late = asked_at - placing_at >= timedelta(seconds=bounds.first_absence)
    else:
        is_late = asked_at - changed_at >= timedelta(seconds=bounds.lookup)
    return Absence.FIRST if is_late else Absence.TOO_EARLY


def event_of_absence(state: AttemptState) -> AttemptEvent:
    """Return what a proved absence means: never placed, or accepted once and ended unseen."""
    return AttemptEvent.FIND_ABSENT if state is S.AMBIGUOUS else AttemptEvent.HANG_UP


EVENT_OF_SIGHT = {
    "queued": AttemptEvent.ACCEPT,
    "ringing": AttemptEvent.RING,
    "in_call": AttemptEvent.ANSWER,
    "finished": AttemptEvent.HANG_UP,
}
"""What it proves that the carrier shows a call there."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """What moves an open attempt on. ``first_absence_at``: the first look that found nothing;
    ``proved_after``: from when a second one settles it; None: none yet."""

    what: str
    first_absence_at: datetime | None = None
    proved_after: datetime | None = None


def awaited(
    state: AttemptState,
    *,
    placing_at: datetime | None,
    absent_since: datetime | None,
    hang_up_asked_at: datetime | None,
    bounds: RecoveryBounds,
) -> Awaited:
    """Say what an open attempt waits for, in words for a person."""
    if absent_since is not None:
        after = absent_since + timedelta(seconds=bounds.absence)
        what = (
            f"a callback, or the carrier's lists: first absence at {_clock(absent_since)}, "
            f"second after {_clock(after)}"
        )
        return Awaited(what, absent_since, after)
    if state is S.AMBIGUOUS and placing_at is not None:
        from_ = placing_at + timedelta(seconds=bounds.first_absence)
        return Awaited(
            f"a callback, or the carrier's lists: an absence counts from {_clock(from_)}"
        )
    if hang_up_asked_at is not None and state is not S.PLACING:
        return Awaited("its end: the carrier was asked to hang up")
    waits_for = {
        S.INTENDED: "its dial slot",
        S.PLACING: "the reply",
        S.PLACED: "a callback: that it rings",
        S.RINGING: "a callback: that it was answered, or its end",
        S.IN_CALL: "a callback: its end",
    }
    return Awaited(waits_for.get(state, "nothing"))


def awaited_of(row: Any, bounds: RecoveryBounds) -> Awaited:
    """`awaited` of an attempt's row."""
    return awaited(
        S(row.state),
        placing_at=row.placing_at,
        absent_since=row.absent_since,
        hang_up_asked_at=row.hang_up_asked_at,
        bounds=bounds,
    )


def _clock(at: datetime) -> str:
    return at.strftime("%H:%M:%S UTC")
