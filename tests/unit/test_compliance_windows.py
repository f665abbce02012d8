"""Hours: zones, bands a subscriber switched, and what a campaign may narrow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from dialer.compliance.decide import Hours, any_zone_open, worked_through
from dialer.compliance.facts import (
    Narrowing,
    Scrub,
)
from dialer.compliance.packs import find_packs
from tests.unit.compliance_facts import (
    INDIA,
    NOON,
    PROMO,
    SERVICE,
    ask,
    india,
)


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


def test_a_closed_campaign_is_not_claimed_but_one_that_never_opens_is_told_so() -> None:
    def may_open(category: str, now: datetime, *zones: str, days: tuple[str, ...] = ()) -> bool:
        return any_zone_open(Hours(INDIA, category, "auto_pre", Narrowing(days=days)), zones, now)

    night = NOON + timedelta(hours=10)
    assert may_open("service", NOON)
    assert not may_open("service", night)
    assert may_open("service", night, "Europe/London")
    assert not may_open("service", night, "Nowhere/Else")
    assert not may_open("service", NOON, days=("tue",))
    assert may_open("promotional", night)  # someone may have switched the band on
    assert may_open("survey", night)
    assert any_zone_open(Hours((), "service", "robo", Narrowing()), (), night)
    us = find_packs(["us-fl"])
    assert any_zone_open(Hours(us, "telemarketing", "voice", Narrowing()), (), night)


def test_work_is_laid_over_as_many_days_as_it_takes() -> None:
    def through(hours: float, days: tuple[str, ...] = ()) -> datetime | None:
        own = Hours(INDIA, "service", "auto_pre", Narrowing(days=days))
        work_s = hours * 3600
        return worked_through(own, phone=SERVICE.phone, lead_zone=None, at=NOON, work_s=work_s)

    evening = NOON + timedelta(hours=9)
    assert through(2.0) == NOON + timedelta(hours=2)
    assert through(9.0) == evening
    assert through(10.0) == evening + timedelta(hours=13)  # an hour of the next morning
    assert through(9.0 + 99 * 12) == evening + timedelta(days=99)
    assert through(1e5) is None
    assert through(1.0, days=("tue",)) == evening + timedelta(hours=13)
