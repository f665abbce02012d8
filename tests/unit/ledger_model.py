"""A model of the ledger that is small enough to be walked whole, on the product's own decisions.

What moves here are the product's transactions (a claim, intended → placing, the POST, the record
of its reply, a callback, each step of recovery, an opt-out, a stop), the carrier, the network and
the clock. Between any two of them a process may be killed, however often: what it had in memory
is gone, and a fresh one does the rest. Each attempt may be placed by another process, and two may
look for one at once. What each transaction decides is asked of the functions that the product
asks: only the tables are played. Time is whole seconds, kept as ages, so that worlds that differ
by the hour are one.

The one thing taken for granted: from a process's last look at its clock to the write on its
socket no time passes. How large that gap is stands at `dialer.dialing.place.place`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from dialer.dialing.due import is_cut_off
from dialer.dialing.settle import counts
from dialer.domain.absence import EVENT_OF_SIGHT, Absence, event_of_absence, judge_absence
from dialer.domain.attempt import (
    FINAL,
    LIVE,
    AttemptEvent,
    AttemptState,
    Disposition,
    HangupFacts,
    Outcome,
    Refusal,
    advance,
    decides_lead,
    gives_way,
    outcome_of,
    reopens,
    was_dropped,
)
from dialer.domain.campaign import CampaignState
from dialer.domain.pacing import Use, free_calls
from dialer.domain.placing import Readiness, post_before, why_not
from dialer.domain.retry import EnrolmentState, RetryPlan, after_call, after_refusal
from dialer.errors import IllegalTransition
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


_HURRIED = ("on_the_way", "unlisted", "gone")  # nothing stays so for longer than a second


def at(age: int) -> datetime:
    return NOW - timedelta(seconds=age)


class Call(NamedTuple):
    """One request as the carrier has it. ``place``: on the way, unlisted (taken, not in a list
    yet), queued, ringing, in_call, gone (over, no record yet), finished, nowhere (refused, lost).
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
    is_line_checked: bool = True
    is_clock_checked: bool = True
    posts_again: bool = False
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


def steps(world: World, rules: Rules, scope: Scope) -> Iterator[Step]:
    """Everything that may happen next, each with the world after it."""
    yield from _claims(world, rules, scope)
    for index, attempt in enumerate(world.attempts):
        yield from _placing(world, rules, index, attempt)
        yield from _carrier(world, scope, index, attempt)
        for kind in attempt.told:
            told = callback(world, index, kind)
            yield f"callback {kind} of {index}, to come again", told
            yield f"callback {kind} of {index}", _untold(told, index, kind)
            yield f"callback {kind} of {index} is lost", _untold(world, index, kind)
    yield from _recovery(world, rules, scope)
    if scope.has_people:
        yield from _people(world)
    if not _is_urgent(world):
        yield "a second passes", tick(world)


def forgotten(world: World) -> World:
    """The same world without what can no longer matter: far fewer of them are different."""
    rows = world.attempts
    looks = [
        look if look.where == "absent" else look._replace(age=0)
        for look in world.looks
        if rows[look.attempt].state is look.seen  # else it is dropped, for no state comes back
    ]
    return _with_looks(world._replace(attempts=tuple(map(_forgotten, rows))), looks)


def _forgotten(attempt: Attempt) -> Attempt:
    state = attempt.state
    is_placing = attempt.task == "send" or state in (S.PLACING, S.AMBIGUOUS)
    is_up = state in (S.PLACED, S.RINGING, S.IN_CALL)
    is_over = state is S.ENDED  # whatever is told now changes nothing that is read again
    return attempt._replace(
        intended=min(INTENT_LIFE + 1, attempt.intended) if state is S.INTENDED else 0,
        placing=attempt.placing if is_placing else 0,
        changed=min(5, attempt.changed) if is_up or state is S.PLACING else 0,
        absent=-1 if state in FINAL else min(5, attempt.absent),
        is_named=attempt.is_named and state in LIVE,
        is_unwanted=attempt.is_unwanted and state in LIVE,
        answered_at=None if is_over else attempt.answered_at,
        told=frozenset() if is_over else attempt.told,
        calls=tuple(_still(call, attempt, is_over=is_over) for call in attempt.calls),
    )


