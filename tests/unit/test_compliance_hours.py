"""When a campaign's leads may be called at all, and what work fits in: windows alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from dialer.compliance.decide import (
    Hours,
    any_zone_open,
    may_be_open,
    next_open_at,
    worked_through,
)
from dialer.compliance.facts import Narrowing, PastAttempt
from dialer.compliance.numbering import Number, read_number
from dialer.compliance.packs import SHIPPED, Pack, find_packs, read_pack
from tests.unit.compliance_facts import INDIA, NOON, SERVICE, US, US_NOON, ask

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PHONE = "+919876543210"
NIGHT = NOON + 10 * HOUR  # 22:00 in India
MORNING = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)  # 09:00 the next day


def hours(
    category: str = "service",
    packs: Sequence[Pack] = INDIA,
    days: tuple[str, ...] = (),
    spans: tuple[tuple[str, str], ...] = (),
) -> Hours:
    return Hours(packs, category, "auto_pre", Narrowing(days, spans))


def opens(at: datetime, of: Hours, phone: str = PHONE, zone: str | None = None) -> datetime | None:
    return next_open_at(of, phone=phone, lead_zone=zone, at=at)


def test_the_next_opening_is_now_or_when_every_window_opens() -> None:
    odd = NOON + timedelta(microseconds=5)
    assert opens(odd, hours()) == odd
    assert opens(NIGHT, hours()) == MORNING
    assert opens(NOON, hours(spans=(("15:00", "16:00"),))) == NOON + 3 * HOUR
    london = datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert opens(NOON, hours(), zone="Europe/London") == london
    assert opens(NIGHT, hours("promotional")) == MORNING + HOUR, "no band was switched on"


@pytest.mark.parametrize(
    ("of", "phone", "zone"),
    [
        (hours("survey"), PHONE, None),
        (hours(), "+12125552368", None),
        (hours(packs=()), PHONE, None),
        (hours(), "12", None),
        (hours(), PHONE, "Nowhere/Else"),
        (hours(spans=(("09:00", "10:00"),)), PHONE, "Asia/Tokyo"),
    ],
)
def test_hours_that_never_come_or_cannot_be_told_have_no_opening(
    of: Hours, phone: str, zone: str | None
) -> None:
    assert opens(NOON, of, phone, zone) is None
    assert may_be_open(of, phone=phone, lead_zone=zone, now=NOON), "looked at to be told so"
    work = worked_through(of, phone=phone, lead_zone=zone, at=NOON, work_s=1.0)
    assert work is None


def test_a_lead_whose_window_is_closed_waits() -> None:
    def may(at: datetime, of: Hours, zone: str | None = None) -> bool:
        return may_be_open(of, phone=PHONE, lead_zone=zone, now=at)

    assert may(NOON, hours())
    assert not may(NIGHT, hours())
    assert not may(NOON, hours(), "Europe/London")  # 06:30 there
    assert may(NIGHT, hours("promotional"))  # the band may be switched on
    assert not may(NOON, hours(days=("tue",)))


def test_zones_that_a_pack_tells_by_prefix_are_tried() -> None:
    """20:30 in Sydney, 17:30 in Perth; a lead's own zone may be open where none of them is."""
    packs = find_packs(["au"])
    at = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    of = Hours(packs, "telemarketing", "voice", Narrowing())
    assert any_zone_open(of, (), at)
    assert not any_zone_open(of, (), at + 4 * HOUR)
    assert any_zone_open(of, ("Europe/London",), at + 4 * HOUR)
    assert not any_zone_open(of, ("Nowhere/Else",), at + 4 * HOUR)


def test_a_pack_that_reads_zones_off_numbers_is_taken_to_allow() -> None:
    us = Hours(find_packs(["us"]), "telemarketing", "voice", Narrowing())
    assert any_zone_open(us, ("Asia/Kolkata",), datetime(2026, 11, 23, 8, tzinfo=UTC))


def test_work_is_laid_over_two_windows_a_day_for_a_year() -> None:
    """The 732nd window that the campaign opens ends the search, and not the one before it."""
    of = hours()

    def through(work_h: float) -> datetime | None:
        return worked_through(of, phone=PHONE, lead_zone=None, at=NOON, work_s=work_h * 3600)

    first = 9  # hours left of the first window, and twelve in each of the others
    end = NOON + 9 * HOUR + 731 * DAY
    assert through(first + 731 * 12) == end
    assert through(first + 730 * 12 + 1) == end - 11 * HOUR
    assert through(first + 731 * 12 + 1 / 3600) is None


