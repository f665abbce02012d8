"""What becomes of a lead's place in a campaign: after a call, after a refusal, after a denial."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dialer.domain.attempt import Disposition, Outcome, Refusal
from dialer.domain.spread import Calendar, Spread, next_try

ANY_TIME = Calendar()


class EnrolmentState(StrEnum):
    WAITING = "waiting"  #: due at ``due_at``; without one it waits for facts (scrub, sender)
    CALLING = "calling"  #: an attempt of it is live; the attempt's end moves it on
    DONE = "done"  #: final: a conversation settled it
    BLOCKED = "blocked"  #: final: the law or an opt-out forbids it, the check says why
    EXHAUSTED = "exhausted"  #: final: out of attempts or of time
    CANCELLED = "cancelled"  #: final: the campaign was cancelled, or the lead withdrawn


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """``delays``: outcome → pauses before the next attempt; the last repeats, absent = none.
    ``spread``: over what the tries are spread, see `spread.next_try`."""

    max_attempts: int
    delays: Mapping[Outcome, Sequence[timedelta]]
    spread: Spread | None = None

    def delay_after(self, outcome: Outcome, attempts: int) -> timedelta | None:
        """Return the pause after the ``attempts``-th counted attempt, or None to stop."""
        pauses = self.delays.get(outcome, ())
        if not pauses or attempts >= self.max_attempts:
            return None
        return pauses[min(attempts, len(pauses)) - 1]


@dataclass(frozen=True, slots=True)
class NextStep:
    """The enrolment's next state. ``due_at`` is set only for a dated wait."""

    state: EnrolmentState
    due_at: datetime | None = None
    disposition: Disposition | None = None
    blocked_code: str | None = None

    @property
    def is_promised(self) -> bool:
        """True for a wait that ends with an agreed callback."""
        return self.state is EnrolmentState.WAITING and self.disposition is Disposition.CALLBACK


CALLBACK_PRIORITY = 1_000_000
"""What an agreed callback has above every lead that merely waits."""


def owes_callback(priority: int) -> bool:
    """True if a lead of this priority is owed a callback that has not been made yet."""
    return priority >= CALLBACK_PRIORITY // 2


def priority_after(priority: int, step: NextStep) -> int:
    """Return a lead's priority in its next wait; its own again once its callback was made."""
    own = priority - CALLBACK_PRIORITY if owes_callback(priority) else priority
    return own + CALLBACK_PRIORITY if step.is_promised else own


def after_call(
    *,
    outcome: Outcome,
    disposition: Disposition | None,
    callback_at: datetime | None,
    attempts: int,
    plan: RetryPlan,
    now: datetime,
    ends_at: datetime | None,
    calendar: Calendar = ANY_TIME,
    ended_at: datetime | None = None,
) -> NextStep:
    """Decide after an ended call. ``attempts`` counts it; ``disposition`` is what it established.
    ``ended_at``: from when its pause counts, where the news of its end come later; None: now.

    A talk that established something is final. An agreed callback waits for its minute, or for
    the first after it at which the lead may be called, and one past the campaign's end is handed
    over as done / callback (design §5).
    """
    if disposition is Disposition.CALLBACK and callback_at is not None:
        due = calendar.moved(max(callback_at, now))
        if ends_at is not None and due >= ends_at:
            return NextStep(EnrolmentState.DONE, disposition=Disposition.CALLBACK)
        return NextStep(EnrolmentState.WAITING, due, Disposition.CALLBACK)
    if disposition is not None:
        return NextStep(EnrolmentState.DONE, disposition=disposition)
    delay = plan.delay_after(outcome, attempts)
    if delay is not None:
        due = max(now, (ended_at or now) + delay)
        due = next_try(due, plan.spread, calendar, ends_at=ends_at)
        if ends_at is None or due < ends_at:
            return NextStep(EnrolmentState.WAITING, due)
    if outcome is Outcome.COMPLETED:
        return NextStep(EnrolmentState.DONE, disposition=Disposition.INCOMPLETE)
    return NextStep(EnrolmentState.EXHAUSTED, disposition=Disposition.UNREACHABLE)


