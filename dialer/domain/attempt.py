"""The life of one attempt. Pure: no clock, no database, no carrier (design §5).

An attempt is one decision to ring one lead, made only after a check allowed it. Each state says
what it means, who moves it on, and what recovery does with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dialer.errors import IllegalTransition


class AttemptState(StrEnum):
    INTENDED = "intended"
    """Committed before the carrier is asked; holds the line. The process that claimed it places
    it at its slot. Recovery refuses it as stale once ``valid_until`` has passed."""
    PLACING = "placing"
    """The one POST may be on the wire. Its process records the reply. Recovery calls it
    ambiguous after 15 s."""
    AMBIGUOUS = "ambiguous"
    """The carrier was asked and the reply was lost: it may ring. A callback moves it on; else
    recovery searches the carrier's queued, live and finished calls until it is found, or absent
    twice."""
    PLACED = "placed"
    """The carrier said yes. Callbacks move it on. Recovery looks it up after 20 s of silence;
    recall takes it out of the carrier's queue after 5 s, or when its window or campaign ends."""
    RINGING = "ringing"
    """A callback proved acceptance. Callbacks move it on, recovery as for placed."""
    IN_CALL = "in_call"
    """Answered; the answer document was served. The hangup callback ends it, recovery asks."""
    ENDED = "ended"
    """Final. The outcome says how. Late callbacks may still add facts, never another ring.
    Recovery leaves it alone, unless it had to suppose the end (``end_supposed_at``): then it
    looks for the carrier's record, ever more rarely, for an hour (see `domain.late_end`)."""
    REFUSED = "refused"
    """Final: nothing rang. ``refusal`` says why. Only a signed callback, which proves us wrong,
    reopens it. Recovery leaves it alone."""
    NEVER_PLACED = "never_placed"
    """Final: the carrier does not know it, or dropped it from its queue. Reopened as
    refused; recovery leaves it alone."""


class AttemptEvent(StrEnum):
    PLACE = "place"
    REFUSE = "refuse"
    LOSE = "lose"
    ACCEPT = "accept"
    RING = "ring"
    ANSWER = "answer"
    HANG_UP = "hang_up"
    FIND_ABSENT = "find_absent"


class Refusal(StrEnum):
    """Why nothing rang. The first five are ours (from intended), the rest the carrier's 4xx."""

    STALE = "stale"
    SUPPRESSED = "suppressed"
    CAMPAIGN_STOPPED = "campaign_stopped"
    WINDOW_CLOSED = "window_closed"
    DRAINED = "drained"
    NUMBER_INVALID = "number_invalid"
    CALLER_ID = "caller_id"
    CREDENTIALS = "credentials"
    NO_CREDIT = "no_credit"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate_limited"
    CONCURRENCY = "concurrency"
    INVALID_REQUEST = "invalid_request"


class Outcome(StrEnum):
    COMPLETED = "completed"
    MACHINE = "machine"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    INVALID_NUMBER = "invalid_number"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Disposition(StrEnum):
    CONFIRMED = "confirmed"
    RESCHEDULE = "reschedule"
    QUALIFIED = "qualified"
    NOT_QUALIFIED = "not_qualified"
    CALLBACK = "callback"
    TRANSFERRED = "transferred"
    OPTED_OUT = "opted_out"
    VOICEMAIL_LEFT = "voicemail_left"
    INCOMPLETE = "incomplete"
    UNREACHABLE = "unreachable"


S, E = AttemptState, AttemptEvent

_CALL_EVENTS = {E.RING: S.RINGING, E.ANSWER: S.IN_CALL, E.HANG_UP: S.ENDED}

