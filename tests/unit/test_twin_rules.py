"""The twin's pure decisions: pace, Make Call's parameters, retry policies, CDR filters, codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.twin.calls import Call, CallState, Page, billed_s
from dialer.twin.causes import NORMAL, Origin
from dialer.twin.cdr import cdr_filter, fits_numbers
from dialer.twin.clock import Clock
from dialer.twin.config import DEFAULT_NUMBERS, OwnedNumber
from dialer.twin.courier import RetryPolicy, retry_policy, target
from dialer.twin.errors import Refused
from dialer.twin.make_call import parse_make_call
from dialer.twin.pace import Pace, RollingCount

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CALL = {"from": "911601200001", "to": "919800000000", "answer_url": "https://h/a"}


def most_in_a_second(starts: list[float]) -> int:
    return max(sum(1 for s in starts if t <= s < t + 1) for t in starts)


@pytest.mark.parametrize(("cps", "most", "span_s"), [(2, 2, 9), (5, 5, 3), (0.5, 1, 38)])
def test_no_rolling_second_holds_more_starts_than_cps(cps: float, most: int, span_s: float) -> None:
    pace, now, starts = Pace(cps), 100.0, []
    for _ in range(20):
        now = pace.earliest(now)
        pace.start(now)
        starts.append(now)
    assert most_in_a_second(starts) == most
    assert starts[-1] - starts[0] == pytest.approx(span_s)


def test_a_rolling_count_remembers_its_high_water() -> None:
    count = RollingCount(1.0)
    assert [count.add(t) for t in (0, 0.5, 0.9, 1.0, 3.0)] == [1, 2, 3, 3, 1]
    assert count.most == 3


def test_make_call_takes_what_the_sdk_always_sends() -> None:
    call = parse_make_call(
        {
            **CALL,
            "answer_method": "POST",
            "ring_method": "POST",
            "hangup_method": "POST",
            "fallback_method": "POST",
            "machine_detection_time": 5000,
            "machine_detection_method": "POST",
            "ring_timeout": 120,
            "error_if_parent_not_found": False,
        },
        DEFAULT_NUMBERS,
    )
    assert call.detection is None and call.hangup is None and call.ring_timeout_s == 120
    assert call.answer == Page("https://h/a", "POST") and call.time_limit_s == 14400


def test_make_call_reads_every_parameter() -> None:
    call = parse_make_call(
        {
            **CALL,
            "to": "919800000000<sip:a@b<919800000000",
            "hangup_url": "http://h/h",
            "hangup_method": "GET",
            "machine_detection": "hangup",
            "machine_detection_time": "3000",
            "machine_detection_url": "https://h/m",
            "sip_headers": "lead=7,x=y",
            "time_limit": 90000,
            "hangup_on_ring": 9,
        },
        DEFAULT_NUMBERS,
    )
    assert call.to == ("919800000000", "sip:a@b")
    assert call.hangup == Page("http://h/h", "GET")
    assert call.detection and call.detection.hangs_up and call.detection.limit_s == 3
    assert call.headers == (("X-PH-lead", "7"), ("X-PH-x", "y"))
    assert (call.time_limit_s, call.hangup_on_ring_s) == (86400, 9)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"answer_url": ""}, "answer_url parameter is missing"),
        ({"to": None}, "to parameter is missing"),
        ({"from": None}, "from parameter is missing"),
        ({"from": "919999999999"}, "from parameter is invalid. +919999999999 is not associated"),
        ({"from": "912200000001"}, "not in 'accepted' status"),
        ({"from": "912200000002"}, "compliance application is 'suspended'"),
        ({"to": "12"}, "to parameter is invalid"),
        ({"to": "<".join(f"9198{n:08d}" for n in range(1001))}, "At most 1000"),
        ({"answer_url": "ftp://h"}, "answer_url parameter is invalid"),
        ({"hangup_url": "https://h", "hangup_method": "PUT"}, "hangup_method parameter is invalid"),
        ({"machine_detection": "maybe"}, "machine_detection parameter is invalid"),
        ({"machine_detection_time": 1}, "machine_detection_time parameter is invalid"),
        ({"machine_detection_maximum_words": 11}, "maximum_words parameter is invalid"),
        ({"sip_headers": "a_b=c"}, "sip_headers parameter is invalid"),
        ({"caller_name": "x" * 51}, "caller_name parameter is invalid"),
        ({"ring_timeout": "soon"}, "ring_timeout parameter is invalid"),
    ],
)
def test_a_bad_make_call_is_refused_with_plivos_words(
    change: dict[str, object], error: str
) -> None:
    numbers = (
        *DEFAULT_NUMBERS,
        OwnedNumber("+912200000001", "submitted"),
        OwnedNumber("+912200000002", "suspended"),
    )
    with pytest.raises(Refused) as refused:
        parse_make_call({**CALL, **change}, numbers)
    assert refused.value.status == 400 and error in refused.value.error


def test_the_fragment_overrides_the_retry_policy() -> None:
    policy = retry_policy("https://h/a?x=1#ct=500&rt=5000&tt=9000&rc=3&rp=4xx,ct", RetryPolicy())
    assert policy == RetryPolicy(0.5, 5, 9, 3, frozenset({"4xx", "ct"}))
    assert retry_policy("https://h/a#rp=all", RetryPolicy()).on >= {"ct", "rt", "4xx", "5xx"}
    assert retry_policy("https://h/a#ct=5&rt=x&rc=9", RetryPolicy()) == RetryPolicy()


def test_by_default_an_error_reply_is_not_retried() -> None:
    assert retry_policy("https://h/a", RetryPolicy()).on == {"ct", "rt"}


def test_get_puts_the_fields_into_the_query_and_drops_the_fragment() -> None:
    url, form = target(Page("https://h/a?z=1#rc=2", "GET"), {"To": "91", "A": "b c"})
    assert (url, form) == ("https://h/a?A=b+c&To=91&z=1", {})
    url, form = target(Page("https://h/a?z=1#rc=2"), {"To": "91"})
    assert (url, form) == ("https://h/a?z=1", {"To": "91"})


def finished(ended_at: datetime, *, talk_s: int = 66, to: str = "919800000000") -> Call:
    call = Call("u", "u", "911601200001", to, ended_at, None)
    call.state, call.end, call.ended_at = CallState.ENDED, NORMAL, ended_at
    call.started_at = call.answered_at = ended_at - timedelta(seconds=talk_s)
    return call


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ({}, True),
        ({"to_number": "+919800000000"}, True),
        ({"to_number": "919811111111<919800000000"}, True),
        ({"to_number": "919811111111"}, False),
        ({"from_number": "911601200001", "call_direction": "outbound"}, True),
        ({"call_direction": "inbound"}, False),
        ({"end_time__gte": "2026-11-20 11:00", "end_time__lt": "2026-11-20 11:30:00"}, True),
        ({"end_time__gt": "2026-11-20 11:20:00.000000"}, False),
        ({"end_time__lte": "2026-11-20 11:20"}, True),
        ({"end_time": "2026-11-20 11:20:00"}, True),
        ({"end_time": "2026-11-20 11:21"}, False),
        ({"bill_duration": "66"}, True),
        ({"bill_duration__gt": "66"}, False),
        ({"bill_duration__lte": "66", "bill_duration__gte": "60"}, True),
        ({"hangup_cause_code": "4000", "hangup_source": "Callee"}, True),
        ({"hangup_cause_code": "3010"}, False),
    ],
)
def test_the_finished_list_filters(query: dict[str, str], fits: bool) -> None:
    call = finished(datetime(2026, 11, 20, 11, 20, tzinfo=UTC))
    assert cdr_filter(query, NOW)(call) is fits


def test_the_finished_list_goes_back_seven_days_and_spans_thirty_at_most() -> None:
    old = finished(NOW - timedelta(days=8))
    assert not cdr_filter({}, NOW)(old)
    assert cdr_filter({"end_time__gte": "2026-11-01 00:00"}, NOW)(old)
    with pytest.raises(Refused, match="30 days"):
        cdr_filter({"end_time__gte": "2026-10-01 00:00"}, NOW)
    with pytest.raises(Refused, match="end_time__lt"):
        cdr_filter({"end_time__lt": "yesterday"}, NOW)
    with pytest.raises(Refused, match="bill_duration"):
        cdr_filter({"bill_duration": "long"}, NOW)


def test_sip_addresses_are_found_as_they_are() -> None:
    assert fits_numbers(finished(NOW, to="sip:a@b"), {"to_number": "sip:a@b"})


def test_documents_fail_with_the_code_of_where_they_came_from() -> None:
    assert [origin.unreachable().code for origin in Origin] == [7011, 7012, 7013, 7014]
    assert [origin.bad_document().code for origin in Origin] == [8011, 8012, 8013, 8014]
    assert Origin.ACTION.bad_url().code == 7022 and Origin.REDIRECT.bad_method().code == 7034
    assert Origin.TRANSFER.bad_document().name == "Invalid Transfer XML"
    assert Origin.ANSWER.unreachable().name == "Error Reaching Answer URL"


def test_billing_is_per_started_minute() -> None:
    assert [billed_s(s) for s in (0, 1, 60, 66)] == [0, 60, 60, 120]
    assert finished(NOW).talk_s == 66


def test_product_time_is_real_time_and_the_offset() -> None:
    clock = Clock(offset_us=-86_400_000_000, scale=1, zone="Asia/Kolkata")
    assert abs(clock.now() - (datetime.now(UTC) - timedelta(days=1))) < timedelta(seconds=5)
    at = datetime(2024, 9, 26, 8, 35, 8, tzinfo=UTC)
    assert clock.local(at) == "2024-09-26 14:05:08"
    assert clock.local_with_offset(at) == "2024-09-26 14:05:08+05:30"
