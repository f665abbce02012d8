"""When dialing stops by itself, and how it goes on. Counts and instants in, decisions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dialer.domain.attempt import AttemptState, Outcome, Refusal
from dialer.domain.breakers import (
    HELP,
    RULES,
    Breaker,
    Reason,
    Seen,
    Verdict,
    after_probe,
    in_words,
    judge_probe,
    news,
    opened,
    trips_on_ends,
    trips_on_opt_outs,
    trips_on_requests,
    trips_on_silence,
)
from dialer.domain.ids import uuid7

NOW = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
S, R = AttemptState, Reason


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def one(state: AttemptState, ago_s: float = 1.0, **values: Any) -> Seen:
    nothing = dict.fromkeys(
        ("refusal", "reply_status", "outcome", "hangup_code", "answered_at", "rang_at", "placed_at")
    )
    at = NOW - s(ago_s)
    is_over = state in (S.ENDED, S.REFUSED)
    seen: dict[str, Any] = {
        **nothing,
        "placing_at": at,
        "ended_at": at if is_over else None,
        "talk_s": None,
        **values,
    }
    return Seen(state=state, **seen)


PLACED = one(S.PLACED, placed_at=NOW)
RATE_LIMITED = one(S.REFUSED, refusal=Refusal.RATE_LIMITED, reply_status=429)
OVER_CAP = one(S.REFUSED, refusal=Refusal.CONCURRENCY, reply_status=403)
OVER_CAP_LATE = one(S.ENDED, outcome=Outcome.FAILED, hangup_code=5030)
BROKEN = one(S.AMBIGUOUS, reply_status=503)
LOST = one(S.AMBIGUOUS)
FOUND_AFTER_5XX = one(S.IN_CALL, reply_status=500, answered_at=NOW)
NO_ANSWER = one(S.ENDED, outcome=Outcome.NO_ANSWER, hangup_code=6010, placed_at=NOW)
TALKED = one(S.ENDED, outcome=Outcome.COMPLETED, hangup_code=4000, answered_at=NOW, talk_s=20.0)
FAILED = one(S.ENDED, outcome=Outcome.FAILED, hangup_code=5010)
DEAD_AIR = one(S.ENDED, outcome=Outcome.COMPLETED, hangup_code=4010, talk_s=1.0)
NOT_FETCHED = one(S.ENDED, outcome=Outcome.FAILED, hangup_code=7011, talk_s=1.0)
SERVED = one(S.ENDED, outcome=Outcome.COMPLETED, hangup_code=4010, answered_at=NOW, talk_s=2.0)
BAD_CALLER = one(S.REFUSED, refusal=Refusal.CALLER_ID, reply_status=400)
OURS = one(S.REFUSED, refusal=Refusal.STALE)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (RATE_LIMITED, R.RATE_LIMITED),
        (OVER_CAP, R.CONCURRENCY),
        (OVER_CAP_LATE, R.CONCURRENCY),
        (BROKEN, R.CARRIER_ERRORS),
        (LOST, R.CARRIER_ERRORS),
        (FOUND_AFTER_5XX, R.CARRIER_ERRORS),
    ],
)
def test_a_burst_holds_the_account_and_single_ones_do_not(bad: Seen, reason: Reason) -> None:
    assert trips_on_requests([bad] * 4, NOW) is None
    held = trips_on_requests([bad] * 5, NOW)
    assert held is not None and held.reason is reason and held.until == NOW + RULES[reason].first
    assert trips_on_requests([bad] * 5 + [PLACED] * 20, NOW) is None  # one in five is no burst
    old = replace(bad, placing_at=NOW - s(31))
    assert trips_on_requests([old] * 50, NOW) is None


def test_requests_without_their_reply_and_refusals_of_ours_trip_nothing() -> None:
    for seen in (one(S.PLACING), OURS, NO_ANSWER, BAD_CALLER, FAILED):
        assert trips_on_requests([seen] * 50, NOW) is None


def spaced(*seen: Seen, every_s: float = 5.0) -> list[Seen]:
    """The first is the newest."""
    return [replace(each, ended_at=NOW - s(number * every_s)) for number, each in enumerate(seen)]


@pytest.mark.parametrize("dead", [DEAD_AIR, NOT_FETCHED])
def test_calls_that_find_nothing_at_our_answer_url_hold_the_account(dead: Seen) -> None:
    held = trips_on_silence(spaced(*[dead] * 5), NOW)
    assert held is not None and held.reason is R.ANSWER_URL and held.until is not None
    mixed = spaced(dead, NO_ANSWER, dead, FAILED, dead, dead, OURS, dead)
    assert trips_on_silence(mixed, NOW) is not None  # who was not answered tells nothing


def test_a_moment_in_which_our_process_was_started_anew_holds_nothing() -> None:
    assert trips_on_silence(spaced(*[NOT_FETCHED] * 20, every_s=0.4), NOW) is None
    assert trips_on_silence(spaced(*[NOT_FETCHED] * 4), NOW) is None
    assert trips_on_silence(spaced(TALKED, *[NOT_FETCHED] * 9), NOW) is None
    assert trips_on_silence(spaced(*[NOT_FETCHED] * 4, TALKED, *[NOT_FETCHED] * 4), NOW) is None
    assert trips_on_silence(spaced(*[SERVED] * 9), NOW) is None  # short, but it was served


def test_calls_that_fail_pause_their_campaign() -> None:
    ends = [*[FAILED] * 15, *[TALKED] * 15]
    held = trips_on_ends(ends, NOW)
    assert held is not None and held.reason is R.FAILURE_RATE and "15 of the last 30" in held.detail
    assert trips_on_ends([*ends, TALKED], NOW) is None
    assert trips_on_ends([FAILED] * 14, NOW) is None
    old = [replace(each, ended_at=NOW - s(601)) for each in ends]
    assert trips_on_ends(old, NOW) is None


def test_busy_phones_and_empty_houses_are_no_failures() -> None:
    for outcome in set(Outcome) - {Outcome.FAILED}:
        assert trips_on_ends([replace(NO_ANSWER, outcome=outcome)] * 50, NOW) is None


@pytest.mark.parametrize(
    "refused",
    [
        BAD_CALLER,
        one(S.REFUSED, refusal=Refusal.FORBIDDEN),
        one(S.ENDED, outcome=Outcome.FAILED, hangup_code=3030),
    ],
)
def test_a_caller_id_that_is_refused_pauses_its_campaign(refused: Seen) -> None:
    held = trips_on_ends([refused] * 5 + [OURS] * 40, NOW)
    assert held is not None and held.reason is R.REFUSALS and held.until is not None
    assert trips_on_ends([refused] * 5 + [TALKED] * 6, NOW) is None
    assert trips_on_ends([OURS] * 50, NOW) is None


@pytest.mark.parametrize(
    ("opted_out", "answered", "trips"),
    [(20, 100, False), (21, 100, True), (99, 99, False), (0, 500, False), (101, 500, True)],
)
def test_opt_outs_above_the_rate_of_enough_talks_wait_for_a_hand(
    opted_out: int, answered: int, trips: bool
) -> None:
    held = trips_on_opt_outs(opted_out=opted_out, answered=answered, most=0.2, now=NOW)
    assert (held is not None) is trips
    assert held is None or (held.reason, held.until) == (R.OPT_OUT_RATE, None)


@pytest.mark.parametrize("reason", Reason)
def test_only_what_a_person_must_mend_waits_for_one(reason: Reason) -> None:
    by_hand = {R.CREDENTIALS, R.NO_CREDIT, R.BUDGET, R.OPT_OUT_RATE, R.COMPLAINTS, R.ABANDONMENT}
    held = opened(reason, "why", NOW)
    assert (held.until is None) is (reason in by_hand)
    assert held.holds(NOW) and held.may_start(NOW) == 0
    if held.until is None:
        assert held.holds(NOW + timedelta(days=999)) and HELP[reason] in in_words(held, NOW)


def test_after_the_wait_a_single_call_probes() -> None:
    held = opened(R.RATE_LIMITED, "why", NOW)
    assert held.until is not None and held.may_start(held.until) == 1
    assert replace(held, probe_id=uuid7()).may_start(held.until) == 0


@pytest.mark.parametrize("reason", sorted(RULES))
def test_the_wait_doubles_to_its_bound_and_a_probe_that_gets_through_ends_it(
    reason: Reason,
) -> None:
    held, at, waits = opened(reason, "why", NOW), NOW, []
    for _ in range(12):
        assert held.until is not None
        waits.append(held.until - at)
        at = held.until
        after = after_probe(replace(held, probe_id=uuid7()), "failed", at)
        assert after is not None and after.probe_id is None
        held = after
    rule = RULES[reason]
    assert waits[:2] == [rule.first, min(rule.longest, 2 * rule.first)]
    assert waits == sorted(waits) and waits[-1] == rule.longest
    assert after_probe(held, "passed", NOW) is None
    assert after_probe(replace(held, probe_id=uuid7()), "void", NOW) == held
    assert after_probe(held, "pending", NOW) == held


VERDICTS: Sequence[tuple[Reason, Seen | None, Verdict]] = [
    (R.RATE_LIMITED, None, "void"),
    (R.RATE_LIMITED, one(S.INTENDED), "pending"),
    (R.RATE_LIMITED, one(S.PLACING), "pending"),
    (R.RATE_LIMITED, OURS, "void"),
    (R.RATE_LIMITED, RATE_LIMITED, "failed"),
    (R.RATE_LIMITED, PLACED, "passed"),
    (R.RATE_LIMITED, LOST, "void"),
    (R.RATE_LIMITED, BAD_CALLER, "passed"),
    (R.CONCURRENCY, OVER_CAP, "failed"),
    (R.CONCURRENCY, OVER_CAP_LATE, "failed"),
    (R.CONCURRENCY, NO_ANSWER, "passed"),
    (R.CARRIER_ERRORS, BROKEN, "failed"),
    (R.CARRIER_ERRORS, LOST, "failed"),
    (R.CARRIER_ERRORS, RATE_LIMITED, "passed"),
    (R.CARRIER_ERRORS, one(S.NEVER_PLACED), "void"),
    (R.ANSWER_URL, one(S.IN_CALL, answered_at=NOW), "pending"),
    (R.ANSWER_URL, NO_ANSWER, "void"),
    (R.ANSWER_URL, OVER_CAP, "void"),
    (R.ANSWER_URL, DEAD_AIR, "failed"),
    (R.ANSWER_URL, TALKED, "passed"),
    (R.REFUSALS, PLACED, "pending"),
    (R.REFUSALS, BAD_CALLER, "failed"),
    (R.REFUSALS, one(S.RINGING, rang_at=NOW), "passed"),
    (R.FAILURE_RATE, one(S.RINGING, rang_at=NOW), "pending"),
    (R.FAILURE_RATE, NO_ANSWER, "passed"),
    (R.FAILURE_RATE, FAILED, "failed"),
]


@pytest.mark.parametrize(("reason", "seen", "verdict"), VERDICTS)
def test_what_a_probe_shows(reason: Reason, seen: Seen | None, verdict: Verdict) -> None:
    assert judge_probe(reason, seen) == verdict


def test_people_are_told_what_changed_and_nothing_else() -> None:
    held = opened(R.FAILURE_RATE, "15 of the last 20 calls failed", NOW)
    assert news(None, held) == in_words(held, NOW) and "15 of the last 20" in in_words(held, NOW)
    probing: Breaker = replace(held, probe_id=uuid7())
    assert news(held, probing) is None
    again = after_probe(probing, "failed", NOW)
    assert "failed too" in (news(probing, again) or "")
    assert "is over" in (news(probing, None) or "")
    assert news(None, None) is None
