"""Consent: is there one of the right kind, and is it still alive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from dialer.compliance.case import Case, finding
from dialer.compliance.durations import after, parse_duration
from dialer.compliance.facts import Consent
from dialer.compliance.plan import PackRule
from dialer.compliance.schema import ConsentAge, ConsentNeeded
from dialer.compliance.verdict import Finding


def is_given(consent: Consent, now: datetime) -> bool:
    """A consent dated later than ``now`` has not been given yet."""
    return consent.captured_at is None or consent.captured_at <= now


def expires_at(consent: Consent, rule: ConsentAge) -> datetime | None:
    """Return when the rule's age is reached, None for a consent whose age nobody knows."""
    if consent.captured_at is None:
        return None
    is_inquiry = rule.inquiry_max_age is not None and consent.source == "inquiry"
    max_age = rule.inquiry_max_age if is_inquiry else rule.max_age
    return after(consent.captured_at, parse_duration(max_age or rule.max_age))


def is_expired(consent: Consent, rule: ConsentAge, now: datetime) -> bool:
    """Exactly the maximum is expired, and so is an age nobody knows."""
    at = expires_at(consent, rule)
    return at is None or at <= now


def is_live(consent: Consent, ages: Iterable[ConsentAge], now: datetime) -> bool:
    if consent.ended or not is_given(consent, now):
        return False
    return not any(consent.kind in rule.consent and is_expired(consent, rule, now) for rule in ages)


def live_kinds(case: Case) -> frozenset[str]:
    """Kinds of which the callee has a consent that counts now."""
    return frozenset(
        consent.kind
        for consent in case.facts.consents
        if is_live(consent, case.active.ages, case.now)
    )


def check_consent(entry: PackRule, rule: ConsentNeeded, case: Case) -> Iterator[Finding]:
    if not live_kinds(case).isdisjoint(rule.any_of):
        return
    wanted = " or ".join(rule.any_of)
    given = [c for c in case.facts.consents if c.kind in rule.any_of and is_given(c, case.now)]
    if not given:
        yield finding(entry, "CONSENT_MISSING", f"Needs consent of kind {wanted}; there is none.")
    elif all(consent.ended for consent in given):
        why = "the contract is over or it was revoked"
        yield finding(entry, "CONSENT_EXPIRED", f"The consent ({wanted}) has ended: {why}.")
    else:
        yield finding(entry, "CONSENT_EXPIRED", f"The consent ({wanted}) is too old.")


def check_consent_age(entry: PackRule, rule: ConsentAge, case: Case) -> Iterator[Finding]:
    """Deny a call that rests on an expired consent, unless the pack takes another live one.

    It denies even where the pack asks for no consent: the list says why we call, and that reason
    is gone.
    """
    mine = [
        consent
        for consent in case.facts.consents
        if consent.kind in rule.consent and not consent.ended and is_given(consent, case.now)
    ]
    if not mine or not live_kinds(case).isdisjoint(entry.accepted.union(rule.consent)):
        return
    for consent in mine:
        if consent.captured_at is None:
            age = "of unknown age"
        else:
            age = f"{(case.now - consent.captured_at).days} days old"
        detail = f"The {consent.kind} consent is {age}; it lasts {rule.max_age}."
        yield finding(entry, "CONSENT_EXPIRED", detail)
        return
