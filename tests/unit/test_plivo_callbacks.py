"""Callbacks, from the captures of plivo.md §2.1 and from hostile forms."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.providers import plivo_callbacks as callbacks
from dialer.providers.plivo_callbacks import Callback, Form

RING = (
    "CallStatus=ringing&CallUUID=38cb&CallerName=&Direction=outbound&Event=Ring"
    "&From=%2B918047000001&ParentAuthID=MAX&RequestUUID=38cb"
    "&SessionStart=2024-10-25+14%3A13%3A35.846244&To=919876543210"
)
ANSWER = (
    "ALegRequestUUID=38cb&ALegUUID=38cb&BillRate=0.005&CallStatus=in-progress&CallUUID=38cb"
    "&CountryCode=IN&Direction=outbound&Event=StartApp&From=918047000001&RequestUUID=38cb"
    "&RouteType=Domestic_Anchored&To=919876543210&ComplianceStatus=accepted"
)
HANGUP = (
    "AnswerTime=2024-09-26+14%3A05%3A18&BillDuration=120&BillRate=0.005&CallStatus=completed"
    "&CallUUID=38cb&Direction=outbound&Duration=66&EndTime=2024-09-26+14%3A06%3A23&Event=Hangup"
    "&From=918047000001&HangupCause=NORMAL_CLEARING&HangupCauseCode=4000"
    "&HangupCauseName=Normal+Hangup&HangupSource=Callee&RequestUUID=38cb&To=919876543210"
    "&SessionStart=2024-09-26+08%3A35%3A10.910772&TotalCost=0.01000"
)
READERS: list[Callable[[Form], Callback]] = [
    callbacks.read_ring,
    callbacks.read_answer,
    callbacks.read_hangup,
    callbacks.read_machine,
    callbacks.read_input,
    callbacks.read_dial_end,
    callbacks.read_dial_event,
    callbacks.read_recording,
    callbacks.read_stream_status,
]


def form(body: str) -> dict[str, list[str]]:
    return parse_qs(body, keep_blank_values=True)


def test_ring_and_answer_name_the_same_caller_with_and_without_plus() -> None:
    ring, answer = callbacks.read_ring(form(RING)), callbacks.read_answer(form(ANSWER))
    assert ring.from_ == answer.from_ == "+918047000001"
    assert ring.to == answer.to == "+919876543210"
    assert (ring.call_uuid, ring.request_uuid, ring.status) == ("38cb", "38cb", "ringing")
    assert (answer.is_hangup, answer.is_machine) == (False, None)
    assert answer.bill_rate_usd == Decimal("0.005")
    assert (answer.route_type, answer.compliance_status) == ("Domestic_Anchored", "accepted")


def test_an_unescaped_plus_is_still_the_same_number() -> None:
    assert callbacks.read_ring(form("From=+918047000001")).from_ == "+918047000001"


def test_a_hangup_is_read_whole() -> None:
    hangup = callbacks.read_hangup(form(HANGUP))
    assert (hangup.hangup_code, hangup.hangup_cause) == (4000, "NORMAL_CLEARING")
    assert (hangup.hangup_name, hangup.hangup_source) == ("Normal Hangup", "Callee")
    assert (hangup.duration_s, hangup.billed_s) == (66, 120)
    assert hangup.cost_usd == Decimal("0.01000")
    assert hangup.was_answered is True


@pytest.mark.parametrize(
    ("body", "answered"),
    [
        ("Duration=0&BillDuration=0", False),
        ("Duration=0&AnswerTime=2024-09-26+14%3A05%3A18", True),
        ("Duration=5", True),
        ("", None),
        ("Duration=-1", None),
    ],
)
def test_answered_is_told_by_the_answer_time_or_a_duration(
    body: str, answered: bool | None
) -> None:
    assert callbacks.read_hangup(form(body)).was_answered is answered


def test_what_is_not_there_or_not_readable_is_none_never_zero() -> None:
    bad = "HangupCauseCode=abc&Duration=1e3&BillDuration=-1&TotalCost=NaN&From=12&To=anonymous"
    hangup = callbacks.read_hangup(form(bad))
    assert (hangup.hangup_code, hangup.duration_s, hangup.billed_s) == (None, None, None)
    assert (hangup.cost_usd, hangup.from_, hangup.to) == (None, None, None)
    assert callbacks.read_hangup(form("TotalCost=")).cost_usd is None
    assert callbacks.read_hangup(form("TotalCost=0.00000")).cost_usd == Decimal("0.00000")
    assert callbacks.read_hangup(form("HangupCauseCode=0")).hangup_code == 0


def test_a_hangup_on_the_answer_route_is_told_apart() -> None:
    """§7 no. 1: answering it with a stream would open a second WebSocket."""
    assert callbacks.read_answer(form(HANGUP)).is_hangup
    assert callbacks.read_answer({"Event": "hangup"}).is_hangup


def test_a_machine_is_a_machine_only_when_it_says_so() -> None:
    assert callbacks.read_machine({"Machine": "true"}).is_machine is True
    assert callbacks.read_machine({"Machine": "True"}).is_machine is True
    assert callbacks.read_machine({"Machine": "perhaps"}).is_machine is None
    assert callbacks.read_answer({"Machine": "false"}).is_machine is False


def test_keys_are_read_and_no_key_is_none() -> None:
    pressed = callbacks.read_input({"Digits": "1", "InputType": "dtmf"})
    assert (pressed.digits, pressed.input_type) == ("1", "dtmf")
    assert callbacks.read_input({"Digits": ""}).digits is None
    said = callbacks.read_input({"Speech": "yes", "SpeechConfidenceScore": "0.93"})
    assert (said.speech, said.confidence) == ("yes", Decimal("0.93"))
    assert callbacks.read_input({"SpeechConfidenceScore": "93"}).confidence is None


@pytest.mark.parametrize(
    ("event", "change"),
    [
        ("StartStream", "started"),
        ("started", "started"),
        ("StopStream", "stopped"),
        ("stopped", "stopped"),
        ("DroppedStream", "dropped"),
        ("failed", "dropped"),
        ("DegradedStream", "degraded"),
        ("SomethingNew", None),
    ],
)
def test_both_vocabularies_of_the_stream_status_are_understood(
    event: str, change: str | None
) -> None:
    """§7 no. 10."""
    status = callbacks.read_stream_status({"Event": event, "StreamID": "s"})
    assert (status.change, status.event, status.stream_id) == (change, event, "s")


def test_a_transfer_leg_is_read() -> None:
    end = callbacks.read_dial_end({"DialStatus": "no-answer", "DialBLegUUID": "b"})
    assert (end.dial_status, end.bleg_uuid) == ("no-answer", "b")
    event = callbacks.read_dial_event({"DialAction": "hangup", "DialBLegHangupCauseCode": "4000"})
    assert (event.action, event.hangup_code, event.duration_s) == ("hangup", 4000, None)


def test_the_first_callback_of_a_session_recording_has_no_duration() -> None:
    first = callbacks.read_recording({"RecordingDuration": "-1", "RecordingDurationMs": "-1"})
    assert first.duration_ms is None
    assert callbacks.read_recording({"RecordingDuration": "7"}).duration_ms == 7000


@pytest.mark.parametrize("reader", READERS)
def test_an_empty_form_reads_as_nothing(reader: Callable[[Form], Callback]) -> None:
    read = reader({})
    assert (read.call_uuid, read.request_uuid, read.from_, read.to) == (None, None, None, None)


NAMES = ["CallUUID", "From", "To", "Event", "Duration", "TotalCost", "Digits", "HangupCauseCode"]


@given(st.dictionaries(st.sampled_from(NAMES), st.text() | st.lists(st.text(), max_size=2)))
def test_no_form_at_all_raises(hostile: dict[str, str | list[str]]) -> None:
    for reader in READERS:
        assert isinstance(reader(hostile), Callback)