def _still(call: Call, attempt: Attempt, *, is_over: bool) -> Call:
    place = "finished" if is_over and call.place == "gone" else call.place
    return call._replace(
        place=place,
        age=call.age if place in _HURRIED else 0,
        reply=call.reply if attempt.task else "",
    )


# --- the product's transactions


def _claims(world: World, rules: Rules, scope: Scope) -> Iterator[Step]:
    live = sum(attempt.state in LIVE for attempt in world.attempts)
    room = free_calls(cap=scope.cap, inbound_reserve=0, use=Use(live))
    if not room or world.closes_in <= 0 or len(world.attempts) >= scope.most_attempts:
        return
    for number, lead in enumerate(world.leads):
        is_busy = rules.is_line_checked and world.lines[lead.phone] >= 0
        is_lawful = not world.suppressed[lead.phone]
        is_running = not (world.is_stopped and number == 0)
        if lead.state is not L.WAITING or is_busy or not is_lawful or not is_running:
            continue
        index = len(world.attempts)
        after = world._replace(attempts=(*world.attempts, Attempt(number, task="wait")))
        after = _with_line(after, lead.phone, index)
        after = _with_lead(after, number, lead._replace(state=L.CALLING, newest=index))
        yield f"lead {number} is claimed as {index}", after


def _readiness(world: World, index: int) -> Readiness:
    attempt = world.attempts[index]
    phone = world.leads[attempt.lead].phone
    is_stopped = world.is_stopped and attempt.lead == 0
    return Readiness(
        valid_until=at(attempt.intended - INTENT_LIFE),
        window_ends_at=at(-world.closes_in),
        holds_line=world.lines[phone] == index,
        is_suppressed=world.suppressed[phone],
        campaign=CampaignState.PAUSED if is_stopped else CampaignState.RUNNING,
    )


def _placing(world: World, rules: Rules, index: int, attempt: Attempt) -> Iterator[Step]:
    """The steps of the process that places an attempt; before each of them it may be killed."""
    step = attempt.task
    if not step:
        return
    yield f"the process of {index} is killed before it {step}s", _with(world, index, task="")
    if step == "wait":
        yield f"{index} starts", _start(world, rules, index)
    elif step == "send":
        until = post_before(at(attempt.placing), at(-world.closes_in))
        if rules.is_clock_checked and until <= NOW:
            gone_by = refuse(world, index, Refusal.STALE) if attempt.state is S.PLACING else world
            yield f"it is too late for {index}", _with(gone_by, index, task="")
        else:
            yield f"{index} is posted", _post(world, index)
    else:
        if reply := attempt.calls[-1].reply:
            yield f"the reply of {index}: {reply}", record_reply(world, rules, index, reply)
        yield f"the reply of {index} is lost", record_reply(world, rules, index, "lost")


def _start(world: World, rules: Rules, index: int) -> World:
    attempt = world.attempts[index]
    if attempt.state is not S.INTENDED:
        return _with(world, index, task="")
    refusal = rules.why_not(_readiness(world, index), NOW)
    if refusal is not None:
        return _with(refuse(world, index, refusal), index, task="")
    if world.suppressed[world.leads[attempt.lead].phone]:
        raise Broken("6: a suppressed number enters placing")
    world = _move(world, index, E.PLACE)
    return _with(world, index, placing=0, task="send")


def _post(world: World, index: int) -> World:
    attempt = world.attempts[index]
    if world.closes_in <= 0:
        raise Broken("2: a call is asked for outside its window")
    if attempt.state is S.INTENDED:
        raise Broken("1: a call is asked for before its placing is written")
    return _with(world, index, task="wait for the reply", calls=(*attempt.calls, Call()))


def record_reply(world: World, rules: Rules, index: int, reply: str) -> World:
    world = _with(world, index, task="")
    try:
        if reply == "accepted":
            return _with(_move(world, index, E.ACCEPT), index, is_named=True)
        if reply == "refused":
            return refuse(world, index, Refusal.RATE_LIMITED)
        if rules.posts_again and len(world.attempts[index].calls) < 2:
            return _with(world, index, task="send")
        return _move(world, index, E.LOSE)
    except IllegalTransition:
        return world