REFUSAL_BACK_OFF: Mapping[Refusal, timedelta] = {
    Refusal.RATE_LIMITED: timedelta(seconds=5),
    Refusal.CONCURRENCY: timedelta(seconds=5),
    Refusal.CREDENTIALS: timedelta(seconds=60),
    Refusal.NO_CREDIT: timedelta(seconds=60),
    Refusal.FORBIDDEN: timedelta(seconds=60),
    Refusal.CALLER_ID: timedelta(seconds=60),
    Refusal.INVALID_REQUEST: timedelta(seconds=60),
}
"""How long a lead rests after a refusal that is not about its number; absent = due at once."""

# Refusals that may be about this one lead although its number is right: a country the account
# may not call, a request the carrier does not take. Each in a row doubles the lead's rest.
DOUBLING = frozenset({Refusal.CALLER_ID, Refusal.FORBIDDEN, Refusal.INVALID_REQUEST})
_LONGEST_REST = timedelta(hours=1)
# Half an hour of rests. The caller id is ours and never the lead's fault.
_REFUSED_AT_MOST = 6
CARRIER_REFUSED = "CARRIER_REFUSED"


def after_refusal(
    *,
    refusal: Refusal | None,
    attempts: int,
    plan: RetryPlan,
    now: datetime,
    ends_at: datetime | None,
    calendar: Calendar = ANY_TIME,
    is_promised: bool = False,
    in_a_row: int = 1,
    others_get_through: bool = False,
) -> NextStep:
    """Decide after nothing rang; ``refusal`` None means the attempt was never placed.

    Only a refusal about the number was counted in ``attempts`` and ends the lead's turn as an
    invalid number does; every other one gives the lead back, its promised callback still owed.
    in_a_row: how often this lead was refused for a reason of `DOUBLING`, this time included; where
    the campaign's other calls get through, the carrier's no is taken at the sixth.
    """
    if refusal is Refusal.NUMBER_INVALID:
        return after_call(
            outcome=Outcome.INVALID_NUMBER,
            disposition=None,
            callback_at=None,
            attempts=attempts,
            plan=plan,
            now=now,
            ends_at=ends_at,
            calendar=calendar,
        )
    is_hopeless = others_get_through and in_a_row >= _REFUSED_AT_MOST
    if is_hopeless and refusal in (Refusal.FORBIDDEN, Refusal.INVALID_REQUEST):
        return NextStep(EnrolmentState.BLOCKED, blocked_code=CARRIER_REFUSED)
    disposition = Disposition.CALLBACK if is_promised else None
    due = calendar.moved(now + _rest(refusal, in_a_row))
    if ends_at is not None and due >= ends_at:
        state = EnrolmentState.DONE if is_promised else EnrolmentState.EXHAUSTED
        return NextStep(state, disposition=disposition)
    return NextStep(EnrolmentState.WAITING, due, disposition)


def _rest(refusal: Refusal | None, in_a_row: int) -> timedelta:
    rest = timedelta(0) if refusal is None else REFUSAL_BACK_OFF.get(refusal, timedelta(0))
    if refusal in DOUBLING:
        rest = min(_LONGEST_REST, rest * 2 ** min(in_a_row - 1, 10))
    return rest


WAITS_FOR_FACTS = frozenset({"DNC_SCRUB_STALE", "A2P_UNDECLARED", "CLI_SERIES_MISMATCH"})
"""Denials that a scrub or a sender profile can lift (design §5): they wait without a due time."""


def after_denial(
    *,
    code: str,
    lasting: Collection[str],
    next_allowed_at: datetime | None,
    ends_at: datetime | None,
    is_promised: bool = False,
) -> NextStep:
    """Decide after a denying check: wait for the next instant, wait for facts, or block.

    ``lasting``: the reasons that waiting alone does not cure. ``is_promised``: a callback was
    agreed; one that cannot be before the campaign's end is handed over to a person.
    """
    if not lasting and next_allowed_at is not None:
        if ends_at is not None and next_allowed_at >= ends_at:
            if is_promised:
                return NextStep(EnrolmentState.DONE, disposition=Disposition.CALLBACK)
            return NextStep(EnrolmentState.EXHAUSTED, blocked_code=code)
        return NextStep(EnrolmentState.WAITING, next_allowed_at, blocked_code=code)
    if lasting and all(found in WAITS_FOR_FACTS for found in lasting):
        return NextStep(EnrolmentState.WAITING, None, blocked_code=code)
    return NextStep(EnrolmentState.BLOCKED, blocked_code=code)
