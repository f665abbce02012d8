"""The product's transactions in the model of the ledger: each asks what the product asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dialer.dialing.due import is_cut_off
from dialer.dialing.settle import counts
from dialer.domain.absence import EVENT_OF_SIGHT, Absence, event_of_absence
from dialer.domain.attempt import (
    LIVE,
    AttemptEvent,
    AttemptState,
    Disposition,
    HangupFacts,
    Outcome,
    Refusal,
    decides_lead,
    gives_way,
    outcome_of,
    reopens,
    was_dropped,
)
from dialer.domain.campaign import CampaignState
from dialer.domain.pacing import Use, free_calls
from dialer.domain.placing import Readiness, post_before
from dialer.domain.retry import after_call, after_refusal
from dialer.errors import IllegalTransition
from tests.unit.ledger_world import (
    INTENT_LIFE,
    NOW,
    PLAN,
    Attempt,
    Broken,
    Call,
    L,
    Look,
    Rules,
    Scope,
    Step,
    World,
    at,
    move,
    tell,
    with_,
    with_call,
    with_lead,
    with_line,
    with_looks,
)

S, E = AttemptState, AttemptEvent


def claims(world: World, rules: Rules, scope: Scope) -> Iterator[Step]:
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
        after = with_line(after, lead.phone, index)
        after = with_lead(after, number, lead._replace(state=L.CALLING, newest=index))
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


def placing(world: World, rules: Rules, index: int, attempt: Attempt) -> Iterator[Step]:
    """The steps of the process that places an attempt; before each of them it may be killed."""
    step = attempt.task
    if not step:
        return
    yield f"the process of {index} is killed before it {step}s", with_(world, index, task="")
    if step == "wait":
        yield f"{index} starts", _start(world, rules, index)
    elif step == "send":
        until = post_before(at(attempt.placing), at(-world.closes_in))
        if rules.is_clock_checked and until <= NOW:
            gone_by = refuse(world, index, Refusal.STALE) if attempt.state is S.PLACING else world
            yield f"it is too late for {index}", with_(gone_by, index, task="")
        else:
            yield f"{index} is posted", _post(world, index)
    else:
        if reply := attempt.calls[-1].reply:
            yield f"the reply of {index}: {reply}", record_reply(world, rules, index, reply)
        yield f"the reply of {index} is lost", record_reply(world, rules, index, "lost")


def _start(world: World, rules: Rules, index: int) -> World:
    attempt = world.attempts[index]
    if attempt.state is not S.INTENDED:
        return with_(world, index, task="")
    refusal = rules.why_not(_readiness(world, index), NOW)
    if refusal is not None:
        return with_(refuse(world, index, refusal), index, task="")
    if world.suppressed[world.leads[attempt.lead].phone]:
        raise Broken("6: a suppressed number enters placing")
    world = move(world, index, E.PLACE)
    return with_(world, index, placing=0, task="send")


def _post(world: World, index: int) -> World:
    attempt = world.attempts[index]
    if world.closes_in <= 0:
        raise Broken("2: a call is asked for outside its window")
    if attempt.state is S.INTENDED:
        raise Broken("1: a call is asked for before its placing is written")
    return with_(world, index, task="wait for the reply", calls=(*attempt.calls, Call()))


def record_reply(world: World, rules: Rules, index: int, reply: str) -> World:
    world = with_(world, index, task="")
    try:
        if reply == "accepted":
            return with_(move(world, index, E.ACCEPT), index, is_named=True)
        if reply == "refused":
            return refuse(world, index, Refusal.RATE_LIMITED)
        if rules.posts_again and len(world.attempts[index].calls) < 2:
            return with_(world, index, task="send")
        return move(world, index, E.LOSE)
    except IllegalTransition:
        return world


def callback(world: World, rules: Rules, index: int, kind: str) -> World:
    """Take in one callback, as `dialing.callbacks` does."""
    attempt = world.attempts[index]
    if kind == "hangup":
        return _hear_end(world, rules, index)
    event = E.RING if kind == "ring" else E.ANSWER
    world = move(_reopen(world, index, event), index, event)
    world = with_(world, index, is_named=True)
    return world if kind == "ring" else with_(world, index, answered_at=attempt.answered_at or NOW)


def _hear_end(world: World, rules: Rules, index: int) -> World:
    attempt = world.attempts[index]
    if attempt.state is S.ENDED:
        return correct_end(with_(world, index, is_named=True), rules, index)
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
        world = with_line(world, lead.phone, index)
    is_settled = lead.state in (L.DONE, L.BLOCKED)
    if decides_lead(is_newest=lead.newest == index, took_line=took, is_settled=is_settled):
        lead = lead._replace(
            state=L.CALLING, newest=index, attempts=lead.attempts - counts(attempt)
        )
        world = with_lead(world, attempt.lead, lead)
    return with_(world, index, refusal=None, outcome=None)


def true_end(attempt: Attempt, *, answered: bool | None = None) -> tuple[int, Outcome]:
    """Return how the carrier says that the call ended."""
    if answered is None:
        answered = attempt.answered_at is not None or any(call.answered for call in attempt.calls)
    was_cancelled = any(call.cancelled for call in attempt.calls)
    code = 4000 if answered else 1000 if was_cancelled else 3000
    return code, outcome_of(HangupFacts(code, None, None, None, answered, False))


def end_call(world: World, index: int, *, answered: bool) -> World:
    code, outcome = true_end(world.attempts[index], answered=answered)
    world = with_(move(world, index, E.HANG_UP), index, outcome=outcome, hangup_code=code)
    return _settle(_free_line(world, index), index)


def _end_unseen(world: World, index: int) -> World:
    answered = world.attempts[index].answered_at is not None
    outcome = outcome_of(HangupFacts(None, None, None, None, answered, False))
    world = with_(move(world, index, E.HANG_UP), index, outcome=outcome, is_supposed=True)
    return _settle(_free_line(world, index), index)


def correct_end(world: World, rules: Rules, index: int) -> World:
    """Write down the true end in place of a supposed one, as `settle.correct_end` does."""
    attempt = world.attempts[index]
    if not attempt.is_supposed or not rules.hears_late_news:
        return world
    did = counts(attempt)
    code, outcome = true_end(attempt)
    world = with_(world, index, outcome=outcome, hangup_code=code, is_supposed=False)
    attempt, lead = world.attempts[index], world.leads[attempt.lead]
    newer = [each for each in world.attempts[index + 1 :] if each.lead == attempt.lead]
    count = rules.recounted(
        lead.attempts, newer=sum(map(counts, newer)), did=did, does=counts(attempt)
    )
    is_newest = lead.newest == index
    if rules.decides_anew(is_newest=is_newest, lead=lead.state, established=_established(attempt)):
        return _move_on(world, index, count)
    return with_lead(world, attempt.lead, lead._replace(attempts=count))


def _established(attempt: Attempt) -> Disposition | None:
    return Disposition.CONFIRMED if attempt.answered_at else None


def refuse(world: World, index: int, refusal: Refusal) -> World:
    world = with_(move(world, index, E.REFUSE), index, refusal=refusal)
    return _settle(_free_line(world, index), index)


def give_up(world: World, index: int) -> World:
    if world.attempts[index].state is S.PLACING:
        world = move(world, index, E.ACCEPT)
    return _settle(_free_line(move(world, index, E.FIND_ABSENT), index), index)


def _free_line(world: World, index: int) -> World:
    phone = world.leads[world.attempts[index].lead].phone
    if world.lines[phone] != index:
        return world
    live = [
        other
        for other, attempt in enumerate(world.attempts)
        if other != index and attempt.state in LIVE and world.leads[attempt.lead].phone == phone
    ]
    return with_line(world, phone, live[0] if live else -1)


def _settle(world: World, index: int) -> World:
    attempt = world.attempts[index]
    lead = world.leads[attempt.lead]
    if lead.newest != index:
        return world
    count = lead.attempts + (counts(attempt) if lead.state is L.CALLING else 0)
    return _move_on(world, index, count)


def _move_on(world: World, index: int, count: int) -> World:
    attempt = world.attempts[index]
    lead = world.leads[attempt.lead]
    if attempt.outcome is not None and attempt.state is S.ENDED and not is_cut_off(attempt):
        step = after_call(
            outcome=attempt.outcome,
            disposition=_established(attempt),
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
    return with_lead(world, attempt.lead, lead._replace(state=state, attempts=count))


def recovery(world: World, rules: Rules, scope: Scope) -> Iterator[Step]:
    yield from repairs(world, rules)
    for index, attempt in enumerate(world.attempts):
        if is_silent(attempt, rules) and len(world.looks) < scope.most_looks:
            look = Look(index, attempt.state, sight(attempt))
            yield f"{index} is looked for: {look.where}", with_looks(world, [*world.looks, look])
    for look in dict.fromkeys(world.looks):
        left = [*world.looks]
        left.remove(look)
        after = with_looks(world, left)
        yield f"whoever looked for {look.attempt} is killed", after
        yield f"{look.attempt} is {look.where}", apply_look(after, rules, look)
        if look.where == "absent":
            unclear = look._replace(where="unclear")
            yield f"a list failed for {look.attempt}", apply_look(after, rules, unclear)


def repairs(world: World, rules: Rules) -> Iterator[Step]:
    """What recovery does without asking the carrier."""
    for index, attempt in enumerate(world.attempts):
        if attempt.state is S.INTENDED and attempt.intended > INTENT_LIFE:
            refusal = rules.why_not(_readiness(world, index), NOW) or Refusal.STALE
            yield f"recovery refuses {index}", refuse(world, index, refusal)
        if attempt.state is S.PLACING and attempt.changed > rules.bounds.placing:
            yield f"recovery doubts {index}", move(world, index, E.LOSE)
        if attempt.is_unwanted and attempt.is_named and attempt.state in LIVE:
            after = hang_up(world, index)
            if after != world:
                yield f"the carrier is told to end {index}", after


def is_silent(attempt: Attempt, rules: Rules) -> bool:
    is_up = attempt.state in (S.PLACED, S.RINGING, S.IN_CALL)
    if attempt.is_supposed:  # a look that finds no record changes nothing
        return sight(attempt) == "finished"
    return attempt.state is S.AMBIGUOUS or (is_up and attempt.changed >= rules.bounds.lookup)


def sight(attempt: Attempt) -> str:
    """Where the carrier's lists have the attempt's call."""
    listed = ("queued", "ringing", "in_call", "finished")
    return next((call.place for call in attempt.calls if call.place in listed), "absent")


def apply_look(world: World, rules: Rules, look: Look) -> World:
    attempt = world.attempts[look.attempt]
    if attempt.state is not look.seen:
        return world
    if attempt.state is S.ENDED:
        return correct_end(with_(world, look.attempt, is_named=True), rules, look.attempt)
    if look.where == "unclear":
        return with_(world, look.attempt, absent=-1)
    if look.where == "absent":
        return _count_absence(world, rules, look)
    event = EVENT_OF_SIGHT[look.where]
    if event is not E.HANG_UP:
        world = with_(move(world, look.attempt, event), look.attempt, absent=-1, is_named=True)
        is_up = event is E.ANSWER
        return with_(world, look.attempt, answered_at=NOW) if is_up else world
    answered = attempt.answered_at is not None or any(call.answered for call in attempt.calls)
    world = with_(world, look.attempt, is_named=True)
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
        return with_(world, look.attempt, absent=0)
    if absence is not Absence.PROVED:
        return world
    if event_of_absence(attempt.state) is E.FIND_ABSENT:
        return give_up(world, look.attempt)
    return _end_unseen(world, look.attempt)


def hang_up(world: World, index: int) -> World:
    """End the call at the carrier; one that it still queues is noted as unrung first."""
    attempt = world.attempts[index]
    for number, call in enumerate(attempt.calls):
        if call.place in ("unlisted", "queued"):
            world = with_(world, index, is_dequeued=attempt.is_dequeued or call.place == "queued")
            return end_at_carrier(world, index, number, call._replace(cancelled=True))
        if call.place in ("ringing", "in_call"):
            cancelled = not call.answered
            return end_at_carrier(world, index, number, call._replace(cancelled=cancelled))
    return world


def end_at_carrier(world: World, index: int, number: int, call: Call) -> World:
    over = call._replace(place="gone", age=0)
    return tell(with_call(world, index, number, over), index, "hangup")


def is_unanswered(attempt: Attempt) -> bool:
    return attempt.state in (S.PLACING, S.AMBIGUOUS, S.PLACED, S.RINGING)


def unwant(world: World, which: Callable[[Attempt], bool], phone: int | None = None) -> World:
    for index, attempt in enumerate(world.attempts):
        is_its = phone is None or world.leads[attempt.lead].phone == phone
        if is_its and which(attempt) and attempt.state in LIVE - {S.INTENDED}:
            world = with_(world, index, is_unwanted=True)
    return world
