"""Decisions beyond the reference cases: facts that are missing, early, stale or contradictory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dialer.compliance.decide import Verdict, any_zone_open, decide
from dialer.compliance.facts import (
    Caller,
    Consent,
    Declaration,
    Facts,
    Narrowing,
    PastAttempt,
    Scrub,
)
from dialer.compliance.packs import SHIPPED, Pack, find_packs, read_pack

INDIA = find_packs(["in"])
NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # Monday 12:00 in India
SECOND = timedelta(seconds=1)
SERVICE = Facts(
    phone="+919876543210",
    category="service",
    mode="auto_pre",
    entity="other",
    sector=None,
    caller=Caller("+911601200001", "1601"),
    declaration=Declaration("OAP/7", date(2026, 11, 1), "service", cli_listed=True),
    consents=(Consent("inferred", None),),
    suppressed=False,
    scrub=None,
    event_at=None,
    history=(),
    lead_zone=None,
)
PROMO = replace(
    SERVICE,
    category="promotional",
    sector=3,
    caller=Caller("+911401200001", "140"),
    consents=(),
    scrub=Scrub(NOON - timedelta(hours=4), "clear"),
)
EXPLICIT = replace(PROMO, category="service_explicit")
US = Facts(
    phone="+12125552368",
    category="telemarketing",
    mode="voice",
    entity=None,
    sector=None,
    caller=Caller("+12125550100", "own_verified"),
    declaration=None,
    consents=(),
    suppressed=False,
    scrub=Scrub(NOON, "listed"),
    event_at=None,
    history=(),
    lead_zone=None,
)
US_NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)


def india(right: str, wrong: str) -> tuple[Pack, ...]:
    text = (SHIPPED / "in.toml").read_text(encoding="utf-8")
    assert right in text
    return (read_pack(text.replace(right, wrong, 1).encode(), Path("in.toml")),)


def ask(facts: Facts, now: datetime = NOON, packs: tuple[Pack, ...] = INDIA) -> Verdict:
    return decide(facts, packs, now)


@pytest.mark.parametrize("facts", [SERVICE, PROMO])
def test_the_plain_case_is_allowed_until_the_window_closes(facts: Facts) -> None:
    verdict = ask(facts)
    assert (verdict.allowed, verdict.code, verdict.findings) == (True, "OK", ())
    assert verdict.window_ends_at == datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
    assert verdict.zones == ("Asia/Kolkata",)
    assert [pack.id for pack in verdict.packs] == ["in"]


def test_a_window_that_never_closes_has_no_end() -> None:
    verdict = ask(
        replace(
            SERVICE,
            category="government",
            entity="government",
            caller=Caller("+911600000001", "1600"),
        )
    )
    assert (verdict.allowed, verdict.window_ends_at) == (True, None)


def test_every_failing_rule_is_found_and_the_first_in_order_leads() -> None:
    verdict = ask(
        replace(PROMO, caller=None, declaration=None, scrub=None, suppressed=True),
        NOON - timedelta(hours=4),
    )
    assert verdict.codes == (
        "INTERNAL_OPT_OUT",
        "DNC_SCRUB_STALE",
        "CLI_SERIES_MISMATCH",
        "A2P_UNDECLARED",
        "OUTSIDE_HOURS",
    )
    assert (verdict.code, verdict.rule_id, verdict.next_allowed_at) == (
        "INTERNAL_OPT_OUT",
        None,
        None,
    )
    assert all(
        found.detail.endswith(".") and "9876543210" not in found.detail
        for found in verdict.findings
    )
    outside = verdict.findings[-1]
    assert (
        outside.detail == "Mon 2026-11-23 08:00:00 in Asia/Kolkata: calls are allowed 10:00-21:00."
    )


def test_a_naive_now_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        ask(SERVICE, NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (replace(SERVICE, caller=None), "CLI_SERIES_MISMATCH"),
        (replace(SERVICE, caller=Caller("+911601200001", None)), "CLI_SERIES_MISMATCH"),
        (replace(SERVICE, entity=None), "CLI_SERIES_MISMATCH"),
        (replace(SERVICE, entity="bank"), "CLI_SERIES_MISMATCH"),
        (replace(SERVICE, declaration=None), "A2P_UNDECLARED"),
        (replace(SERVICE, mode="hologram", declaration=None), "A2P_UNDECLARED"),
        (replace(SERVICE, consents=()), "CONSENT_MISSING"),
        (replace(SERVICE, category="transactional"), "TXN_WINDOW_ELAPSED"),
        (replace(SERVICE, category="servce"), "NO_WINDOW_RULE"),
        (replace(SERVICE, lead_zone="Asia/Bombay2"), "ZONE_UNRESOLVED"),
        (replace(SERVICE, lead_zone="../etc/passwd"), "ZONE_UNRESOLVED"),
        (replace(SERVICE, lead_zone="Asia"), "ZONE_UNRESOLVED"),
        (replace(SERVICE, zones=()), "ZONE_UNRESOLVED"),
        (replace(PROMO, scrub=None), "DNC_SCRUB_STALE"),
        (replace(PROMO, scrub=Scrub(NOON, "probably fine")), "DNC_SCRUB_STALE"),
        (replace(PROMO, sector=None, scrub=Scrub(NOON, "block:2")), "PREF_CATEGORY_BLOCKED"),
        (replace(SERVICE, phone="9876543210"), "NUMBER_INVALID"),
        (replace(SERVICE, phone=""), "NUMBER_INVALID"),
        (replace(SERVICE, phone="+91٩٨٧٦٥٤٣٢١٠"), "NUMBER_INVALID"),
        (replace(SERVICE, phone="+12125552368"), "NO_RULE_PACK"),
        (replace(SERVICE, phone="+911601200001"), "NON_GEOGRAPHIC_NUMBER"),
        (replace(SERVICE, phone="+911600123456"), "NON_GEOGRAPHIC_NUMBER"),
        (replace(SERVICE, phone="+911400123456"), "NON_GEOGRAPHIC_NUMBER"),
        (replace(SERVICE, number_type="premium_rate"), "NON_GEOGRAPHIC_NUMBER"),
    ],
)
def test_what_is_not_known_denies(facts: Facts, code: str) -> None:
    verdict = ask(facts)
    assert (verdict.allowed, verdict.code, verdict.next_allowed_at) == (False, code, None)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (replace(SERVICE, consents=(Consent("inferred", NOON + SECOND),)), "CONSENT_MISSING"),
        (replace(PROMO, scrub=Scrub(NOON + SECOND, "clear")), "DNC_SCRUB_STALE"),
        (replace(SERVICE, category="transactional", event_at=NOON + SECOND), "TXN_WINDOW_ELAPSED"),
    ],
)
def test_what_lies_in_the_future_is_no_fact_yet(facts: Facts, code: str) -> None:
    assert ask(facts).code == code
    assert ask(facts, NOON + SECOND).allowed


def test_an_opt_out_is_told_beside_a_number_that_cannot_be_called() -> None:
    verdict = ask(replace(SERVICE, phone="12", suppressed=True))
    assert verdict.codes == ("NUMBER_INVALID", "INTERNAL_OPT_OUT")


def declare(**changes: object) -> Facts:
    assert SERVICE.declaration is not None
    return replace(SERVICE, declaration=replace(SERVICE.declaration, **changes))


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


def test_a_leads_own_zone_adds_to_the_packs() -> None:
    london = replace(SERVICE, lead_zone="Europe/London")
    verdict = ask(london)  # 06:30 in London
    assert (verdict.code, verdict.rule_id) == ("OUTSIDE_HOURS", "in.service.window.policy")
    assert verdict.next_allowed_at == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert verdict.zones == ("Asia/Kolkata", "Europe/London")
    assert ask(london, NOON + timedelta(hours=2.5)).allowed
    assert ask(london, NOON + timedelta(hours=9)).code == "OUTSIDE_HOURS"  # 21:00 in India


def test_an_old_zone_name_is_the_same_zone() -> None:
    assert ask(replace(SERVICE, lead_zone="Asia/Calcutta")).zones == ("Asia/Kolkata",)


def test_zones_without_a_common_hour_never_open() -> None:
    verdict = ask(
        replace(SERVICE, lead_zone="Asia/Tokyo", narrowing=Narrowing(spans=(("09:00", "10:00"),)))
    )
    assert verdict.codes == ("OUTSIDE_HOURS", "NO_COMMON_WINDOW")
    assert verdict.next_allowed_at is None


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


EARLY = NOON - timedelta(hours=3, minutes=30)  # 08:30 in India


def test_a_band_switched_on_opens_only_on_the_evidence_of_a_fresh_scrub() -> None:
    on = replace(PROMO, scrub=Scrub(EARLY, "band_on:08-10"))
    assert ask(on, EARLY).allowed
    assert ask(on, EARLY).window_ends_at == datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
    stale = replace(PROMO, scrub=Scrub(EARLY - timedelta(days=1), "band_on:08-10"))
    assert ask(stale, EARLY).codes == ("DNC_SCRUB_STALE", "OUTSIDE_HOURS")
    service = replace(SERVICE, scrub=Scrub(EARLY, "band_on:08-10"))
    assert ask(service, EARLY).code == "OUTSIDE_HOURS"


def test_a_band_both_on_and_off_is_off_and_a_campaign_may_still_narrow() -> None:
    both = replace(PROMO, scrub=Scrub(EARLY, "band_on:08-10;band_off:08-10"))
    assert ask(both, EARLY).codes == ("PREF_BAND_BLOCKED",)
    narrow = replace(
        PROMO, scrub=Scrub(EARLY, "band_on:08-10"), narrowing=Narrowing(spans=(("10:00", "18:00"),))
    )
    assert ask(narrow, EARLY).rule_id == "campaign.hours"


def test_a_campaign_narrows_days_and_hours_with_its_own_rule_id() -> None:
    narrowing = Narrowing(days=("tue", "wed"), spans=(("11:00", "13:00"), ("15:00", "16:00")))
    narrow = replace(SERVICE, narrowing=narrowing)
    monday = ask(narrow, NOON + timedelta(hours=2))
    assert [(found.code, found.rule_id) for found in monday.findings] == [
        ("DAY_CLOSED", "campaign.hours"),
        ("OUTSIDE_HOURS", "campaign.hours"),
    ]
    assert monday.next_allowed_at == datetime(2026, 11, 24, 5, 30, tzinfo=UTC)
    tuesday = ask(narrow, NOON + timedelta(days=1))
    assert tuesday.window_ends_at == datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
    after = ask(narrow, NOON + timedelta(days=2, hours=5))
    assert after.next_allowed_at == datetime(2026, 12, 1, 5, 30, tzinfo=UTC)


def test_a_campaign_cannot_widen() -> None:
    wide = replace(SERVICE, narrowing=Narrowing(spans=(("00:00", "24:00"),)))
    assert ask(wide, NOON - timedelta(hours=4)).code == "OUTSIDE_HOURS"


@pytest.mark.parametrize(
    "narrowing",
    [{"days": ("monday",)}, {"spans": (("18:00", "10:00"),)}, {"spans": (("10", "18"),)}],
)
def test_a_narrowing_that_makes_no_sense_is_refused_at_once(narrowing: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no day|ends before|no time"):
        Narrowing(**narrowing)  # type: ignore[arg-type]


def test_a_rule_is_inert_outside_its_dates_and_when_disabled() -> None:
    before = datetime(2026, 3, 14, 6, 30, tzinfo=UTC)  # in.cli.service binds from 15 March
    facts = replace(declare(declared_on=date(2026, 1, 1)), caller=None)
    assert ask(facts, before).allowed
    assert ask(facts, before + timedelta(days=1)).code == "CLI_SERIES_MISMATCH"
    ends = india(
        "effective_from = 2026-03-15", "effective_from = 2026-03-15\neffective_to = 2026-11-23"
    )
    assert ask(facts, NOON, ends).code == "CLI_SERIES_MISMATCH"
    assert ask(facts, NOON + timedelta(days=1), ends).allowed


def test_a_warning_does_not_deny_and_is_no_window_either() -> None:
    warned = india('severity = "block"', 'severity = "warn"')
    assert ask(PROMO, NOON, warned).code == "NO_WINDOW_RULE"


def test_two_rules_for_one_day_must_both_allow() -> None:
    text = '''
[[rule]]
id = "in.service.lunch.policy"
kind = "window"
categories = ["service"]
days = ["mon"]
spans = [["10:00", "12:00"], ["13:00", "22:00"]]
authority = "policy"
severity = "block"
effective_from = 2026-01-01
source = "Project policy"
confidence = "P"

[[rule]]
id = "in.service.window.policy"'''
    packs = india('\n[[rule]]\nid = "in.service.window.policy"', text)
    verdict = ask(SERVICE, NOON, packs)
    assert (verdict.code, verdict.rule_id) == ("OUTSIDE_HOURS", "in.service.lunch.policy")
    assert verdict.next_allowed_at == NOON + timedelta(hours=1)
    assert ask(SERVICE, NOON + timedelta(hours=9), packs).rule_id == "in.service.window.policy"


def test_caps_and_gaps_are_policy_an_operator_can_switch_on() -> None:
    on = india("enabled = false                  # no statutory", "# no statutory")
    calls = tuple(PastAttempt(NOON - timedelta(hours=hours)) for hours in (1, 2, 3))
    verdict = ask(replace(SERVICE, history=calls), NOON, on)
    assert (verdict.code, verdict.rule_id) == ("ATTEMPT_CAP", "in.cap.policy")
    assert verdict.next_allowed_at == datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
    assert ask(replace(SERVICE, history=calls[:2]), NOON, on).allowed
    gap = india(
        'id = "in.gap.policy"\nkind = "gap"\nenabled = false', 'id = "in.gap.policy"\nkind = "gap"'
    )
    odd = PastAttempt(NOON - timedelta(microseconds=1))
    verdict = ask(replace(SERVICE, history=(odd,)), NOON, gap)
    assert (verdict.code, verdict.next_allowed_at) == ("MIN_GAP", odd.at + timedelta(hours=2))
    assert ask(replace(SERVICE, history=(odd,)), odd.at + timedelta(hours=2), gap).allowed


def test_a_pack_without_its_parent_before_it_covers_nothing() -> None:
    federal, florida = find_packs(["us-fl"])
    tampa = replace(US, phone="+18135552368", scrub=Scrub(NOON, "clear"))
    assert ask(tampa, US_NOON, (federal, florida)).allowed
    assert ask(tampa, US_NOON, (florida,)).code == "NO_RULE_PACK"
    assert ask(tampa, US_NOON, (florida, federal)).code == "NO_RULE_PACK"


def test_a_state_pack_binds_its_area_codes_only() -> None:
    evening = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)  # 20:30 in New York and Tampa
    clear, packs = replace(US, scrub=Scrub(NOON, "clear")), find_packs(["us-fl"])
    assert ask(clear, evening, packs).allowed
    assert ask(replace(clear, phone="+18135552368"), evening, packs).rule_id == "us-fl.window"


def test_a_calling_code_shared_with_another_country_is_not_that_country() -> None:
    vancouver = replace(US, phone="+16045552368")
    assert ask(vancouver, US_NOON, find_packs(["us"])).code == "NO_RULE_PACK"
    guernsey = replace(US, phone="+447911123456", category="marketing", scrub=Scrub(NOON, "clear"))
    assert ask(guernsey, US_NOON, find_packs(["gb"])).allowed


def test_an_area_code_of_two_zones_is_in_both() -> None:
    gary = replace(US, phone="+12198812368", scrub=Scrub(NOON, "clear"))
    verdict = ask(gary, US_NOON, find_packs(["us"]))
    assert {"America/Chicago", "America/Indiana/Indianapolis"} <= set(verdict.zones)


def test_a_closed_campaign_is_not_claimed_but_one_that_never_opens_is_told_so() -> None:
    def may_open(category: str, now: datetime, *zones: str, days: tuple[str, ...] = ()) -> bool:
        return any_zone_open(INDIA, category, "auto_pre", Narrowing(days=days), zones, now)

    night = NOON + timedelta(hours=10)
    assert may_open("service", NOON)
    assert not may_open("service", night)
    assert may_open("service", night, "Europe/London")
    assert not may_open("service", night, "Nowhere/Else")
    assert not may_open("service", NOON, days=("tue",))
    assert may_open("promotional", night)  # someone may have switched the band on
    assert may_open("survey", night)
    assert any_zone_open((), "service", "robo", Narrowing(), (), night)
    us = find_packs(["us-fl"])
    assert any_zone_open(us, "telemarketing", "voice", Narrowing(), (), night)