def callback(world: World, index: int, kind: str) -> World:
    """Take in one callback, as `dialing.callbacks` does."""
    attempt = world.attempts[index]
    if kind == "hangup":
        return _hear_end(world, index)
    event = E.RING if kind == "ring" else E.ANSWER
    world = _move(_reopen(world, index, event), index, event)
    world = _with(world, index, is_named=True)
    return world if kind == "ring" else _with(world, index, answered_at=attempt.answered_at or NOW)


def _hear_end(world: World, index: int) -> World:
    attempt = world.attempts[index]
    if attempt.state is S.ENDED:
        return _with(world, index, is_named=True)
    answered = attempt.answered_at is not None or any(call.answered for call in attempt.calls)
    if was_dropped(attempt.state, was_answered=answered, was_cancelled=attempt.is_dequeued):
        return world if attempt.state is S.NEVER_PLACED else give_up(world, index)
    return end_call(_reopen(world, index, E.HANG_UP), index, answered=answered)


def _reopen(world: World, index: int, event: E) -> World:
    attempt = world.attempts[index]
    if not reopens(attempt.state, event):
        return world
    lead = world.leads[attempt.lead]
    holder = world.lines[lead.phone]
    other = None if holder in (-1, index) else world.attempts[holder].state
    if took := gives_way(other):
        world = _with_line(world, lead.phone, index)
    is_settled = lead.state in (L.DONE, L.BLOCKED)
    if decides_lead(is_newest=lead.newest == index, took_line=took, is_settled=is_settled):
        lead = lead._replace(
            state=L.CALLING, newest=index, attempts=lead.attempts - counts(attempt)
        )
        world = _with_lead(world, attempt.lead, lead)
    return _with(world, index, refusal=None, outcome=None)


def end_call(world: World, index: int, *, answered: bool) -> World:
    was_cancelled = any(call.cancelled for call in world.attempts[index].calls)
    code = 4000 if answered else 1000 if was_cancelled else 3000
    outcome = outcome_of(HangupFacts(code, None, None, None, answered, False))
    world = _with(_move(world, index, E.HANG_UP), index, outcome=outcome, hangup_code=code)
    return _settle(_free_line(world, index), index)


def refuse(world: World, index: int, refusal: Refusal) -> World:
    world = _with(_move(world, index, E.REFUSE), index, refusal=refusal)
    return _settle(_free_line(world, index), index)


def give_up(world: World, index: int) -> World:
    if world.attempts[index].state is S.PLACING:
        world = _move(world, index, E.ACCEPT)
    return _settle(_free_line(_move(world, index, E.FIND_ABSENT), index), index)


def _free_line(world: World, index: int) -> World:
    phone = world.leads[world.attempts[index].lead].phone
    if world.lines[phone] != index:
        return world
    live = [
        other
        for other, attempt in enumerate(world.attempts)
        if other != index and attempt.state in LIVE and world.leads[attempt.lead].phone == phone
    ]
    return _with_line(world, phone, live[0] if live else -1)


def _settle(world: World, index: int) -> World:
    attempt = world.attempts[index]
    lead = world.leads[attempt.lead]
    if lead.newest != index:
        return world
    count = lead.attempts + (counts(attempt) if lead.state is L.CALLING else 0)
    if attempt.outcome is not None and attempt.state is S.ENDED and not is_cut_off(attempt):
        step = after_call(
            outcome=attempt.outcome,
            disposition=Disposition.CONFIRMED if attempt.answered_at else None,
            callback_at=None,
            attempts=count,
            plan=PLAN,
            now=NOW,
            ends_at=None,
        )
        state = step.state
    elif attempt.refusal is Refusal.SUPPRESSED:
        state = L.BLOCKED
    else:
        refused = after_refusal(
            refusal=attempt.refusal, attempts=count, plan=PLAN, now=NOW, ends_at=None
        )
        state = refused.state
    return _with_lead(world, attempt.lead, lead._replace(state=state, attempts=count))


# --- recovery


