"""The life of an attempt: every state × event, and what the carrier's hangup codes mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialer.domain.attempt import (
    FINAL,
    LIVE,
    OUTCOME_OF_CODE,
    RANG_OR_MAY_HAVE,
    TRANSITIONS,
    AttemptEvent,
    AttemptState,
    HangupFacts,
    Outcome,
    advance,
    outcome_of,
    reopens,
)
from dialer.errors import IllegalTransition

S, E, O = AttemptState, AttemptEvent, Outcome  # noqa: E741 - read as columns

# Design §5, state by state; an event that is not in the row is illegal.
TABLE = {
    S.INTENDED: {E.PLACE: S.PLACING, E.REFUSE: S.REFUSED},
    S.PLACING: {
        E.ACCEPT: S.PLACED,
        E.REFUSE: S.REFUSED,
        E.LOSE: S.AMBIGUOUS,
        E.RING: S.RINGING,
        E.ANSWER: S.IN_CALL,
        E.HANG_UP: S.ENDED,
    },
    S.AMBIGUOUS: {
        E.ACCEPT: S.PLACED,
        E.REFUSE: S.REFUSED,
        E.FIND_ABSENT: S.NEVER_PLACED,
        E.LOSE: S.AMBIGUOUS,
        E.RING: S.RINGING,
        E.ANSWER: S.IN_CALL,
        E.HANG_UP: S.ENDED,
    },
    S.PLACED: {
        E.ACCEPT: S.PLACED,
        E.LOSE: S.PLACED,
        E.FIND_ABSENT: S.NEVER_PLACED,
        E.RING: S.RINGING,
        E.ANSWER: S.IN_CALL,
        E.HANG_UP: S.ENDED,
    },
    S.RINGING: {
        E.ACCEPT: S.RINGING,
        E.LOSE: S.RINGING,
        E.RING: S.RINGING,
        E.ANSWER: S.IN_CALL,
        E.HANG_UP: S.ENDED,
    },
    S.IN_CALL: {
        E.ACCEPT: S.IN_CALL,
        E.LOSE: S.IN_CALL,
        E.RING: S.IN_CALL,
        E.ANSWER: S.IN_CALL,
        E.HANG_UP: S.ENDED,
    },
    S.ENDED: {
        E.ACCEPT: S.ENDED,
        E.LOSE: S.ENDED,
        E.RING: S.ENDED,
        E.ANSWER: S.ENDED,
        E.HANG_UP: S.ENDED,
    },
    S.REFUSED: {E.RING: S.RINGING, E.ANSWER: S.IN_CALL, E.HANG_UP: S.ENDED},
    S.NEVER_PLACED: {E.RING: S.RINGING, E.ANSWER: S.IN_CALL, E.HANG_UP: S.ENDED},
}
CALLBACKS = {E.RING, E.ANSWER, E.HANG_UP}


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("event", E)
def test_every_state_answers_every_event(state: AttemptState, event: AttemptEvent) -> None:
    if event in TABLE[state]:
        assert advance(state, event) is TABLE[state][event]
        return
    with pytest.raises(IllegalTransition) as caught:
        advance(state, event)
    assert caught.value.legal == tuple(sorted(TABLE[state]))
    assert str(state) in str(caught.value) and str(event) in str(caught.value)


@pytest.mark.parametrize("event", E)
def test_an_ended_attempt_never_moves_again(event: AttemptEvent) -> None:
    assert TRANSITIONS[S.ENDED].get(event, S.ENDED) is S.ENDED


@pytest.mark.parametrize("state", S)
def test_an_attempt_that_was_given_up_is_reopened_by_callbacks_only(state: AttemptState) -> None:
    given_up = state in (S.REFUSED, S.NEVER_PLACED)
    assert {e for e in E if reopens(state, e)} == (CALLBACKS if given_up else set())


def test_nothing_is_asked_of_the_carrier_twice() -> None:
    into_placing = [s for s, moves in TRANSITIONS.items() if S.PLACING in moves.values()]
    assert into_placing == [S.INTENDED]
    assert not any(S.INTENDED in moves.values() for moves in TRANSITIONS.values())


def test_every_state_is_either_live_or_final_and_only_a_call_can_have_rung() -> None:
    assert set(S) == LIVE | FINAL and not LIVE & FINAL
    assert not RANG_OR_MAY_HAVE & {S.INTENDED, S.REFUSED, S.NEVER_PLACED}


@pytest.mark.parametrize("state", sorted(LIVE))
def test_every_live_attempt_can_still_end(state: AttemptState) -> None:
    reached, new = {state}, {state}
    while new:
        new = {to for at in new for to in TRANSITIONS[at].values()} - reached
        reached |= new
    assert reached & FINAL


UNANSWERED = HangupFacts(
    code=None, cause=None, status=None, source=None, was_answered=False, is_machine=False
)
ANSWERED = replace(UNANSWERED, was_answered=True)

# plivo.md §2.4: code → outcome of a call nobody answered, and of one somebody did.
CODES = {
    0: (O.FAILED, O.COMPLETED),
    1000: (O.CANCELLED, O.COMPLETED),
    1010: (O.FAILED, O.COMPLETED),
    1020: (O.FAILED, O.COMPLETED),
    2000: (O.INVALID_NUMBER, O.COMPLETED),
    2010: (O.NO_ANSWER, O.COMPLETED),
    2020: (O.FAILED, O.COMPLETED),
    2030: (O.FAILED, O.COMPLETED),
    2040: (O.FAILED, O.COMPLETED),
    2050: (O.FAILED, O.COMPLETED),
    2060: (O.FAILED, O.COMPLETED),
    2070: (O.FAILED, O.COMPLETED),
    3000: (O.NO_ANSWER, O.COMPLETED),
    3010: (O.BUSY, O.COMPLETED),
    3020: (O.REJECTED, O.COMPLETED),
    3030: (O.FAILED, O.COMPLETED),
    3040: (O.REJECTED, O.COMPLETED),
    3050: (O.INVALID_NUMBER, O.COMPLETED),
    3070: (O.FAILED, O.COMPLETED),
    3080: (O.FAILED, O.COMPLETED),
    3090: (O.FAILED, O.COMPLETED),
    3100: (O.BUSY, O.COMPLETED),
    3110: (O.REJECTED, O.COMPLETED),
    3120: (O.INVALID_NUMBER, O.COMPLETED),
    3130: (O.FAILED, O.COMPLETED),
    3140: (O.FAILED, O.COMPLETED),
    4000: (O.FAILED, O.COMPLETED),
    4010: (O.FAILED, O.COMPLETED),
    4020: (O.FAILED, O.COMPLETED),
    4030: (O.FAILED, O.COMPLETED),
    4210: (O.FAILED, O.COMPLETED),
    4240: (O.FAILED, O.COMPLETED),
    4250: (O.FAILED, O.COMPLETED),
    5000: (O.FAILED, O.FAILED),
    5010: (O.FAILED, O.FAILED),
    5020: (O.FAILED, O.FAILED),
    5030: (O.FAILED, O.FAILED),
    6000: (O.FAILED, O.COMPLETED),
    6010: (O.NO_ANSWER, O.COMPLETED),
    6020: (O.FAILED, O.COMPLETED),
    7011: (O.FAILED, O.FAILED),
    7012: (O.FAILED, O.FAILED),
    7013: (O.FAILED, O.FAILED),
    7014: (O.FAILED, O.FAILED),
    7022: (O.FAILED, O.FAILED),
    7023: (O.FAILED, O.FAILED),
    7024: (O.FAILED, O.FAILED),
    7032: (O.FAILED, O.FAILED),
    7033: (O.FAILED, O.FAILED),
    7034: (O.FAILED, O.FAILED),
    8011: (O.FAILED, O.FAILED),
    8012: (O.FAILED, O.FAILED),
    8013: (O.FAILED, O.FAILED),
    8014: (O.FAILED, O.FAILED),
    9000: (O.FAILED, O.COMPLETED),
    9100: (O.MACHINE, O.MACHINE),
    9110: (O.FAILED, O.COMPLETED),
}


@pytest.mark.parametrize("code", CODES)
def test_every_hangup_code_has_its_outcome(code: int) -> None:
    unanswered, answered = CODES[code]
    assert outcome_of(replace(UNANSWERED, code=code)) is unanswered
    assert outcome_of(replace(ANSWERED, code=code)) is answered


def test_the_table_of_codes_knows_no_code_the_carrier_has_not() -> None:
    assert set(OUTCOME_OF_CODE) <= set(CODES)


@pytest.mark.parametrize(
    ("code", "cause", "status", "outcome"),
    [
        (None, "USER_BUSY", "busy", O.BUSY),
        (None, "NO_ANSWER", None, O.NO_ANSWER),
        (None, "CALL_REJECTED", None, O.REJECTED),
        (None, "ORIGINATOR_CANCEL", None, O.CANCELLED),
        (None, "UNALLOCATED_NUMBER", None, O.INVALID_NUMBER),
        (None, "NETWORK_OUT_OF_ORDER", "failed", O.FAILED),
        (None, None, "busy", O.BUSY),
        (None, None, "no-answer", O.NO_ANSWER),
        (None, None, "timeout", O.NO_ANSWER),
        (None, None, "cancel", O.CANCELLED),
        (None, None, "completed", O.FAILED),
        (None, None, None, O.FAILED),
        (0, "USER_BUSY", None, O.BUSY),
        (4000, None, "no-answer", O.NO_ANSWER),
        (3010, "NO_ANSWER", "no-answer", O.BUSY),  # the code is the more exact word
        (2999, "USER_BUSY", "busy", O.FAILED),  # a code of a class we know to be an error
        (99999, None, None, O.FAILED),
    ],
)
def test_without_a_telling_code_the_cause_speaks_then_the_status(
    code: int | None, cause: str | None, status: str | None, outcome: Outcome
) -> None:
    assert outcome_of(replace(UNANSWERED, code=code, cause=cause, status=status)) is outcome


@pytest.mark.parametrize("code", CODES)
def test_a_machine_stays_a_machine_however_the_call_ended(code: int) -> None:
    assert outcome_of(replace(ANSWERED, code=code, is_machine=True)) is O.MACHINE


@pytest.mark.parametrize("status", ["completed", "in-progress", None])
def test_nothing_unanswered_counts_as_completed(status: str | None) -> None:
    for code in (None, *CODES):
        assert outcome_of(replace(UNANSWERED, code=code, status=status)) is not O.COMPLETED
