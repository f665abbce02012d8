"""What becomes of a lead's place in a campaign: after a call, after a refusal, after a denial."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dialer.domain.attempt import Disposition, Outcome, Refusal


class EnrolmentState(StrEnum):
    WAITING = "waiting"  #: due at ``due_at``; without one it waits for facts (scrub, sender)
    CALLING = "calling"  #: an attempt of it is live; the attempt's end moves it on
    DONE = "done"  #: final: a conversation settled it
    BLOCKED = "blocked"  #: final: the law or an opt-out forbids it, the check says why
    EXHAUSTED = "exhausted"  #: final: out of attempts or of time
    CANCELLED = "cancelled"  #: final: the campaign was cancelled, or the lead withdrawn


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """``delays``: outcome → pauses before the next attempt; the last repeats, absent = none."""

    max_attempts: int
    delays: Mapping[Outcome, Sequence[timedelta]]

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


def after_call(
    *,
    outcome: Outcome,
    disposition: Disposition | None,
    callback_at: datetime | None,
    attempts: int,
    plan: RetryPlan,
    now: datetime,
    ends_at: datetime | None,
) -> NextStep:
    """Decide after an ended call. ``attempts`` counts it; ``disposition`` is what it established.

    A talk that established something is final. An agreed callback waits for its minute, and one
    past the campaign's end is handed over as done / callback (design §5).
    """
    if disposition is Disposition.CALLBACK and callback_at is not None:
        if ends_at is not None and callback_at >= ends_at:
            return NextStep(EnrolmentState.DONE, disposition=Disposition.CALLBACK)
        return NextStep(EnrolmentState.WAITING, max(callback_at, now), Disposition.CALLBACK)
    if disposition is not None:
        return NextStep(EnrolmentState.DONE, disposition=disposition)
    delay = plan.delay_after(outcome, attempts)
    if delay is not None and (ends_at is None or now + delay < ends_at):
        return NextStep(EnrolmentState.WAITING, now + delay)
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


def after_refusal(
    *,
    refusal: Refusal | None,
    attempts: int,
    plan: RetryPlan,
    now: datetime,
    ends_at: datetime | None,
) -> NextStep:
    """Decide after nothing rang; ``refusal`` None means the attempt was never placed.

    Only a refusal about the number was counted in ``attempts`` and ends the lead's turn as an
    invalid number does; every other one gives the lead back.
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
        )
    pause = timedelta(0) if refusal is None else REFUSAL_BACK_OFF.get(refusal, timedelta(0))
    if ends_at is not None and now + pause >= ends_at:
        return NextStep(EnrolmentState.EXHAUSTED)
    return NextStep(EnrolmentState.WAITING, now + pause)


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
