"""What becomes of a lead's place after a call, a refusal or a denial."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.compliance.verdict import REASONS
from dialer.domain.attempt import Disposition, Outcome, Refusal
from dialer.domain.duration import parse_duration
from dialer.domain.retry import (
    CALLBACK_PRIORITY,
    CARRIER_REFUSED,
    DOUBLING,
    WAITS_FOR_FACTS,
    EnrolmentState,
    NextStep,
    RetryPlan,
    after_call,
    after_denial,
    after_refusal,
    owes_callback,
    priority_after,
)
from dialer.domain.spread import Calendar

NOW = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLAN = RetryPlan(4, {Outcome.BUSY: [HOUR, 2 * HOUR], Outcome.INVALID_NUMBER: [HOUR]})
WAITING, DONE = EnrolmentState.WAITING, EnrolmentState.DONE
EXHAUSTED, BLOCKED = EnrolmentState.EXHAUSTED, EnrolmentState.BLOCKED


def called(
    outcome: Outcome = Outcome.BUSY,
    *,
    disposition: Disposition | None = None,
    callback_at: datetime | None = None,
    attempts: int = 1,
    ends_at: datetime | None = None,
) -> NextStep:
    return after_call(
        outcome=outcome,
        disposition=disposition,
        callback_at=callback_at,
        attempts=attempts,
        plan=PLAN,
        now=NOW,
        ends_at=ends_at,
    )


@pytest.mark.parametrize(
    ("attempts", "pause"), [(1, HOUR), (2, 2 * HOUR), (3, 2 * HOUR), (4, None), (9, None)]
)
def test_the_last_pause_repeats_until_the_attempts_are_used_up(
    attempts: int, pause: timedelta | None
) -> None:
    assert PLAN.delay_after(Outcome.BUSY, attempts) == pause
    expected = NextStep(WAITING, NOW + pause) if pause else unreachable()
    assert called(attempts=attempts) == expected


def test_a_pause_counts_from_the_end_of_a_call_however_late_the_news_of_it() -> None:
    def heard_at(now: datetime) -> datetime | None:
        return after_call(
            outcome=Outcome.BUSY,
            disposition=None,
            callback_at=None,
            attempts=1,
            plan=PLAN,
            now=now,
            ends_at=None,
            ended_at=NOW,
        ).due_at

    assert heard_at(NOW + HOUR / 2) == NOW + HOUR
    assert heard_at(NOW + 2 * HOUR) == NOW + 2 * HOUR, "over by now: at once"


def unreachable() -> NextStep:
    return NextStep(EXHAUSTED, disposition=Disposition.UNREACHABLE)


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - set(PLAN.delays) - {Outcome.COMPLETED}))
def test_an_outcome_without_pauses_is_not_retried(outcome: Outcome) -> None:
    assert called(outcome) == unreachable()


def test_a_talk_that_settled_nothing_is_done_as_incomplete() -> None:
    assert called(Outcome.COMPLETED) == NextStep(DONE, disposition=Disposition.INCOMPLETE)


@pytest.mark.parametrize("disposition", sorted(set(Disposition) - {Disposition.CALLBACK}))
def test_what_a_talk_established_is_final_whatever_the_outcome(disposition: Disposition) -> None:
    for outcome in Outcome:
        step = called(outcome, disposition=disposition)
        assert step == NextStep(DONE, disposition=disposition)


def test_an_agreed_callback_waits_for_its_minute_and_is_kept_in_mind() -> None:
    at = NOW + 3 * HOUR
    step = called(Outcome.COMPLETED, disposition=Disposition.CALLBACK, callback_at=at, attempts=4)
    assert step == NextStep(WAITING, at, Disposition.CALLBACK)


def test_a_callback_agreed_for_a_minute_already_past_is_due_now() -> None:
    step = called(disposition=Disposition.CALLBACK, callback_at=NOW - HOUR)
    assert step.due_at == NOW


@pytest.mark.parametrize("late", [timedelta(0), HOUR])
def test_a_callback_past_the_campaigns_end_is_handed_over(late: timedelta) -> None:
    end = NOW + HOUR
    step = called(disposition=Disposition.CALLBACK, callback_at=end + late, ends_at=end)
    assert step == NextStep(DONE, disposition=Disposition.CALLBACK)


def test_a_callback_without_a_time_is_for_a_person_to_make() -> None:
    step = called(disposition=Disposition.CALLBACK)
    assert step == NextStep(DONE, disposition=Disposition.CALLBACK)


def test_a_retry_that_would_start_at_the_end_is_not_made() -> None:
    assert called(ends_at=NOW + HOUR) == unreachable()
    assert called(ends_at=NOW + HOUR + timedelta(seconds=1)).due_at == NOW + HOUR


def refused(
    refusal: Refusal | None, *, attempts: int = 0, ends_at: datetime | None = None
) -> NextStep:
    return after_refusal(refusal=refusal, attempts=attempts, plan=PLAN, now=NOW, ends_at=ends_at)


@pytest.mark.parametrize("refusal", [None, *sorted(set(Refusal) - {Refusal.NUMBER_INVALID})])
def test_a_refusal_that_is_not_about_the_number_gives_the_lead_back(
    refusal: Refusal | None,
) -> None:
    step = refused(refusal, attempts=99)
    assert step.state is WAITING and step.disposition is None
    assert step.due_at is not None and NOW <= step.due_at <= NOW + timedelta(minutes=1)


@pytest.mark.parametrize("refusal", [Refusal.RATE_LIMITED, Refusal.CONCURRENCY, Refusal.NO_CREDIT])
def test_a_carrier_that_is_busy_or_out_of_money_is_not_asked_again_at_once(
    refusal: Refusal,
) -> None:
    due_at = refused(refusal).due_at
    assert due_at is not None and due_at >= NOW + timedelta(seconds=5)


def test_a_refused_number_is_an_attempt_like_an_invalid_one() -> None:
    assert refused(Refusal.NUMBER_INVALID, attempts=1) == NextStep(WAITING, NOW + HOUR)
    assert refused(Refusal.NUMBER_INVALID, attempts=4) == unreachable()


def test_a_lead_given_back_after_the_end_is_exhausted() -> None:
    assert refused(None, ends_at=NOW).state is EXHAUSTED
    assert refused(Refusal.RATE_LIMITED, ends_at=NOW + timedelta(seconds=5)).state is EXHAUSTED
    assert refused(None, ends_at=NOW + HOUR) == NextStep(WAITING, NOW)


def test_an_agreed_callback_outside_the_hours_waits_for_the_next() -> None:
    step = after_call(
        outcome=Outcome.COMPLETED,
        disposition=Disposition.CALLBACK,
        callback_at=NOW + HOUR,
        attempts=1,
        plan=PLAN,
        now=NOW,
        ends_at=None,
        calendar=Calendar(lambda at: at + 2 * HOUR),
    )
    assert step == NextStep(WAITING, NOW + 3 * HOUR, Disposition.CALLBACK)


@pytest.mark.parametrize("own", [0, 7, -3])
def test_an_agreed_callback_comes_before_every_lead_that_waits(own: int) -> None:
    promised = NextStep(WAITING, NOW, Disposition.CALLBACK)
    priority = priority_after(own, promised)
    assert priority == own + CALLBACK_PRIORITY and owes_callback(priority)
    assert priority_after(priority, promised) == priority  # told again
    assert priority_after(priority, NextStep(WAITING, NOW)) == own
    assert priority_after(priority, NextStep(DONE, disposition=Disposition.CALLBACK)) == own


def test_a_refused_callback_is_still_owed() -> None:
    step = after_refusal(
        refusal=Refusal.CONCURRENCY,
        attempts=0,
        plan=PLAN,
        now=NOW,
        ends_at=NOW + HOUR,
        is_promised=True,
    )
    assert step.is_promised and step.due_at == NOW + timedelta(seconds=5)
    late = after_refusal(
        refusal=None, attempts=0, plan=PLAN, now=NOW, ends_at=NOW, is_promised=True
    )
    assert late == NextStep(DONE, disposition=Disposition.CALLBACK)


def in_a_row(refusal: Refusal, times: int, *, others: bool = False) -> NextStep:
    return after_refusal(
        refusal=refusal,
        attempts=0,
        plan=PLAN,
        now=NOW,
        ends_at=None,
        in_a_row=times,
        others_get_through=others,
    )


@pytest.mark.parametrize("refusal", sorted(DOUBLING))
def test_a_lead_that_is_refused_again_rests_twice_as_long_up_to_an_hour(refusal: Refusal) -> None:
    rests = [in_a_row(refusal, times).due_at for times in (1, 2, 3, 7, 99)]
    minutes = [(at - NOW).total_seconds() / 60 for at in rests if at is not None]
    assert minutes == [1, 2, 4, 60, 60]


def test_the_carriers_no_to_one_lead_alone_is_taken_at_the_sixth_time() -> None:
    for refusal in (Refusal.FORBIDDEN, Refusal.INVALID_REQUEST):
        assert in_a_row(refusal, 5, others=True).state is WAITING
        step = in_a_row(refusal, 6, others=True)
        assert step == NextStep(BLOCKED, blocked_code=CARRIER_REFUSED)
        assert in_a_row(refusal, 99).state is WAITING  # all calls are refused: not the lead's fault
    assert in_a_row(Refusal.CALLER_ID, 99, others=True).state is WAITING  # the number is ours


def denied(
    code: str,
    *lasting: str,
    next_allowed_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> NextStep:
    return after_denial(
        code=code, lasting=lasting, next_allowed_at=next_allowed_at, ends_at=ends_at
    )


def test_a_closed_window_waits_for_its_opening() -> None:
    step = denied("OUTSIDE_HOURS", next_allowed_at=NOW + HOUR)
    assert step == NextStep(WAITING, NOW + HOUR, blocked_code="OUTSIDE_HOURS")


@pytest.mark.parametrize("late", [timedelta(0), HOUR])
def test_an_opening_past_the_end_is_exhausted_at_once(late: timedelta) -> None:
    end = NOW + HOUR
    step = denied("OUTSIDE_HOURS", next_allowed_at=end + late, ends_at=end)
    assert step == NextStep(EXHAUSTED, blocked_code="OUTSIDE_HOURS")


@pytest.mark.parametrize("code", sorted(WAITS_FOR_FACTS))
def test_a_denial_that_facts_can_lift_waits_without_a_due_time(code: str) -> None:
    assert denied(code, code) == NextStep(WAITING, None, blocked_code=code)


def test_facts_do_not_help_where_something_else_lasts_too() -> None:
    step = denied("CONSENT_MISSING", "CONSENT_MISSING", "A2P_UNDECLARED")
    assert step == NextStep(BLOCKED, blocked_code="CONSENT_MISSING")


def test_what_neither_time_nor_facts_cure_is_blocked() -> None:
    assert denied("INTERNAL_OPT_OUT", "INTERNAL_OPT_OUT").state is BLOCKED
    assert denied("NO_COMMON_WINDOW").state is BLOCKED


def test_the_codes_that_wait_for_facts_are_codes_of_checks() -> None:
    assert set(REASONS) >= WAITS_FOR_FACTS


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT20S", timedelta(seconds=20)),
        ("PT1.5S", timedelta(seconds=1.5)),
        ("PT30M", timedelta(minutes=30)),
        ("P1DT2H", timedelta(days=1, hours=2)),
        ("P2W", timedelta(weeks=2)),
        ("PT0S", timedelta(0)),
        ("P1M", None),  # a month has no length of its own
        ("P1Y", None),
        ("P", None),
        ("PT", None),
        ("P1DT", None),
        ("30M", None),
        ("pt30m", None),
        ("-PT30M", None),
        ("PT30M\n", None),
        ("", None),
    ],
)
def test_durations_are_exact_or_refused(text: str, length: timedelta | None) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["P99999999999D", "PT" + "9" * 400 + "S", "P999999999W"])
def test_a_duration_no_calendar_holds_is_refused(text: str) -> None:
    assert parse_duration(text) is None