def _recovery(world: World, rules: Rules, scope: Scope) -> Iterator[Step]:
    yield from _repairs(world, rules)
    for index, attempt in enumerate(world.attempts):
        if _is_silent(attempt, rules) and len(world.looks) < scope.most_looks:
            look = Look(index, attempt.state, sight(attempt))
            yield f"{index} is looked for: {look.where}", _with_looks(world, [*world.looks, look])
    for look in dict.fromkeys(world.looks):
        left = [*world.looks]
        left.remove(look)
        after = _with_looks(world, left)
        yield f"whoever looked for {look.attempt} is killed", after
        yield f"{look.attempt} is {look.where}", apply_look(after, rules, look)
        if look.where == "absent":
            unclear = look._replace(where="unclear")
            yield f"a list failed for {look.attempt}", apply_look(after, rules, unclear)


def _repairs(world: World, rules: Rules) -> Iterator[Step]:
    """What recovery does without asking the carrier."""
    for index, attempt in enumerate(world.attempts):
        if attempt.state is S.INTENDED and attempt.intended > INTENT_LIFE:
            refusal = rules.why_not(_readiness(world, index), NOW) or Refusal.STALE
            yield f"recovery refuses {index}", refuse(world, index, refusal)
        if attempt.state is S.PLACING and attempt.changed > rules.bounds.placing:
            yield f"recovery doubts {index}", _move(world, index, E.LOSE)
        if attempt.is_unwanted and attempt.is_named and attempt.state in LIVE:
            after = hang_up(world, index)
            if after != world:
                yield f"the carrier is told to end {index}", after


def _is_silent(attempt: Attempt, rules: Rules) -> bool:
    is_up = attempt.state in (S.PLACED, S.RINGING, S.IN_CALL)
    return attempt.state is S.AMBIGUOUS or (is_up and attempt.changed >= rules.bounds.lookup)


def sight(attempt: Attempt) -> str:
    """Where the carrier's lists have the attempt's call."""
    listed = ("queued", "ringing", "in_call", "finished")
    return next((call.place for call in attempt.calls if call.place in listed), "absent")


def apply_look(world: World, rules: Rules, look: Look) -> World:
    attempt = world.attempts[look.attempt]
    if attempt.state is not look.seen:
        return world
    if look.where == "unclear":
        return _with(world, look.attempt, absent=-1)
    if look.where == "absent":
        return _count_absence(world, rules, look)
    event = EVENT_OF_SIGHT[look.where]
    if event is not E.HANG_UP:
        world = _with(_move(world, look.attempt, event), look.attempt, absent=-1, is_named=True)
        is_up = event is E.ANSWER
        return _with(world, look.attempt, answered_at=NOW) if is_up else world
    answered = attempt.answered_at is not None or any(call.answered for call in attempt.calls)
    world = _with(world, look.attempt, is_named=True)
    if was_dropped(attempt.state, was_answered=answered, was_cancelled=attempt.is_dequeued):
        return give_up(world, look.attempt)
    return end_call(world, look.attempt, answered=answered)


def _count_absence(world: World, rules: Rules, look: Look) -> World:
    attempt = world.attempts[look.attempt]
    absence = rules.judge_absence(
        attempt.state,
        asked_at=at(look.age),
        placing_at=at(attempt.placing),
        changed_at=at(attempt.changed),
        absent_since=None if attempt.absent < 0 else at(attempt.absent),
        bounds=rules.bounds,
    )
    if absence is Absence.FIRST:
        return _with(world, look.attempt, absent=0)
    if absence is not Absence.PROVED:
        return world
    if event_of_absence(attempt.state) is E.FIND_ABSENT:
        return give_up(world, look.attempt)
    return end_call(world, look.attempt, answered=attempt.answered_at is not None)


def hang_up(world: World, index: int) -> World:
    """End the call at the carrier; one that it still queues is noted as unrung first."""
    attempt = world.attempts[index]
    for number, call in enumerate(attempt.calls):
        if call.place in ("unlisted", "queued"):
            world = _with(world, index, is_dequeued=attempt.is_dequeued or call.place == "queued")
            return _end_at_carrier(world, index, number, call._replace(cancelled=True))
        if call.place in ("ringing", "in_call"):
            cancelled = not call.answered
            return _end_at_carrier(world, index, number, call._replace(cancelled=cancelled))
    return world


# --- the carrier, the network, people, the clock


