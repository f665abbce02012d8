"""Consent, registers and the sender's declaration: what counts, from when, until when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from dialer.compliance.facts import (
    Caller,
    Consent,
    Facts,
    Scrub,
)
from dialer.compliance.packs import find_packs
from tests.unit.compliance_facts import (
    EXPLICIT,
    NOON,
    PROMO,
    SECOND,
    US,
    US_NOON,
    ask,
    declare,
)


@pytest.mark.parametrize(
    "facts",
    [
        declare(reference=None),
        declare(reference=""),
        declare(declared_on=None),
        declare(declared_on=date(2026, 11, 24)),
        declare(objective=None),
        declare(cli_listed=False),
    ],
)
def test_a_declaration_with_a_hole_is_none(facts: Facts) -> None:
    verdict = ask(facts)
    assert (verdict.code, verdict.rule_id) == ("A2P_UNDECLARED", "in.a2p.declared")


def test_a_declaration_counts_from_midnight_where_the_callee_is() -> None:
    facts = replace(
        declare(declared_on=date(2026, 11, 24)),
        category="government",
        entity="government",
        caller=Caller("+911600000001", "1600"),
    )
    midnight = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
    assert ask(facts, midnight - SECOND).code == "A2P_UNDECLARED"
    assert ask(facts, midnight).allowed
    assert ask(replace(facts, lead_zone="Europe/London"), midnight).code == "A2P_UNDECLARED"


def test_any_live_consent_of_a_kind_will_do() -> None:
    old = Consent("inquiry", NOON - timedelta(days=8))
    ended = Consent("explicit_dca", NOON - timedelta(days=9), ended=True)
    live = Consent("explicit_dca", NOON - timedelta(days=90))
    assert ask(replace(EXPLICIT, consents=(old, ended, live))).allowed
    assert ask(replace(EXPLICIT, consents=(ended,))).code == "CONSENT_EXPIRED"
    assert ask(replace(EXPLICIT, consents=(Consent("inferred", None),))).code == "CONSENT_MISSING"


def test_an_inquiry_of_unknown_age_is_too_old() -> None:
    verdict = ask(replace(EXPLICIT, consents=(Consent("inquiry", None),)))
    assert (verdict.code, verdict.rule_id) == ("CONSENT_EXPIRED", "in.inquiry.age")


def test_a_call_that_rests_on_an_expired_inquiry_is_denied() -> None:
    old = Consent("inquiry", NOON - timedelta(days=7))
    assert ask(replace(PROMO, consents=(old,))).codes == ("CONSENT_EXPIRED",)
    assert ask(replace(PROMO, consents=(replace(old, captured_at=NOON),))).allowed


@pytest.mark.parametrize(
    "consent",
    [
        Consent("inquiry", NOON - timedelta(days=7)),
        Consent("explicit_dca", NOON + SECOND),
        Consent("explicit_dca", NOON - SECOND, ended=True),
        Consent("inferred", NOON - SECOND),
    ],
)
def test_only_a_live_consent_of_the_right_kind_overrides_a_listing(consent: Consent) -> None:
    listed = replace(PROMO, scrub=Scrub(NOON, "listed"), consents=(consent,))
    assert "DNC_LISTED" in ask(listed).codes
    right = Consent("explicit_dca", NOON - SECOND)
    assert ask(replace(listed, consents=(consent, right))).allowed


def test_a_consent_overrides_the_verdict_but_not_its_freshness() -> None:
    stale = Scrub(NOON - timedelta(days=1), "listed")
    facts = replace(PROMO, scrub=stale, consents=(Consent("explicit_dca", NOON - SECOND),))
    assert ask(facts).codes == ("DNC_SCRUB_STALE",)


def test_a_consent_does_not_open_a_band_or_day_the_subscriber_closed() -> None:
    facts = replace(PROMO, consents=(Consent("explicit_dca", NOON - SECOND),))
    off = replace(facts, scrub=Scrub(NOON, "band_off:12-14;day_off:mon"))
    assert ask(off).codes == ("PREF_DAY_BLOCKED", "PREF_BAND_BLOCKED")


def test_a_relationship_by_inquiry_is_shorter() -> None:
    def after_days(days: int, source: str | None) -> str:
        consent = Consent("ebr", US_NOON - timedelta(days=days), source=source)
        return ask(replace(US, consents=(consent,)), US_NOON, find_packs(["us"])).code

    assert after_days(500, None) == after_days(60, "inquiry") == "OK"
    assert after_days(600, None) == after_days(100, "inquiry") == "CONSENT_EXPIRED"
