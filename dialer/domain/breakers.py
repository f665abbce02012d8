"""When dialing stops by itself, why, and how it goes on: circuit breakers. Pure.

A breaker is closed (there is none), open until an instant or a hand, or half-open: then a single
call probes, and its end closes the breaker or opens it for twice as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Literal
from uuid import UUID

from dialer.domain.attempt import (
    CONCURRENCY_CODE,
    AttemptState,
    Outcome,
    Refusal,
    refusal_in_hangup,
)
from dialer.domain.retry import DOUBLING


class Reason(StrEnum):
    """Why nothing is dialed. The first six and complaints hold the carrier account, the rest one
    campaign."""

    CREDENTIALS = "credentials"
    NO_CREDIT = "no_credit"
    RATE_LIMITED = "rate_limited"
    CONCURRENCY = "concurrency"
    CARRIER_ERRORS = "carrier_errors"
    ANSWER_URL = "answer_url"
    REFUSALS = "refusals"
    FAILURE_RATE = "failure_rate"
    BUDGET = "budget"
    OPT_OUT_RATE = "opt_out_rate"
    COMPLAINTS = "complaints"
    ABANDONMENT = "abandonment"


R = Reason

# Credentials, credit, budget, opt-outs, complaints and abandonment wait for a hand; all others
# probe by themselves.
OF_ACCOUNT_BY_HAND = frozenset({R.CREDENTIALS, R.NO_CREDIT, R.COMPLAINTS})
MEANING: Mapping[Reason, str] = {
    R.CREDENTIALS: "the carrier refuses our credentials (401)",
    R.NO_CREDIT: "the carrier account has no credit",
}
HELP: Mapping[Reason, str] = {
    R.CREDENTIALS: "correct PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN, then resume",
    R.NO_CREDIT: "top up the carrier account, then resume",
    R.BUDGET: "raise dialing.budget_usd, then resume",
    R.COMPLAINTS: "find out whom you called and why they complained, then resume",
    R.ABANDONMENT: "see why those who answer find nobody, then resume",
    R.OPT_OUT_RATE: "look at whom the campaign calls and what it says, then resume",
    R.ANSWER_URL: "see that DIALER_PUBLIC_URL reaches this server (dialer plivo doctor)",
    R.REFUSALS: "see that the caller ids may call there (dialer plivo doctor)",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """Trips at ``bad`` bad ones that are ``share`` of all within ``within``, and then waits
    ``first`` before the first probe, twice as long after each that fails, ``longest`` at most."""

    within: timedelta
    bad: int
    share: float
    first: timedelta
    longest: timedelta


def _s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


RULES: Mapping[Reason, Rule] = {
    # The carrier counts requests in 5 s (plivo.md §1); calls end meanwhile.
    R.RATE_LIMITED: Rule(_s(10), 5, 0.3, _s(1), _s(5)),
    R.CONCURRENCY: Rule(_s(10), 5, 0.3, _s(1), _s(5)),
    R.CARRIER_ERRORS: Rule(_s(30), 5, 0.5, _s(2), _s(20)),
    R.ANSWER_URL: Rule(_s(300), 5, 1.0, _s(5), _s(300)),
    R.REFUSALS: Rule(_s(300), 5, 0.5, _s(30), _s(900)),
    R.FAILURE_RATE: Rule(_s(600), 15, 0.5, _s(10), _s(300)),
}
# A process that is started anew answers again within this; calls answered meanwhile found nobody.
UNREACHED_FOR = timedelta(seconds=10)
OPT_OUT_WINDOW = timedelta(hours=24)
OPT_OUT_ANSWERED = 100
DEAD_AIR_S = 2.0  # a call that ends so soon after its answer has played nothing


@dataclass(frozen=True, slots=True)
class Breaker:
    """An open or half-open breaker. ``until`` None: a person must resume.

    failed: probes that failed. probe_id: the attempt that probes now.
    """

    reason: Reason
    detail: str
    at: datetime
    until: datetime | None
    failed: int = 0
    probe_id: UUID | None = None

    def holds(self, now: datetime) -> bool:
        """True while not even a probe may start."""
        return self.until is None or now < self.until

    def may_start(self, now: datetime) -> int:
        """Return how many calls may start: none, or the one that probes."""
        return 0 if self.holds(now) or self.probe_id is not None else 1


def opened(reason: Reason, detail: str, now: datetime) -> Breaker:
    rule = RULES.get(reason)
    return Breaker(reason, detail, now, None if rule is None else now + rule.first)


def in_words(breaker: Breaker, now: datetime) -> str:
    """Say why nothing is dialed, and what ends that."""
    said = f"{breaker.reason}: {breaker.detail}"
    if breaker.until is None:
        return f"{said}; {HELP[breaker.reason]}"
    if breaker.holds(now):
        said += f"; a call probes at {breaker.until:%H:%M:%S} UTC"
    else:
        said += "; a single call probes"
    return f"{said}; {HELP[breaker.reason]}" if breaker.reason in HELP else said


def news(held: Breaker | None, after: Breaker | None) -> str | None:
    """Say what has changed for people, None if nothing they care about."""
    if after is None:
        return None if held is None else f"{held.reason} is over: the call that probed got through"
    if held is None or held.reason is not after.reason:
        return in_words(after, after.at)
    if held.failed != after.failed:
        return f"the call that probed failed too: {in_words(after, after.at)}"
    return None


Verdict = Literal["pending", "void", "passed", "failed"]


def after_probe(breaker: Breaker, verdict: Verdict, now: datetime) -> Breaker | None:
    """Return the breaker after its probe's verdict; None: it is closed.

    ``void``: the probe told nothing (nobody answered, we did not ask): the next call probes.
    """
    if verdict == "passed":
        return None
    if verdict == "void":
        return replace(breaker, probe_id=None)
    if verdict == "failed":
        rule, failed = RULES[breaker.reason], breaker.failed + 1
        wait = min(rule.longest, rule.first * 2 ** min(failed, 20))
        return replace(breaker, until=now + wait, failed=failed, probe_id=None)
    return breaker


@dataclass(frozen=True, slots=True)
class Seen:
    """What breakers look at of one attempt, test calls included.

    reply_status: HTTP status of the carrier's reply, None while or if there is none.
    """

    state: AttemptState
    placing_at: datetime | None
    ended_at: datetime | None
    refusal: Refusal | None
    reply_status: int | None
    outcome: Outcome | None
    hangup_code: int | None
    answered_at: datetime | None
    rang_at: datetime | None
    placed_at: datetime | None
    talk_s: float | None

    @property
    def was_answered(self) -> bool:
        return self.answered_at is not None or bool(self.talk_s) or self.is_unreached

    @property
    def is_unreached(self) -> bool:
        """Answered, and the carrier found nothing to play: its own word (7011), or a second or
        two of nothing for which no document was fetched from us."""
        if self.hangup_code == 7011:
            return True
        is_short = self.talk_s is None or self.talk_s <= DEAD_AIR_S
        return self.hangup_code == 4010 and is_short and self.answered_at is None

    @property
    def carriers_refusal(self) -> Refusal | None:
        """The carrier's refusal, in its reply or as a hangup; our own are none."""
        if self.state is AttemptState.ENDED:
            return refusal_in_hangup(self.hangup_code, was_answered=self.answered_at is not None)
        return self.refusal if self.refusal in _CARRIERS else None

    @property
    def is_carriers_error(self) -> bool:
        is_lost = self.state is AttemptState.AMBIGUOUS and self.reply_status is None
        return is_lost or (self.reply_status or 0) >= 500


