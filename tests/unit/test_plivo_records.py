"""REST objects as Plivo's fixtures show them, and the doctor's verdicts on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from dialer.providers.plivo_doctor import CampaignNeed, check_series, judge_number, judge_skew
from dialer.providers.plivo_records import OwnedNumber, read_finished, read_live, read_number
from dialer.providers.plivo_values import moment, money, phone, tuned, whole, without_numbers

CDR = {
    "call_uuid": "c-1",
    "call_direction": "outbound",
    "from_number": "911601200001",
    "to_number": "919876543210",
    "initiation_time": "2017-05-22 17:49:40+05:30",
    "answer_time": "2017-05-22 17:49:50+05:30",
    "end_time": "2017-05-22 17:50:56+05:30",
    "call_duration": 66,
    "bill_duration": 66,
    "billed_duration": 120,
    "total_amount": "0.01000",
    "call_state": "ANSWER",
    "hangup_cause_code": 4000,
    "hangup_cause_name": "Normal Hangup",
    "hangup_source": "Callee",
}


def test_a_finished_call_is_read_in_utc_and_real_seconds() -> None:
    call = read_finished(CDR)
    assert call is not None
    assert call.begun_at == datetime(2017, 5, 22, 12, 19, 40, tzinfo=UTC)
    assert call.answered_at == datetime(2017, 5, 22, 12, 19, 50, tzinfo=UTC)
    assert call.ended_at == datetime(2017, 5, 22, 12, 20, 56, tzinfo=UTC)
    assert (call.duration_s, call.bill_s, call.cost_usd) == (66, 66, Decimal("0.01000"))
    assert (call.to, call.from_) == ("+919876543210", "+911601200001")
    assert (call.hangup_code, call.hangup_source) == (4000, "Callee")
    assert call.request_uuid is None


def test_a_record_that_says_little_reads_as_little() -> None:
    call = read_finished({"call_uuid": "c-1", "total_amount": "", "end_time": "soon"})
    assert call is not None
    assert (call.cost_usd, call.ended_at, call.duration_s, call.to) == (None, None, None, None)
    assert read_finished({"error": "not found"}) is None
    assert read_live({}) is None


def test_a_live_call_has_its_request() -> None:
    call = read_live(
        {
            "call_uuid": "c-1",
            "request_uuid": "r-1",
            "call_status": "ringing",
            "to": "919876543210",
            "from": "+911601200001",
            "session_start": "2024-10-25 14:13:35.846244",
        }
    )
    assert call is not None
    assert (call.request_uuid, call.status, call.to) == ("r-1", "ringing", "+919876543210")
    assert call.begun_at is None  # no zone there: not guessed


@pytest.mark.parametrize("naive", ["2017-05-22 17:49:40", "", "never", None, 5, "9999-99-99 1:1Z"])
def test_a_time_without_a_zone_is_none(naive: object) -> None:
    assert moment(naive) is None


def test_values_are_strict() -> None:
    assert [whole(one) for one in ("07", 7, "-1", "1_0", "७", True, None, "1.5")] == [
        7, 7, None, None, None, None, None, None,
    ]  # fmt: skip
    assert [money(one) for one in ("0.5", 0.25, "-1", "inf", "x", None)] == [
        Decimal("0.5"), Decimal("0.25"), None, None, None, None,
    ]  # fmt: skip
    assert [phone(one) for one in ("919876543210", " 919876543210", "sip:a@b", "0911", 12)] == [
        "+919876543210", "+919876543210", "sip:a@b", None, None,
    ]  # fmt: skip
    assert tuned("https://h/a?b=1#old").count("#") == 1
    assert "98765" not in without_numbers("call to +91 98765 43210 failed")


def owned(**changes: object) -> OwnedNumber:
    row: dict[str, object] = {
        "number": "911601200001",
        "number_type": "local",
        "application": "/v1/Account/MA/Application/123/",
        "voice_enabled": True,
        "compliance_status": "accepted",
    }
    number = read_number({**row, **changes})
    assert number is not None
    return number


def test_a_rented_number_names_its_application() -> None:
    assert owned().app_id == "123"
    assert owned(application=None).app_id is None


@pytest.mark.parametrize(
    ("number", "ok"),
    [
        (owned(), True),
        (owned(compliance_status="suspended"), False),
        (owned(compliance_status=None), None),
        (owned(voice_enabled=False), False),
        (None, False),
    ],
)
def test_the_doctor_judges_a_number(number: OwnedNumber | None, ok: bool | None) -> None:
    finding = judge_number("number", number)
    assert finding.ok is ok
    assert bool(finding.fix) is (ok is not True)


@pytest.mark.parametrize(
    ("declared", "ok", "says"),
    [
        ({"+911601200001": "1601"}, True, "may be used"),
        ({"+911601200001": "1600"}, False, "prefix says 1601"),
        ({}, False, "not declared"),
        ({"+911601200001": "140"}, False, "prefix says 1601"),
    ],
)
def test_the_doctor_compares_series_with_category(
    declared: dict[str, str], ok: bool, says: str
) -> None:
    need = CampaignNeed("diwali", "service", ["+911601200001"], frozenset({"1600", "1601"}))
    finding = check_series(need, declared)
    assert finding.ok is ok
    assert says in finding.detail


def test_a_promotional_series_is_not_for_a_service_campaign() -> None:
    need = CampaignNeed("diwali", "service", ["+911402000001"], frozenset({"1600", "1601"}))
    finding = check_series(need, {"+911402000001": "140"})
    assert finding.ok is False
    assert "1600, 1601" in finding.fix
    assert check_series(CampaignNeed("x", "service", [], need.series), {}).ok is False


NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ours", "ok", "word"),
    [
        (NOON, True, "agrees"),
        (NOON + timedelta(seconds=60), False, "ahead of"),
        (NOON - timedelta(hours=1), False, "behind"),
    ],
)
def test_a_wrong_clock_is_found(ours: datetime, ok: bool, word: str) -> None:
    finding = judge_skew("Sun, 22 Nov 2026 12:00:00 GMT", ours)
    assert finding.ok is ok
    assert word in finding.detail


def test_a_reply_without_a_date_tells_nothing_of_the_clock() -> None:
    assert judge_skew(None, NOON).ok is None
    assert judge_skew("yesterday", NOON).ok is None
