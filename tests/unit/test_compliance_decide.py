"""Decisions beyond the reference cases: facts that are missing, early or contradictory."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from msgspec.structs import replace as replace_rule

from dialer.compliance.facts import (
    Caller,
    Consent,
    Facts,
    PastAttempt,
    Scrub,
)
from dialer.compliance.packs import SHIPPED, Pack, add_regions, find_packs, read_pack
from dialer.compliance.rules_register import goes_stale_at
from dialer.compliance.schema import SAME_LOCAL_DAY, Dnc
from tests.unit.compliance_facts import (
    NOON,
    PROMO,
    SECOND,
    SERVICE,
    US,
    US_NOON,
    ask,
    declare,
    india,
)


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


CAP = "enabled = false                  # no statutory cap found; turn on per tenant"


def test_the_next_instant_minds_a_cap_that_only_begins_or_ends_on_the_way() -> None:
    night = NOON - timedelta(hours=11)  # 01:00 in India, Monday 23 November
    calls = tuple(PastAttempt(night - timedelta(minutes=minutes)) for minutes in (1, 2, 3))
    facts = replace(SERVICE, history=calls)
    text = (SHIPPED / "in.toml").read_text(encoding="utf-8").replace(CAP, "")
    tail = text.index('id = "in.cap.policy"')

    def dated(dates: str) -> tuple[Pack, ...]:
        changed = text[tail:].replace("effective_from = 2026-01-01", dates, 1)
        return (read_pack((text[:tail] + changed).encode(), Path("in.toml")),)

    opening = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)  # 09:00
    open_ended = ask(facts, night, dated("effective_from = 2026-01-01"))
    assert open_ended.codes == ("OUTSIDE_HOURS", "ATTEMPT_CAP")
    assert open_ended.next_allowed_at == opening + timedelta(days=1)
    ends = dated("effective_from = 2026-01-01\neffective_to = 2026-11-22")
    assert ask(facts, night, ends).next_allowed_at == opening
    begun = tuple(PastAttempt(night - timedelta(hours=2) + SECOND * n) for n in range(3))
    earlier = replace(facts, history=begun)  # on the 22nd, before midnight
    asked_at = night - timedelta(hours=1, minutes=30)
    begins = dated("effective_from = 2026-11-23")
    assert ask(earlier, asked_at, begins).codes == ("OUTSIDE_HOURS",)
    assert ask(earlier, asked_at, begins).next_allowed_at == opening
    rolling = text[tail:].replace('period_type = "calendar_day"', 'period_type = "rolling"', 1)
    late = rolling.replace("effective_from = 2026-01-01", "effective_from = 2026-11-23", 1)
    packs = (read_pack((text[:tail] + late).encode(), Path("in.toml")),)
    verdict = ask(earlier, asked_at, packs)
    assert verdict.codes == ("OUTSIDE_HOURS",)
    assert verdict.next_allowed_at == opening + timedelta(days=1)


def test_a_mode_nobody_knows_is_blocked_by_whoever_blocked_a_mode() -> None:
    said = replace(PROMO, scrub=Scrub(NOON, "mode_off:voice"))
    assert ask(said).allowed
    assert ask(replace(said, mode="hologram")).codes == ("PREF_MODE_BLOCKED",)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (replace(PROMO, scrub=None), "there is none"),
        (replace(PROMO, scrub=Scrub(NOON + SECOND, "clear")), "lies in the future"),
        (replace(PROMO, scrub=Scrub(NOON, "probably fine")), "is not understood"),
        (replace(PROMO, scrub=Scrub(NOON - timedelta(days=2), "clear")), "the last was 20"),
        (replace(PROMO, sector=None, scrub=Scrub(NOON, "block:2")), "sector is not known"),
        (replace(PROMO, sector=2, scrub=Scrub(NOON, "block:2")), ": sector 2."),
        (replace(SERVICE, caller=None), "No caller series is known"),
        (replace(SERVICE, caller=Caller("+911601200001", "140")), "series is 140"),
        (replace(SERVICE, entity=None), "none is allowed for entity unknown"),
        (replace(SERVICE, entity="circus"), "none is allowed for entity circus"),
        (replace(SERVICE, number_type="premium_rate"), "(premium_rate)"),
    ],
)
def test_a_denial_says_what_was_found(facts: Facts, says: str) -> None:
    assert says in " ".join(finding.detail for finding in ask(facts).findings)


@pytest.mark.parametrize(
    ("freshness", "made_at", "until"),
    [
        (SAME_LOCAL_DAY, datetime(2026, 11, 23, 6, tzinfo=UTC), "2026-11-23T18:30:00+00:00"),
        (SAME_LOCAL_DAY, datetime(2026, 11, 23, 18, 29, tzinfo=UTC), "2026-11-23T18:30:00+00:00"),
        (SAME_LOCAL_DAY, datetime(2026, 11, 23, 18, 30, tzinfo=UTC), "2026-11-24T18:30:00+00:00"),
        ("P7D", datetime(2026, 11, 23, 6, tzinfo=UTC), "2026-11-30T06:00:00+00:00"),
    ],
)
def test_a_scrub_goes_stale_at_the_end_of_its_day_or_of_its_time(
    freshness: str, made_at: datetime, until: str
) -> None:
    (rule,) = find_packs(["in"])[0].rules_of(Dnc)
    zones = (ZoneInfo("Asia/Kolkata"),)
    found = goes_stale_at(zones, replace_rule(rule, freshness=freshness), Scrub(made_at, "clear"))
    assert found == datetime.fromisoformat(until)


def test_a_region_inside_a_named_pack_binds_without_being_named() -> None:
    assert [pack.id for pack in add_regions(find_packs(["in"]))] == ["in"]
    packs = add_regions(find_packs(["us"]))
    assert [pack.id for pack in packs] == ["us", "us-fl"]
    evening = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)  # 20:30 in Tampa
    clear = replace(US, phone="+18135552368", scrub=Scrub(NOON, "clear"))
    assert ask(clear, evening, packs).rule_id == "us-fl.window"