def _carrier(world: World, scope: Scope, index: int, attempt: Attempt) -> Iterator[Step]:
    for number, call in enumerate(attempt.calls):

        def put(place: str, changed: Call = call, at_: int = number, **more: bool | str) -> World:
            fresh = changed._replace(place=place, age=0, **more)  # type: ignore[arg-type]
            return _checked(_with_call(world, index, at_, fresh), scope)

        match call.place:
            case "on_the_way":
                yield f"the carrier takes {index}", put("unlisted", reply="accepted")
                yield f"the carrier takes {index} and says 5xx", put("unlisted")
                yield f"the carrier refuses {index}", put("nowhere", reply="refused")
                yield f"the request for {index} comes to nothing", put("nowhere")
            case "unlisted":
                yield f"{index} waits in the carrier's queue", put("queued")
            case "queued":
                rings = put("ringing", rang=True)
                yield f"{index} rings", _tell(rings, index, "ring")
            case "ringing":
                up = put("in_call", answered=True)
                yield f"{index} is answered", _tell(up, index, "answer")
                yield f"{index} ends unanswered", _end_at_carrier(world, index, number, call)
            case "in_call":
                yield f"{index} ends", _end_at_carrier(world, index, number, call)
            case "gone":
                yield f"the record of {index} appears", put("finished")


def _end_at_carrier(world: World, index: int, number: int, call: Call) -> World:
    over = call._replace(place="gone", age=0)
    return _tell(_with_call(world, index, number, over), index, "hangup")


def _people(world: World) -> Iterator[Step]:
    for phone, already in enumerate(world.suppressed):
        if not already:
            flags = tuple(one or n == phone for n, one in enumerate(world.suppressed))
            after = _unwant(world._replace(suppressed=flags), _is_unanswered, phone=phone)
            yield f"phone {phone} opts out", after
    if not world.is_stopped:
        after = world._replace(is_stopped=True)
        for index, attempt in enumerate(world.attempts):
            if attempt.state is S.INTENDED and attempt.lead == 0:
                after = refuse(after, index, Refusal.CAMPAIGN_STOPPED)
        yield "campaign 0 stops, hanging up", _unwant(after, lambda attempt: attempt.lead == 0)
    if world.closes_in == OLD:
        yield "the window is about to end", world._replace(closes_in=1)


def _is_unanswered(attempt: Attempt) -> bool:
    return attempt.state in (S.PLACING, S.AMBIGUOUS, S.PLACED, S.RINGING)


def _unwant(world: World, which: Callable[[Attempt], bool], phone: int | None = None) -> World:
    for index, attempt in enumerate(world.attempts):
        is_its = phone is None or world.leads[attempt.lead].phone == phone
        if is_its and which(attempt) and attempt.state in LIVE - {S.INTENDED}:
            world = _with(world, index, is_unwanted=True)
    return world


def _is_urgent(world: World) -> bool:
    """True if something must happen before more time passes: the way to the carrier and the lag
    of its lists end within a second."""
    return any(
        call.place in _HURRIED and call.age >= 1
        for attempt in world.attempts
        for call in attempt.calls
    )


def tick(world: World) -> World:
    aged = tuple(
        attempt._replace(
            intended=_older(attempt.intended),
            placing=_older(attempt.placing),
            changed=_older(attempt.changed),
            absent=-1 if attempt.absent < 0 else _older(attempt.absent),
            calls=tuple(call._replace(age=min(1, call.age + 1)) for call in attempt.calls),
        )
        for attempt in world.attempts
    )
    looks = [look._replace(age=look.age + 1) for look in world.looks if look.age < LONGEST_LOOK]
    closes_in = world.closes_in if world.closes_in == OLD else max(-1, world.closes_in - 1)
    return _with_looks(world._replace(attempts=aged, closes_in=closes_in), looks)


def _older(age: int) -> int:
    return min(OLD, age + 1)


# --- what must hold