TRANSITIONS: Mapping[AttemptState, Mapping[AttemptEvent, AttemptState]] = {
    S.INTENDED: {E.PLACE: S.PLACING, E.REFUSE: S.REFUSED},
    # A callback can overtake the reply: it proves acceptance.
    S.PLACING: {E.ACCEPT: S.PLACED, E.REFUSE: S.REFUSED, E.LOSE: S.AMBIGUOUS, **_CALL_EVENTS},
    S.AMBIGUOUS: {
        E.ACCEPT: S.PLACED,
        # Recovery may have called a slow reply lost; the reply is still the carrier's own word.
        E.REFUSE: S.REFUSED,
        E.FIND_ABSENT: S.NEVER_PLACED,
        E.LOSE: S.AMBIGUOUS,
        **_CALL_EVENTS,
    },
    # FIND_ABSENT from placed: dropped from the carrier's queue before it reached a phone.
    S.PLACED: {
        E.ACCEPT: S.PLACED,
        E.LOSE: S.PLACED,
        E.FIND_ABSENT: S.NEVER_PLACED,
        **_CALL_EVENTS,
    },
    # From here the reply only adds its request_uuid, and repeats or late rings change nothing.
    S.RINGING: {E.ACCEPT: S.RINGING, E.LOSE: S.RINGING, **_CALL_EVENTS},
    S.IN_CALL: {
        E.ACCEPT: S.IN_CALL,
        E.LOSE: S.IN_CALL,
        E.RING: S.IN_CALL,
        E.ANSWER: S.IN_CALL,
        E.HANG_UP: S.ENDED,
    },
    S.ENDED: {event: S.ENDED for event in (E.ACCEPT, E.LOSE, E.RING, E.ANSWER, E.HANG_UP)},
    # A signed callback after we gave up: the carrier rang after all. Reopen (design §5).
    S.REFUSED: dict(_CALL_EVENTS),
    S.NEVER_PLACED: dict(_CALL_EVENTS),
}

LIVE = frozenset({S.INTENDED, S.PLACING, S.AMBIGUOUS, S.PLACED, S.RINGING, S.IN_CALL})
"""States that use one unit of the carrier's cap and hold their phone's line."""
FINAL = frozenset({S.ENDED, S.REFUSED, S.NEVER_PLACED})
RANG_OR_MAY_HAVE = frozenset({S.AMBIGUOUS, S.PLACED, S.RINGING, S.IN_CALL, S.ENDED})


def advance(state: AttemptState, event: AttemptEvent) -> AttemptState:
    """Return the state after ``event``; raise `IllegalTransition` if it makes no sense."""
    moves = TRANSITIONS[state]
    if event not in moves:
        raise IllegalTransition(state, event, sorted(moves))
    return moves[event]


def reopens(state: AttemptState, event: AttemptEvent) -> bool:
    """True when a callback proves that an attempt we had given up did reach a phone."""
    return state in (S.REFUSED, S.NEVER_PLACED) and event in _CALL_EVENTS


def gives_way(holder: AttemptState | None) -> bool:
    """True if a call that rang after all may take its line back from ``holder``: an intent only
    waits for its slot, and refuses itself there. A newer call keeps the line, and passes it on."""
    return holder in (None, AttemptState.INTENDED)


def decides_lead(*, is_newest: bool, took_line: bool, is_settled: bool) -> bool:
    """True if a reopened call decides its lead's next step: nothing newer has or will."""
    return is_newest or (took_line and not is_settled)


@dataclass(frozen=True, slots=True)
class HangupFacts:
    """How the carrier says a call ended (plivo.md §2.4); any field may be missing."""

    code: int | None
    cause: str | None
    status: str | None
    source: str | None
    was_answered: bool
    is_machine: bool

    @property
    def says_how(self) -> bool:
        """False where nothing but the end itself is known: the outcome is supposed."""
        return any(word is not None for word in (self.code, self.cause, self.status))


O = Outcome  # noqa: E741 - the table below reads as one column of outcomes

