"""What the cells of a list mean."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain import lead
from dialer.domain.lead import PhoneCell, PhoneProblem, Problem

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
ASHA = "+919876543210"
RAVI = "+919123456789"


@pytest.mark.parametrize(
    ("written", "phone"),
    [
        ("9876543210", ASHA),
        ("09876543210", ASHA),
        ("919876543210", ASHA),
        ("+919876543210", ASHA),
        ("00919876543210", ASHA),
        ("+91 98765 43210", ASHA),
        ("+91-98765-43210", ASHA),
        ("+91-98765 43210", ASHA),
        ("98765-43210", ASHA),
        ("98765.43210", ASHA),
        ("(98765) 43210", ASHA),
        ("(+91) 98765 43210", ASHA),
        ("[91] 9876543210", ASHA),
        ("+91 (0) 98765 43210", ASHA),
        ("+91-09876543210", ASHA),
        ("  9876543210  ", ASHA),
        ("'9876543210", ASHA),
        ("’9876543210", ASHA),
        ('="9876543210"', ASHA),
        ('"9876543210"', ASHA),
        ("tel:+91-98765-43210", ASHA),
        ("TEL: 9876543210", ASHA),
        ("९८७६५४३२१०", ASHA),
        ("+९१ ९८७६५ ४३२१०", ASHA),
        ("৯৮৭৬৫৪৩২১০", ASHA),
        ("９８７６５４３２１０", ASHA),
        ("＋９１９８７６５４３２１０", ASHA),
        ("98765\u00a043210", ASHA),
        ("98765\u200943210", ASHA),
        ("98765\u201143210", ASHA),
        ("98765–43210", ASHA),
        ("98765−43210", ASHA),
        ("\u202a+919876543210\u202c", ASHA),
        ("9876\u200b543210", ASHA),
        ("\ufeff9876543210", ASHA),
        ("9876543210.0", ASHA),
        ("9876543210.00", ASHA),
        ("919876543210.0", ASHA),
        ("9.876543210E+09", ASHA),
        ("9.876543210e9", ASHA),
        ("9,876543210E+09", ASHA),
        ("9.19876543210E+11", ASHA),
        ("9,876,543,210", ASHA),
        ("9,87,65,43,210", ASHA),
        ("6000000000", "+916000000000"),
        ("8022345678", "+918022345678"),
        ("080-22345678", "+918022345678"),
        ("022 2654 3210", "+912226543210"),
        ("0141-2345678", "+911412345678"),
        ("+91 141 234 5678", "+911412345678"),
        ("+1 212 555 0123", "+12125550123"),
        ("001 212 555 0123", "+12125550123"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+44 7911 123456", "+447911123456"),
        ("+61 412 345 678", "+61412345678"),
        ("+971 50 123 4567", "+971501234567"),
    ],
)
def test_a_number_is_read_as_people_and_spreadsheets_write_it(written: str, phone: str) -> None:
    assert lead.normalise_phone(written) == phone


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("'", "empty"),
        ("987654321", "9 digits"),
        ("987654321.0", "9 digits"),
        ("0987654321.0", "10 has|digits|begins"),
        ("98765432101", "11 digits"),
        ("12345", "5 digits"),
        ("0000000000", "not a phone number"),
        ("1234567890", "no Indian number"),
        ("0919876543210", "Indian number"),
        ("9.87654321E+09", "Excel rounded"),
        ("9.19877E+11", "Excel rounded"),
        ("9E+09", "Excel rounded"),
        ("-9876543119", "spreadsheet calculated"),
        ("#N/A", "letters"),
        ("#REF!", "letters"),
        ("NULL", "letters"),
        ("98765ABCDE", "letters"),
        ("1-800-FLOWERS", "letters"),
        ("9876543210 (home)", "letters"),
        ("080-22345678 ext 12", "extension"),
        ("080-22345678 x12", "extension"),
        ("9876543210*", "characters"),
        ("98765?3210", "characters"),
        ("9876543210/9123456789", "characters"),
        ("98765432109123456789", "too many digits"),
        ("++919876543210", "characters|not a phone"),
        ("140 123 4567", "service number"),
        ("1600123456", "service number"),
        ("+911601200001", "service number"),
        ("1800 123 4567", "service number"),
        ("1800-123-456", "service number"),
        ("+1 800 555 1234", "toll-free"),
        ("12125550123", "country code"),
        ("+999 12345678", "country code"),
        ("+1 111 111 1111", "not a valid number"),
        ("+", "not a phone number|characters"),
    ],
)
def test_what_is_no_number_is_refused_with_a_reason(written: str, why: str) -> None:
    problem = lead.normalise_phone(written)
    assert isinstance(problem, PhoneProblem)
    assert re.search(why, problem.reason), problem.reason


@pytest.mark.parametrize(
    ("region", "written", "phone"),
    [
        ("US", "(212) 555-0123", "+12125550123"),
        ("us", "1 212 555 0123", "+12125550123"),
        ("GB", "020 7946 0958", "+442079460958"),
        ("GB", "+91 98765 43210", ASHA),
        ("AU", "0412 345 678", "+61412345678"),
    ],
)
def test_national_numbers_belong_to_the_default_region(
    region: str, written: str, phone: str
) -> None:
    assert lead.normalise_phone(written, region) == phone


def test_ten_digits_are_indian_only_where_india_is_the_default() -> None:
    assert isinstance(lead.normalise_phone("9876543210", "GB"), PhoneProblem)
    assert "XX" in str(lead.normalise_phone("5550123", "XX"))


@pytest.mark.parametrize(
    ("written", "cell"),
    [
        (ASHA, PhoneCell(lead.Phone(ASHA))),
        ("9876543210/9123456789", PhoneCell(lead.Phone(ASHA), (lead.Phone(RAVI),))),
        ("9876543210 ; 9123456789", PhoneCell(lead.Phone(ASHA), (lead.Phone(RAVI),))),
        ("9876543210, 9123456789", PhoneCell(lead.Phone(ASHA), (lead.Phone(RAVI),))),
        ("9876543210 or 9123456789", PhoneCell(lead.Phone(ASHA), (lead.Phone(RAVI),))),
        ("9876543210\n9123456789", PhoneCell(lead.Phone(ASHA), (lead.Phone(RAVI),))),
        ("+919876543210+919123456789", PhoneCell(lead.Phone(ASHA), (lead.Phone(RAVI),))),
        ("9876543210/9876543210", PhoneCell(lead.Phone(ASHA))),
        ("12/9876543210", PhoneCell(lead.Phone(ASHA), (), unread=True)),
        ("080-22345678/79", PhoneCell(lead.Phone("+918022345678"), (), unread=True)),
    ],
)
def test_several_numbers_in_a_cell_are_all_kept(written: str, cell: PhoneCell) -> None:
    assert lead.read_phones(written) == cell


@pytest.mark.parametrize("written", ["", "12/34", "n/a", "080-22345678 ext 5; 12"])
def test_a_cell_without_a_number_is_refused(written: str) -> None:
    assert isinstance(lead.read_phones(written), PhoneProblem)


@settings(deadline=None)
@given(st.text(alphabet="0123456789+-. ()/,;'E९\u00a0x", max_size=24) | st.text(max_size=30))
def test_any_text_is_a_dialable_number_or_a_problem(text: str) -> None:
    cell = lead.read_phones(text)
    if isinstance(cell, PhoneCell):
        for phone in (cell.phone, *cell.others):
            assert re.fullmatch(r"\+[1-9][0-9]{6,14}", phone)
            assert not phone.startswith(("+91140", "+91160", "+911800"))
    else:
        assert cell.reason


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("", None),
        ("Asia/Kolkata", "Asia/Kolkata"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        (" asia/calcutta ", "Asia/Kolkata"),
        ("Europe/Amsterdam", "Europe/Amsterdam"),
        ("america/new york", "America/New_York"),
        ("US/Pacific", "America/Los_Angeles"),
        ("UTC", "Etc/UTC"),
    ],
)
def test_a_zone_is_stored_under_its_canonical_name(written: str, zone: str | None) -> None:
    assert lead.read_timezone(written) == zone


@pytest.mark.parametrize("written", ["IST", "EST", "+05:30", "GMT+5:30", "Mumbai", "../etc/x", "/"])
def test_an_unclear_zone_is_never_guessed(written: str) -> None:
    assert isinstance(lead.read_timezone(written), Problem)


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("", None),
        ("hi", "hi"),
        ("HI_in", "hi-IN"),
        ("en-IN", "en-IN"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("Tamil", "ta"),
        ("हिन्दी", "hi"),
        ("mai", "mai"),
    ],
)
def test_a_language_is_a_tag(written: str, tag: str | None) -> None:
    assert lead.read_language(written) == tag


@pytest.mark.parametrize("written", ["xx", "Klingon", "hi-", "yes", "h", "hi/en"])
def test_an_unknown_language_is_refused(written: str) -> None:
    assert isinstance(lead.read_language(written), Problem)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("", None),
        ("None", None),
        ("explicit_dca", "explicit_dca"),
        ("Explicit DCA", "explicit_dca"),
        ("express-written", "express_written"),
        ("inferred", "inferred"),
        ("inferred: ended", "inferred:ended"),
        ("EBR", "ebr"),
    ],
)
def test_a_consent_kind_is_one_the_packs_know(written: str, kind: str | None) -> None:
    assert lead.read_consent_kind(written) == kind


@pytest.mark.parametrize("written", ["yes", "explicit", "verbal", "inferred:"])
def test_any_other_consent_is_refused_naming_the_kinds(written: str) -> None:
    problem = lead.read_consent_kind(written)
    assert isinstance(problem, Problem)
    assert "explicit_dca" in problem.reason


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-04-03", datetime(2026, 4, 2, 18, 30, tzinfo=UTC)),
        ("2026-04-03T10:30", datetime(2026, 4, 3, 5, 0, tzinfo=UTC)),
        ("2026-04-03 10:30:00", datetime(2026, 4, 3, 5, 0, tzinfo=UTC)),
        ("2026-04-03T10:30:00Z", datetime(2026, 4, 3, 10, 30, tzinfo=UTC)),
        ("2026-04-03T10:30:00+05:30", datetime(2026, 4, 3, 5, 0, tzinfo=UTC)),
        ("03/04/2026", datetime(2026, 4, 2, 18, 30, tzinfo=UTC)),
        ("3-4-2026", datetime(2026, 4, 2, 18, 30, tzinfo=UTC)),
        ("03.04.2026 9:05", datetime(2026, 4, 3, 3, 35, tzinfo=UTC)),
        ("25/04/2026 19:05:30", datetime(2026, 4, 25, 13, 35, 30, tzinfo=UTC)),
    ],
)
def test_consent_dates_are_indian_and_day_first(written: str, at: datetime) -> None:
    assert lead.read_consent_at(written, now=NOW) == at


@pytest.mark.parametrize(
    "written",
    [
        "04/25/2026",
        "3/4/26",
        "3/4-2026",
        "20260403",
        "last May",
        "46115",
        "0001-01-01",
        "2026-11-26",
    ],
)
def test_an_unclear_or_future_consent_date_is_refused(written: str) -> None:
    assert isinstance(lead.read_consent_at(written, now=NOW), Problem)


def test_no_consent_date_is_none() -> None:
    assert lead.read_consent_at(" ", now=NOW) is None