_CARRIERS = frozenset(
    {
        Refusal.NUMBER_INVALID,
        Refusal.CALLER_ID,
        Refusal.CREDENTIALS,
        Refusal.NO_CREDIT,
        Refusal.FORBIDDEN,
        Refusal.RATE_LIMITED,
        Refusal.CONCURRENCY,
        Refusal.INVALID_REQUEST,
    }
)


def trips_on_requests(requests: Sequence[Seen], now: datetime) -> Breaker | None:
    """Judge the account's latest requests to the carrier: bursts of 429, 5030 and 5xx."""
    for reason in (R.RATE_LIMITED, R.CONCURRENCY, R.CARRIER_ERRORS):
        rule = RULES[reason]
        recent = [
            one
            for one in requests
            if one.placing_at is not None
            and one.placing_at > now - rule.within
            and one.state is not AttemptState.PLACING
        ]
        bad = sum(_is_bad_request(one, reason) for one in recent)
        if _trips(rule, bad, len(recent)):
            what = f"{bad} of the last {len(recent)} requests {_WORDS[reason]}"
            return opened(reason, what, now)
    return None


_WORDS = {
    R.RATE_LIMITED: "were refused as too many (429)",
    R.CONCURRENCY: "were refused as over the cap (5030)",
    R.CARRIER_ERRORS: "got an error (5xx) or no reply",
}


