"""What a reply to Make-Call proves: accepted, refused, or nothing."""

from __future__ import annotations

import dataclasses
import json

import pytest

from dialer.providers.plivo import call_fields, read_reply
from dialer.providers.plivo_values import CALLBACK_TUNING
from dialer.providers.protocols import Accepted, Ambiguous, CallRequest, RefusalReason, Refused

REQUEST = CallRequest(
    to="+919876543210",
    from_="+911601200001",
    answer_url="https://h/answer",
    ring_url="https://h/ring",
    hangup_url="https://h/hangup",
    fallback_url="https://h/fallback",
    ring_timeout_s=30,
    time_limit_s=300,
)


def body(**fields: object) -> bytes:
    return json.dumps({"api_id": "a", **fields}).encode()


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("uuid", ["u-1", ["u-1"]])
def test_an_accepted_call_may_be_fired_or_queued_and_one_id_may_be_a_list(
    status: int, uuid: object
) -> None:
    for message in ("call fired", "call queued", "calls fired"):
        reply = body(message=message, request_uuid=uuid)
        assert read_reply(status, reply) == Accepted("u-1")


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"ok",
        b"[]",
        b"null",
        b'{"request_uuid": "u-1"',
        b"[" * 100_000,
        b"\xff\xfe",
        body(message="async api spawned"),
        body(request_uuid=None),
        body(request_uuid=""),
        body(request_uuid=[]),
        body(request_uuid=["a", "b"]),
        body(request_uuid=[7]),
        body(request_uuid=17),
        body(error="something"),
    ],
)
def test_a_2xx_without_one_request_uuid_is_ambiguous(reply: bytes) -> None:
    assert isinstance(read_reply(201, reply), Ambiguous)


@pytest.mark.parametrize(
    "status", [203, 204, 206, 299, 301, 302, 307, 308, 408, 500, 502, 503, 504]
)
def test_whatever_proves_nothing_is_ambiguous_even_if_it_reads_like_a_refusal(status: int) -> None:
    assert isinstance(read_reply(status, body(error="Concurrency Limit Breached")), Ambiguous)


R = RefusalReason
NUMBER = "+911234567890"


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (400, "answer_url parameter is missing", R.INVALID_REQUEST),
        (400, "to parameter is missing", R.INVALID_REQUEST),
        (400, "to parameter is invalid", R.NUMBER_INVALID),
        (400, f"{NUMBER} is not a valid phone number", R.NUMBER_INVALID),
        (400, "Invalid destination number", R.NUMBER_INVALID),
        (
            400,
            f"from parameter is invalid. {NUMBER} is not associated with your account.",
            R.CALLER_ID,
        ),
        (
            400,
            f"from number {NUMBER} cannot place calls as its compliance application is not in"
            " 'accepted' status.",
            R.CALLER_ID,
        ),
        (401, None, R.CREDENTIALS),
        (401, "invalid number in the balance", R.CREDENTIALS),
        (402, None, R.NO_CREDIT),
        (400, "Insufficient credit", R.NO_CREDIT),
        (403, "Voice capability is currently disabled for this account", R.FORBIDDEN),
        (403, "domestic_anchored_terms_not_met", R.FORBIDDEN),
        (403, "Concurrency Limit Breached", R.CONCURRENCY),
        (429, "Concurrency Limit Breached (5030)", R.CONCURRENCY),
        (429, None, R.RATE_LIMITED),
        (404, "not found", R.INVALID_REQUEST),
        (405, None, R.INVALID_REQUEST),
        (422, None, R.INVALID_REQUEST),
    ],
)
def test_a_complete_4xx_is_a_refusal_with_its_reason(
    status: int, error: str | None, reason: RefusalReason
) -> None:
    reply = body(error=error) if error else b"<html>sorry</html>"
    refused = read_reply(status, reply)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.status) == (reason, status)


def test_every_reason_leads_to_one_way_on() -> None:
    """Only a refusal about the number counts; money and credentials stop all; limits wait."""
    assert [one for one in R if one.is_about_number] == [R.NUMBER_INVALID]
    assert [one for one in R if one.pauses_account] == [R.CREDENTIALS, R.NO_CREDIT]
    assert [one for one in R if one.backs_off] == [R.RATE_LIMITED, R.CONCURRENCY]


@pytest.mark.parametrize("error", [f"bad {NUMBER}", {"to": [f"bad {NUMBER}"]}, [f"bad {NUMBER}"]])
def test_a_refusal_message_shows_no_phone_number(error: object) -> None:
    refused = read_reply(400, body(error=error))
    assert isinstance(refused, Refused)
    assert NUMBER[2:] not in refused.message
    assert "bad" in refused.message


@pytest.mark.parametrize(
    ("header", "wait_s"), [("7", 7.0), (None, None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)]
)
def test_a_rate_limit_passes_on_how_long_to_wait(header: str | None, wait_s: float | None) -> None:
    refused = read_reply(429, b"", header)
    assert isinstance(refused, Refused)
    assert refused.retry_after_s == wait_s


def test_every_callback_url_asks_for_quick_retries_and_a_hangup_url_is_always_there() -> None:
    """§7 no. 1, §2.5."""
    fields = call_fields(REQUEST)
    for name in ("answer", "ring", "hangup", "fallback"):
        assert fields[f"{name}_url"] == f"https://h/{name}#{CALLBACK_TUNING}"
        assert fields[f"{name}_method"] == "POST"
    assert (fields["to"], fields["from"]) == (REQUEST.to, REQUEST.from_)
    assert (fields["ring_timeout"], fields["time_limit"]) == (30, 300)
    assert not any("machine" in name for name in fields)


def test_a_machine_url_is_sent_only_for_asynchronous_detection() -> None:
    """Its mere presence makes detection asynchronous (§6)."""
    url = "https://h/machine"
    later = dataclasses.replace(REQUEST, machine_detection="async", machine_url=url)
    assert call_fields(later)["machine_detection"] == "true"
    assert call_fields(later)["machine_detection_url"] == f"{url}#{CALLBACK_TUNING}"
    ended = dataclasses.replace(REQUEST, machine_detection="hangup", machine_url=url)
    assert call_fields(ended)["machine_detection"] == "hangup"
    assert "machine_detection_url" not in call_fields(ended)


@pytest.mark.parametrize("to", ["", "98765", "+91987654321<+919876543211", "sip:a@b<+919876543211"])
def test_one_request_can_only_be_for_one_phone(to: str) -> None:
    with pytest.raises(ValueError, match="to must be one"):
        dataclasses.replace(REQUEST, to=to)