def _checked(world: World, scope: Scope) -> World:
    """Invariants 1 and 3 at the carrier, after each move of it."""
    up: dict[int, int] = {}
    for attempt in world.attempts:
        if sum(call.rang for call in attempt.calls) > 1:
            raise Broken("1: a phone rang twice for one intent")
        calls = sum(
            call.place in ("unlisted", "queued", "ringing", "in_call") for call in attempt.calls
        )
        phone = world.leads[attempt.lead].phone
        up[phone] = up.get(phone, 0) + calls
    if any(count > 1 for count in up.values()):
        raise Broken("1: a phone has two calls at the carrier")
    if sum(up.values()) > scope.cap:
        raise Broken("3: more calls than the cap")
    return world


def settles(world: World, rules: Rules, known: set[World]) -> None:
    """Invariant 5: every process dies here, every callback is lost, and fresh processes put all
    in order; raises `Broken` if they do not. ``known``: worlds that do."""
    alone = tuple(attempt._replace(told=frozenset(), task="") for attempt in world.attempts)
    world = world._replace(attempts=alone, looks=())
    seen = []
    while world not in known:
        seen.append(world)
        if len(seen) > 200:
            raise Broken("5: recovery goes round for ever")
        after = _repaired(_progressed(world), rules)
        if after == world and _is_quiet(world):
            _check_end(world)
            break
        world = after
    known.update(seen)


def _progressed(world: World) -> World:
    """Let every call take its course: it rings, nobody answers, its record appears."""
    course = {
        "on_the_way": "unlisted",
        "unlisted": "queued",
        "queued": "ringing",
        "ringing": "gone",
        "in_call": "gone",
        "gone": "finished",
    }
    for index, attempt in enumerate(world.attempts):
        for number, call in enumerate(attempt.calls):
            if (place := course.get(call.place)) is not None:
                rang = call.rang or place == "ringing"
                world = _with_call(world, index, number, call._replace(place=place, rang=rang))
    return world


def _repaired(world: World, rules: Rules) -> World:
    """A pass of recovery in a fresh process, and a second later."""
    while (repair := next(_repairs(world, rules), None)) is not None:
        world = repair[1]
    for index, attempt in enumerate(world.attempts):
        if _is_silent(attempt, rules):
            world = apply_look(world, rules, Look(index, attempt.state, sight(attempt)))
    return forgotten(tick(world))


def _is_quiet(world: World) -> bool:
    return all(attempt.state in FINAL for attempt in world.attempts) and not _is_urgent(world)


def _check_end(world: World) -> None:
    if any(holder >= 0 for holder in world.lines):
        raise Broken("5: a line is never freed")
    if any(lead.state is L.CALLING for lead in world.leads):
        raise Broken("5: a lead is calling for ever")
    for attempt in world.attempts:
        rang = any(call.rang for call in attempt.calls)
        if rang and not attempt.is_dequeued and attempt.state is not S.ENDED:
            raise Broken(f"5: a phone rang and the ledger says {attempt.state}")
        was_taken = any(call.place == "finished" for call in attempt.calls)
        if attempt.state is S.ENDED and not was_taken:
            raise Broken("5: the ledger has the end of a call that never was")


# --- writing


def _with(world: World, index: int, **changed: object) -> World:
    rows = list(world.attempts)
    rows[index] = rows[index]._replace(**changed)  # type: ignore[arg-type]
    return world._replace(attempts=tuple(rows))


def _move(world: World, index: int, event: E) -> World:
    state = world.attempts[index].state
    target = advance(state, event)
    return world if target is state else _with(world, index, state=target, changed=0)


def _with_call(world: World, index: int, number: int, call: Call) -> World:
    calls = list(world.attempts[index].calls)
    calls[number] = call
    return _with(world, index, calls=tuple(calls))


def _with_line(world: World, phone: int, holder: int) -> World:
    lines = tuple(holder if n == phone else old for n, old in enumerate(world.lines))
    return world._replace(lines=lines)


def _with_lead(world: World, number: int, lead: Lead) -> World:
    leads = tuple(lead if n == number else old for n, old in enumerate(world.leads))
    return world._replace(leads=leads)


def _with_looks(world: World, looks: list[Look]) -> World:
    return world._replace(looks=tuple(sorted(looks)))


def _tell(world: World, index: int, kind: str) -> World:
    return _with(world, index, told=world.attempts[index].told | {kind})


def _untold(world: World, index: int, kind: str) -> World:
    return _with(world, index, told=world.attempts[index].told - {kind})