# plivo.md §2.4, the "dialer class" column. Codes above 4000 that follow an answer are completed.
OUTCOME_OF_CODE: Mapping[int, Outcome] = {
    1000: O.CANCELLED,
    1010: O.FAILED,
    1020: O.FAILED,
    2000: O.INVALID_NUMBER,
    2010: O.NO_ANSWER,
    3000: O.NO_ANSWER,
    3010: O.BUSY,
    3020: O.REJECTED,
    3040: O.REJECTED,
    3050: O.INVALID_NUMBER,
    3100: O.BUSY,
    3110: O.REJECTED,
    3120: O.INVALID_NUMBER,
    6010: O.NO_ANSWER,
    9100: O.MACHINE,
}
_OUTCOME_OF_CAUSE: Mapping[str, Outcome] = {
    "USER_BUSY": O.BUSY,
    "NO_ANSWER": O.NO_ANSWER,
    "CALL_REJECTED": O.REJECTED,
    "ORIGINATOR_CANCEL": O.CANCELLED,
    "UNALLOCATED_NUMBER": O.INVALID_NUMBER,
}
_OUTCOME_OF_STATUS: Mapping[str, Outcome] = {
    "busy": O.BUSY,
    "no-answer": O.NO_ANSWER,
    "timeout": O.NO_ANSWER,
    "cancel": O.CANCELLED,
}
# We could not serve the call (7xxx, 8xxx) or the carrier broke (5xxx): nobody was spoken to.
_FAULT_CODES = range(5000, 6000), range(7000, 9000)
CANCELLED_CODE = 1000
OUT_OF_CREDIT_CODE = 1010
CONCURRENCY_CODE = 5030

# plivo.md §2.4: "config" and "rotate number" are about the account and the number we show.
_REFUSAL_IN_HANGUP: Mapping[int, Refusal] = {
    OUT_OF_CREDIT_CODE: Refusal.NO_CREDIT,
    1020: Refusal.CONCURRENCY,  # too many dials to one destination at once
    2030: Refusal.FORBIDDEN,
    2040: Refusal.FORBIDDEN,
    2050: Refusal.FORBIDDEN,
    2070: Refusal.FORBIDDEN,
    3030: Refusal.CALLER_ID,
    3130: Refusal.CALLER_ID,
    3140: Refusal.CALLER_ID,
    CONCURRENCY_CODE: Refusal.CONCURRENCY,
}


def outcome_of(facts: HangupFacts) -> Outcome:
    """Classify an ended call; what cannot be classified is ``failed``, never a guess at success."""
    if facts.is_machine or facts.code == 9100:
        return O.MACHINE
    is_fault = facts.code is not None and any(facts.code in codes for codes in _FAULT_CODES)
    if facts.was_answered:
        return O.FAILED if is_fault else O.COMPLETED
    if is_fault:
        return O.FAILED
    if facts.code is not None and (known := OUTCOME_OF_CODE.get(facts.code)):
        return known
    if facts.code is None or facts.code == 0 or facts.code >= 4000:
        by_cause = _OUTCOME_OF_CAUSE.get(facts.cause or "")
        return by_cause or _OUTCOME_OF_STATUS.get(facts.status or "", O.FAILED)
    return O.FAILED


def refusal_in_hangup(code: int | None, *, was_answered: bool) -> Refusal | None:
    """Return why the carrier ended a call that it had accepted and no phone ever rang for.

    Such an end says nothing about the lead, just as the same refusal in the reply.
    """
    return None if was_answered or code is None else _REFUSAL_IN_HANGUP.get(code)


def was_cut_off(outcome: Outcome, *, was_answered: bool, was_asked_to_end: bool) -> bool:
    """True when it was we who ended a ring: a pause, or a closing window. It says nothing about
    the lead."""
    return outcome is Outcome.CANCELLED and was_asked_to_end and not was_answered


def is_cancel(code: int | None) -> bool:
    """True for how a call ends that was cancelled. With any other code it had left the queue by
    itself, before our cancel reached it."""
    return code in (None, CANCELLED_CODE)


def was_dropped(state: AttemptState, *, was_answered: bool, was_cancelled: bool) -> bool:
    """True when our cancel took a call out of the carrier's queue before it reached a phone.

    What is told of its end after we have given it up proves no ring either.
    """
    waited = state in (S.PLACING, S.AMBIGUOUS, S.PLACED, S.NEVER_PLACED)
    return waited and was_cancelled and not was_answered
