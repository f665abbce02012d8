"""A decision in words says of each rule what the verdict says of it, and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dialer.compliance.decide import decide
from dialer.compliance.facts import Caller, Consent, Facts, Narrowing, Scrub
from dialer.compliance.numbering import read_number
from dialer.compliance.packs import Pack, find_packs
from dialer.compliance.words import Said, explain_verdict
from tests.unit.compliance_facts import EXPLICIT, INDIA, NOON, PROMO, SERVICE
from tests.unit.test_compliance_properties import thorough
from tests.unit.test_compliance_replay import STACKS, facts, instants


def said(known: Facts, now: datetime = NOON, packs: tuple[Pack, ...] = INDIA) -> dict[str, Said]:
    """Every question by its rule, or by its kind where it is no pack's."""
    verdict = decide(known, packs, now)
    found = explain_verdict(read_number(known.phone), known, packs, now, verdict)
    return {one.rule_id or one.kind: one for one in found}


@thorough(40)
@given(facts, st.sampled_from(STACKS), instants)
def test_the_words_agree_with_the_verdict(
    known: Facts, packs: tuple[Pack, ...], now: datetime
) -> None:
    verdict = decide(known, packs, now)
    found = explain_verdict(read_number(known.phone), known, packs, now, verdict)
    assert {code for one in found for code in one.codes} == set(verdict.codes)
    assert all(one.passed for one in found) == verdict.allowed
    for one in found:
        assert one.passed == (one.cure is None) == (not one.codes)
        assert one.asks.endswith(".") and one.found.endswith((".", "…")), one
        assert known.phone not in f"{one.asks}{one.found}{one.cure}" or len(known.phone) < 3
    rules = [one.rule_id for one in found if one.rule_id not in (None, "campaign.hours")]
    assert rules == [rule for rule in verdict.evaluated if rule in rules]
    assert set(rules) == set(verdict.evaluated)


def test_each_rule_says_what_it_asks_and_what_it_found() -> None:
    found = said(SERVICE)
    window = found["in.service.window.policy"]
    assert window.asks == "Calls every day 09:00-21:00 at the callee."
    assert window.found == "Mon 23 Nov 2026 12:00:00 in Asia/Kolkata (UTC+05:30): inside."
    assert (window.authority, window.confidence) == ("policy", "P")
    assert window.source is not None and window.source.startswith("Project policy")
    consent = found["in.service.consent"]
    assert consent.asks == "Consent of kind inferred or explicit_dca."
    assert found["in.cli.service"].found == "+911601200001 is of series 1601."
    assert found["in.a2p.declared"].found == "Declared on 2026-11-01 under OAP/7, for service."
    assert found["own_list"].found == "It was not on the list."


@pytest.mark.parametrize(
    ("known", "now", "rule", "cure"),
    [
        (
            SERVICE,
            NOON + timedelta(hours=12),
            "in.service.window.policy",
            "Waiting until Tue 24 Nov 2026 09:00:00 in Asia/Kolkata (UTC+05:30).",
        ),
        (
            replace(SERVICE, consents=()),
            NOON,
            "in.service.consent",
            "A consent of kind inferred or explicit_dca, recorded with the lead.",
        ),
        (
            replace(SERVICE, caller=Caller("+911401200001", "140")),
            NOON,
            "in.cli.service",
            "A caller number of series 1601 or ordinary_with_carrier_letter in the campaign "
            "and at the sender.",
        ),
        (
            replace(SERVICE, declaration=None),
            NOON,
            "in.a2p.declared",
            "Declare it to the access provider and enter reference, date and numbers.",
        ),
        (
            replace(SERVICE, suppressed=True),
            NOON,
            "own_list",
            "Nothing but the person's own wish to be called again.",
        ),
        (
            replace(PROMO, scrub=Scrub(NOON, "blocked")),
            NOON,
            "in.promo.ncpr",
            "A consent of kind explicit_dca or inquiry; nothing else.",
        ),
        (
            replace(SERVICE, narrowing=Narrowing(("tue",), (("10:00", "13:00"),))),
            NOON,
            "campaign.hours",
            "Waiting until Tue 24 Nov 2026 10:00:00 in Asia/Kolkata (UTC+05:30).",
        ),
        (replace(SERVICE, phone="12"), NOON, "number", "Correct the lead's number."),
        (
            replace(SERVICE, lead_zone="nowhere"),
            NOON,
            "zone",
            "Correct the lead's timezone.",
        ),
    ],
)
def test_a_denial_says_what_would_change_it(
    known: Facts, now: datetime, rule: str, cure: str
) -> None:
    one = said(known, now)[rule]
    assert (one.passed, one.cure) == (False, cure)


def test_consent_that_overrides_a_register_is_named() -> None:
    known = replace(
        EXPLICIT,
        consents=(Consent("explicit_dca", NOON),),
        scrub=Scrub(NOON, "blocked", "S-1"),
    )
    assert said(known)["in.promo.ncpr"].found == (
        "Scrub S-1 of 23 Nov 2026 12:00: blocked; overridden by consent (explicit_dca)."
    )


def test_caps_and_gaps_count_what_they_counted() -> None:
    packs = find_packs(["us-fl"])
    assert any("at most" in one.asks.lower() for one in said(_florida(), NOON, packs).values())


def _florida() -> Facts:
    return replace(SERVICE, phone="+18505551234", category="telemarketing", mode="voice")
