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

from collections.abc import Iterator

from dialer.dialing.settle import counts
from dialer.domain.attempt import (
    FINAL,
    AttemptEvent,
    AttemptState,
    Refusal,
)
from tests.unit.ledger_transactions import (
    apply_look,
    callback,
    claims,
    end_at_carrier,
    is_silent,
    is_unanswered,
    placing,
    recovery,
    refuse,
    repairs,
    sight,
    true_end,
    unwant,
)
from tests.unit.ledger_world import (
    HURRIED,
    LONGEST_LOOK,
    OLD,
    Attempt,
    Broken,
    Call,
    L,
    Look,
    Rules,
    Scope,
    Step,
    World,
    forgotten,
    older,
    tell,
    untold,
    with_call,
    with_looks,
)

S, E = AttemptState, AttemptEvent


def steps(world: World, rules: Rules, scope: Scope) -> Iterator[Step]:
    """Everything that may happen next, each with the world after it."""
    yield from claims(world, rules, scope)
    for index, attempt in enumerate(world.attempts):
        yield from placing(world, rules, index, attempt)
        yield from _carrier(world, scope, index, attempt)
        for kind in attempt.told:
            told = callback(world, rules, index, kind)
            yield f"callback {kind} of {index}, to come again", told
            yield f"callback {kind} of {index}", untold(told, index, kind)
            yield f"callback {kind} of {index} is lost", untold(world, index, kind)
    yield from recovery(world, rules, scope)
    if scope.has_people:
        yield from _people(world)
    if not _is_urgent(world):
        yield "a second passes", tick(world)


def _carrier(world: World, scope: Scope, index: int, attempt: Attempt) -> Iterator[Step]:
    for number, call in enumerate(attempt.calls):

        def put(place: str, changed: Call = call, at_: int = number, **more: bool | str) -> World:
            fresh = changed._replace(place=place, age=0, **more)  # type: ignore[arg-type]
            return _checked(with_call(world, index, at_, fresh), scope)

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
                yield f"{index} rings", tell(rings, index, "ring")
            case "ringing":
                up = put("in_call", answered=True)
                yield f"{index} is answered", tell(up, index, "answer")
                yield f"{index} ends unanswered", end_at_carrier(world, index, number, call)
            case "in_call":
                yield f"{index} ends", end_at_carrier(world, index, number, call)
            case "gone":
                yield f"the record of {index} appears", put("finished")
                # It proves nothing of a call that the carrier never confirmed (design §6.4).
                if attempt.state in (S.PLACED, S.RINGING, S.IN_CALL):
                    yield f"the record of {index} is late", put("late")
            case "late":
                yield f"the record of {index} appears late", put("finished")


def _people(world: World) -> Iterator[Step]:
    for phone, already in enumerate(world.suppressed):
        if not already:
            flags = tuple(one or n == phone for n, one in enumerate(world.suppressed))
            after = unwant(world._replace(suppressed=flags), is_unanswered, phone=phone)
            yield f"phone {phone} opts out", after
    if not world.is_stopped:
        after = world._replace(is_stopped=True)
        for index, attempt in enumerate(world.attempts):
            if attempt.state is S.INTENDED and attempt.lead == 0:
                after = refuse(after, index, Refusal.CAMPAIGN_STOPPED)
        yield "campaign 0 stops, hanging up", unwant(after, lambda attempt: attempt.lead == 0)
    if world.closes_in == OLD:
        yield "the window is about to end", world._replace(closes_in=1)


def _is_urgent(world: World) -> bool:
    """True if something must happen before more time passes: the way to the carrier and the lag
    of its lists end within a second."""
    return any(
        call.place in HURRIED and call.age >= 1
        for attempt in world.attempts
        for call in attempt.calls
    )


def tick(world: World) -> World:
    aged = tuple(
        attempt._replace(
            intended=older(attempt.intended),
            placing=older(attempt.placing),
            changed=older(attempt.changed),
            absent=-1 if attempt.absent < 0 else older(attempt.absent),
            calls=tuple(call._replace(age=min(1, call.age + 1)) for call in attempt.calls),
        )
        for attempt in world.attempts
    )
    looks = [look._replace(age=look.age + 1) for look in world.looks if look.age < LONGEST_LOOK]
    closes_in = world.closes_in if world.closes_in == OLD else max(-1, world.closes_in - 1)
    return with_looks(world._replace(attempts=aged, closes_in=closes_in), looks)


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
    """Let every call take its course: it rings, nobody answers, its record appears; a late one
    when the attempt had to be given an end without it."""
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
            place = course.get(call.place)
            if call.place == "late" and attempt.state is S.ENDED:
                place = "finished"
            if place is not None:
                rang = call.rang or place == "ringing"
                world = with_call(world, index, number, call._replace(place=place, rang=rang))
    return world


def _repaired(world: World, rules: Rules) -> World:
    """A pass of recovery in a fresh process, and a second later."""
    while (repair := next(repairs(world, rules), None)) is not None:
        world = repair[1]
    for index, attempt in enumerate(world.attempts):
        if is_silent(attempt, rules):
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
        if attempt.state is S.ENDED and attempt.outcome is not true_end(attempt)[1]:
            raise Broken(f"5: the ledger says {attempt.outcome} and the carrier another end")
    for number, lead in enumerate(world.leads):
        counted = sum(counts(attempt) for attempt in world.attempts if attempt.lead == number)
        if lead.attempts != counted:
            raise Broken(f"5: a lead counts {lead.attempts} attempts and made {counted}")
