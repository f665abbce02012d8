"""The worlds that the model of the ledger walks through: their rows, and what changes in one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from dialer.domain.absence import Absence, judge_absence
from dialer.domain.attempt import (
    FINAL,
    LIVE,
    AttemptEvent,
    AttemptState,
    Outcome,
    Refusal,
    advance,
)
from dialer.domain.late_end import decides_anew, recounted
from dialer.domain.placing import Readiness, why_not
from dialer.domain.retry import EnrolmentState, RetryPlan
from dialer.settings import RecoveryBounds

S, E = AttemptState, AttemptEvent


L = EnrolmentState
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OLD = 8  # older than every bound below and a look: all the same
LONGEST_LOOK = 3
INTENT_LIFE = 2
PLAN = RetryPlan(3, {outcome: [timedelta(0)] for outcome in Outcome})
# In the proportions of the real ones: the way to the carrier and the lag of its lists take one
# second each here, and the first absence counts after both and the two seconds of the POST.
BOUNDS = RecoveryBounds(placing=3, first_absence=5, absence=2, lookup=2)
HURRIED = ("on_the_way", "unlisted", "gone")  # nothing stays so for longer than a second


def at(age: int) -> datetime:
    return NOW - timedelta(seconds=age)


class Call(NamedTuple):
    """One request as the carrier has it. ``place``: on the way, unlisted (taken, not in a list
    yet), queued, ringing, in_call, gone (over, no record yet), late (over, its record comes after
    every bound), finished, nowhere (refused, lost).
    ``reply``: what the carrier answered, if it did."""

    place: str = "on_the_way"
    age: int = 0  # since it came there
    reply: str = ""
    rang: bool = False
    answered: bool = False
    cancelled: bool = False


class Attempt(NamedTuple):
    """A row of the ledger, what its process has in memory of it, and what the carrier has.

    ``task``: the next step of the process that places it. ``told``: callbacks on their way."""

    lead: int
    state: S = S.INTENDED
    intended: int = 0  # ages
    placing: int = 0
    changed: int = 0
    absent: int = -1
    is_named: bool = False
    is_unwanted: bool = False  # hang_up_asked_at
    is_dequeued: bool = False  # queue_cancelled_at
    is_supposed: bool = False  # end_supposed_at
    refusal: Refusal | None = None
    outcome: Outcome | None = None
    answered_at: datetime | None = None
    hangup_code: int | None = None
    task: str = ""
    calls: tuple[Call, ...] = ()
    told: frozenset[str] = frozenset()

    @property
    def hang_up_asked_at(self) -> datetime | None:
        return NOW if self.is_unwanted else None

    @property
    def queue_cancelled_at(self) -> datetime | None:
        return NOW if self.is_dequeued else None

    @property
    def rang_at(self) -> datetime | None:
        return NOW if any(call.rang for call in self.calls) else None


class Lead(NamedTuple):
    phone: int
    state: L = L.WAITING
    attempts: int = 0
    newest: int = -1


class Look(NamedTuple):
    """What some process saw when it searched for an attempt, not yet written down."""

    attempt: int
    seen: S
    where: str
    age: int = 0


class World(NamedTuple):
    leads: tuple[Lead, ...]
    lines: tuple[int, ...]  # phone → attempt, -1: free
    attempts: tuple[Attempt, ...] = ()
    suppressed: tuple[bool, ...] = ()  # by phone
    is_stopped: bool = False
    closes_in: int = OLD  # seconds until the calling window ends
    looks: tuple[Look, ...] = ()


@dataclass(frozen=True)
class Rules:
    """What the product decides by; a test swaps one to see the walk find out."""

    why_not: Callable[[Readiness, datetime], Refusal | None] = why_not
    judge_absence: Callable[..., Absence] = judge_absence
    decides_anew: Callable[..., bool] = decides_anew
    recounted: Callable[..., int] = recounted
    is_line_checked: bool = True
    is_clock_checked: bool = True
    posts_again: bool = False
    hears_late_news: bool = True
    bounds: RecoveryBounds = BOUNDS


@dataclass(frozen=True)
class Scope:
    """How much of the world is walked."""

    cap: int = 2
    most_attempts: int = 2
    most_looks: int = 2
    has_people: bool = True  # an opt-out, a stop of campaign 0, the end of the window


class Broken(Exception):
    """An invariant does not hold."""


Step = tuple[str, World]


def forgotten(world: World) -> World:
    """The same world without what can no longer matter: far fewer of them are different."""
    rows = world.attempts
    looks = [
        look if look.where == "absent" else look._replace(age=0)
        for look in world.looks
        if rows[look.attempt].state is look.seen  # else it is dropped, for no state comes back
    ]
    return world._replace(attempts=tuple(map(_forgotten, rows)), looks=tuple(sorted(looks)))


@cache
def _forgotten(attempt: Attempt) -> Attempt:
    state = attempt.state
    is_placing = attempt.task == "send" or state in (S.PLACING, S.AMBIGUOUS)
    is_up = state in (S.PLACED, S.RINGING, S.IN_CALL)
    # Whatever is told now changes nothing that is read again.
    is_over = state is S.ENDED and not attempt.is_supposed
    return attempt._replace(
        intended=min(INTENT_LIFE + 1, attempt.intended) if state is S.INTENDED else 0,
        placing=attempt.placing if is_placing else 0,
        changed=min(5, attempt.changed) if is_up or state is S.PLACING else 0,
        absent=-1 if state in FINAL else min(5, attempt.absent),
        is_named=attempt.is_named and state in LIVE,
        is_unwanted=attempt.is_unwanted and _is_wish_read(attempt),
        answered_at=None if is_over else attempt.answered_at,
        told=frozenset() if is_over else attempt.told,
        calls=tuple(_still(call, attempt, is_over=is_over) for call in attempt.calls),
    )


def _is_wish_read(attempt: Attempt) -> bool:
    """That a call was to be ended says later that its lead was given back for it."""
    is_cancelled = attempt.outcome is Outcome.CANCELLED
    return attempt.state in LIVE or attempt.is_supposed or is_cancelled


def _still(call: Call, attempt: Attempt, *, is_over: bool) -> Call:
    place = "finished" if is_over and call.place == "gone" else call.place
    return call._replace(
        place=place,
        age=call.age if place in HURRIED else 0,
        reply=call.reply if attempt.task else "",
    )


def older(age: int) -> int:
    return min(OLD, age + 1)


def with_(world: World, index: int, **changed: object) -> World:
    rows = list(world.attempts)
    rows[index] = rows[index]._replace(**changed)  # type: ignore[arg-type]
    return world._replace(attempts=tuple(rows))


def move(world: World, index: int, event: E) -> World:
    state = world.attempts[index].state
    target = advance(state, event)
    return world if target is state else with_(world, index, state=target, changed=0)


def with_call(world: World, index: int, number: int, call: Call) -> World:
    calls = list(world.attempts[index].calls)
    calls[number] = call
    return with_(world, index, calls=tuple(calls))


def with_line(world: World, phone: int, holder: int) -> World:
    lines = tuple(holder if n == phone else old for n, old in enumerate(world.lines))
    return world._replace(lines=lines)


def with_lead(world: World, number: int, lead: Lead) -> World:
    leads = tuple(lead if n == number else old for n, old in enumerate(world.leads))
    return world._replace(leads=leads)


def with_looks(world: World, looks: list[Look]) -> World:
    return world._replace(looks=tuple(sorted(looks)))


def tell(world: World, index: int, kind: str) -> World:
    return with_(world, index, told=world.attempts[index].told | {kind})


def untold(world: World, index: int, kind: str) -> World:
    return with_(world, index, told=world.attempts[index].told - {kind})