def _is_bad_request(one: Seen, reason: Reason) -> bool:
    if reason is R.CARRIER_ERRORS:
        return one.is_carriers_error
    if reason is R.CONCURRENCY:
        is_over_cap = one.state is AttemptState.ENDED and one.hangup_code == CONCURRENCY_CODE
        return one.refusal is Refusal.CONCURRENCY or is_over_cap
    return one.refusal is Refusal.RATE_LIMITED


def _trips(rule: Rule, bad: int, of: int) -> bool:
    return bad >= rule.bad and bad >= rule.share * of


def trips_on_silence(ends: Iterable[Seen], now: datetime) -> Breaker | None:
    """Judge the account's latest ended calls: is our answer URL out of the carrier's reach?

    Only an unbroken row of unreached calls counts, longer than a restart of ours takes.
    """
    rule = RULES[R.ANSWER_URL]
    answered = sorted(
        (
            (one.ended_at, one.is_unreached)
            for one in ends
            if one.was_answered and one.ended_at is not None and one.ended_at > now - rule.within
        ),
        reverse=True,
    )
    row = [at for at, _ in takewhile(lambda end: end[1], answered)]
    if len(row) < rule.bad or row[0] - row[-1] < UNREACHED_FOR:
        return None
    detail = f"the last {len(row)} answered calls found nothing at our answer URL (4010, 7011)"
    return opened(R.ANSWER_URL, detail, now)


def trips_on_ends(ends: Sequence[Seen], now: datetime) -> Breaker | None:
    """Judge one campaign's latest attempts that are over: refused ones, failed ones."""
    rule = RULES[R.REFUSALS]
    recent = [one for one in ends if one.ended_at is not None and one.ended_at > now - rule.within]
    asked = [one for one in recent if one.state is AttemptState.ENDED or one.carriers_refusal]
    refused = [one for one in asked if one.carriers_refusal in DOUBLING]
    if _trips(rule, len(refused), len(asked)):
        names = sorted({str(one.carriers_refusal) for one in refused})
        detail = f"the carrier refused {len(refused)} of {len(asked)} calls: {', '.join(names)}"
        return opened(R.REFUSALS, detail, now)
    rule = RULES[R.FAILURE_RATE]
    over = [
        one
        for one in ends
        if one.state is AttemptState.ENDED
        and one.carriers_refusal is None
        and one.ended_at is not None
        and one.ended_at > now - rule.within
    ]
    failed = sum(one.outcome is Outcome.FAILED for one in over)
    if _trips(rule, failed, len(over)):
        return opened(R.FAILURE_RATE, f"{failed} of the last {len(over)} calls failed", now)
    return None


def trips_on_opt_outs(
    *, opted_out: int, answered: int, most: float, now: datetime
) -> Breaker | None:
    """Judge a day's talks of one campaign: ``most`` is the share that may ask for no more."""
    if answered < OPT_OUT_ANSWERED or opted_out <= most * answered + 1e-9:
        return None
    share = f"{opted_out / answered:.0%} ({opted_out} of {answered})"
    detail = f"{share} of those who answered in 24 h want no more calls; allowed are {most:.0%}"
    return opened(R.OPT_OUT_RATE, detail, now)


def judge_probe(reason: Reason, one: Seen | None) -> Verdict:
    """Say what a probe has shown so far."""
    if one is None or one.state is AttemptState.NEVER_PLACED:
        return "void"
    if one.state is AttemptState.REFUSED and one.carriers_refusal is None:
        return "void"  # ours: we did not ask
    if reason in (R.RATE_LIMITED, R.CONCURRENCY, R.CARRIER_ERRORS):
        return _judge_request(reason, one)
    if reason is R.REFUSALS:
        if one.carriers_refusal in DOUBLING:
            return "failed"
        return "passed" if one.rang_at or one.answered_at or _is_over(one) else "pending"
    if not _is_over(one):
        return "pending"
    if one.carriers_refusal is not None:
        return "void"
    if reason is R.ANSWER_URL:
        if not one.was_answered:
            return "void"
        return "failed" if one.is_unreached else "passed"
    return "failed" if one.outcome is Outcome.FAILED else "passed"


def _judge_request(reason: Reason, one: Seen) -> Verdict:
    if _is_bad_request(one, reason):
        return "failed"
    if one.placed_at or one.rang_at or one.answered_at or _is_over(one):
        return "passed"  # a refusal for another reason is a reply as well
    return "void" if one.state is AttemptState.AMBIGUOUS else "pending"


def _is_over(one: Seen) -> bool:
    return one.state in (AttemptState.ENDED, AttemptState.REFUSED)