def test_work_in_a_window_that_never_closes_is_done_without_a_break() -> None:
    of = hours("transactional")
    found = worked_through(of, phone=PHONE, lead_zone=None, at=NOON, work_s=1e7)
    assert found == NOON + timedelta(seconds=1e7)


def test_a_cap_that_begins_as_the_window_opens_denies_at_once() -> None:
    """A window from midnight, and a cap in effect from the same midnight on."""
    calls = tuple(PastAttempt(NOON + n * HOUR) for n in range(3))
    night = NOON + 11 * HOUR  # 23:00 on Monday
    facts = replace(SERVICE, history=calls)
    packs = _capped("effective_from = 2026-11-24", 'period = "P2D"', spans='["00:00", "22:00"]')
    verdict = ask(facts, night, packs)
    assert verdict.codes == ("OUTSIDE_HOURS",)
    assert verdict.next_allowed_at == datetime(2026, 11, 24, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "opening"),
    [
        ("2026-11-23", MORNING),
        ("2026-11-24", MORNING + DAY),
        ("2026-11-30", MORNING + 4 * DAY),
    ],
)
def test_a_cap_denies_through_its_last_day_and_no_longer(last: str, opening: datetime) -> None:
    """Three calls on Monday the 23rd, and a cap of three in five days."""
    calls = tuple(PastAttempt(NOON - n * HOUR) for n in range(3))
    packs = _capped(f"effective_from = 2026-01-01\neffective_to = {last}", 'period = "P5D"')
    verdict = ask(replace(SERVICE, history=calls), NOON, packs)
    assert (verdict.code, verdict.next_allowed_at) == ("ATTEMPT_CAP", opening)


def _capped(dates: str, period: str, spans: str = '["09:00", "21:00"]') -> tuple[Pack, ...]:
    """India with its policy's cap of three switched on, by calendar days."""
    text = (SHIPPED / "in.toml").read_text(encoding="utf-8")
    text = text.replace('spans = [["09:00", "21:00"]]', f"spans = [{spans}]", 1)
    place = text.index('id = "in.cap.policy"')
    cap = text[place:].replace("enabled = false", "enabled = true", 1)
    for right, wrong in (
        ('period = "P1D"', period),
        ('period_type = "calendar_day"', 'period_type = "calendar_days_local"'),
        ("effective_from = 2026-01-01", dates),
    ):
        assert right in cap
        cap = cap.replace(right, wrong, 1)
    return (read_pack((text[:place] + cap).encode(), Path("in.toml")),)


@pytest.mark.parametrize(
    ("phone", "number"),
    [
        (PHONE, Number(True, "mobile", "91", "9876543210", "IN", ("Asia/Kolkata",))),
        (
            "+911123456789",
            Number(True, "fixed_line", "91", "1123456789", "IN", ("Asia/Calcutta",)),
        ),
        (
            "+911401200001",
            Number(True, "caller_series", "91", "1401200001", "IN", ("Asia/Calcutta",)),
        ),
        ("+441400272345", Number(True, "fixed_line", "44", "1400272345", "GB", ("Europe/London",))),
        ("+18002530000", None),
        ("+999123456789", Number(False, "unknown", "", "", None, ())),
        ("+12", Number(False, "unknown", "", "", None, ())),
        ("+911", Number(False, "unknown", "", "", None, ())),
    ],
)
def test_what_a_number_shows(phone: str, number: Number | None) -> None:
    found = read_number(phone)
    if number is None:
        assert found.kind == "toll_free"
    else:
        assert found == number


def test_an_attempt_of_which_no_more_is_known_is_no_conversation() -> None:
    """The gap of Regulation F runs from a conversation."""
    past = PastAttempt(US_NOON - DAY)
    facts = replace(US, category="debt_recovery", scrub=None, history=(past,))
    assert ask(facts, US_NOON, find_packs(["us"])).allowed
    talked = replace(facts, history=(replace(past, conversation=True),))
    assert ask(talked, US_NOON, find_packs(["us"])).codes == ("MIN_GAP",)
