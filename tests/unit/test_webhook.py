"""When an event is sent again, where events may go, and how they are signed."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.events import EVENT_TYPES
from dialer.domain.webhook import GIVEN_UP_AFTER, Reply, delay_s, require_url, rest_s
from dialer.errors import InvalidInput
from dialer.webhooks.deliver import body_of
from dialer.webhooks.sign import headers, new_secret, shown_secret

FAILED = Reply(503)


def test_a_signature_is_that_of_the_standards_own_example() -> None:
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}') == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert shown_secret(secret) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_each_secret_is_another_of_the_length_that_the_standard_asks_for() -> None:
    made = [new_secret() for _ in range(50)]
    assert len(set(made)) == 50
    assert all(24 <= len(secret) <= 64 for secret in made)


def test_it_is_tried_ten_times_over_three_days() -> None:
    delays = [delay_s(tries, FAILED, 0.0) for tries in range(1, 11)]
    assert delays == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400, None]
    planned_s = sum(delay for delay in delays if delay is not None)
    assert planned_s * 1.1 < GIVEN_UP_AFTER.total_seconds()


@given(tries=st.integers(1, 9), draw=st.floats(0, 1, exclude_max=True))
def test_what_failed_together_comes_back_apart_and_never_early(tries: int, draw: float) -> None:
    planned, drawn = delay_s(tries, FAILED, 0.0), delay_s(tries, FAILED, draw)
    assert planned is not None and drawn is not None
    assert planned <= drawn <= planned * 1.1


def test_a_receiver_may_ask_for_more_time_but_not_for_ever() -> None:
    assert delay_s(1, Reply(429, retry_after_s=120), 0.0) == 120
    assert delay_s(2, Reply(429, retry_after_s=120), 0.0) == 300
    assert delay_s(1, Reply(503, retry_after_s=1e9), 0.0) == 86400


@pytest.mark.parametrize(
    ("status", "is_taken", "is_gone"),
    [
        *((status, True, False) for status in (200, 204, 299)),
        *((status, False, False) for status in (199, 300, 302, 404, 500)),
        (410, False, True),
    ],
)
def test_only_2xx_is_taken(status: int, is_taken: bool, is_gone: bool) -> None:
    assert (Reply(status).is_taken, Reply(status).is_gone) == (is_taken, is_gone)


def test_no_reply_is_not_taken() -> None:
    assert not Reply(None, "ClientConnectorError").is_taken


def test_a_dead_receiver_is_left_alone_for_a_minute_at_most() -> None:
    assert [rest_s(failures) for failures in range(1, 9)] == [2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example/hooks",
        "https://crm.example:8443/hooks?tenant=7",
        "https://10.0.0.7/hooks",
        "http://127.0.0.1:9000/",
        "http://localhost/x",
        "http://[::1]:9/x",
    ],
)
def test_events_go_over_tls_or_stay_on_this_machine(url: str) -> None:
    require_url(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://crm.example/hooks", "https://"),
        ("http://127.0.0.1.crm.example/", "https://"),
        ("ftp://crm.example/", "no address"),
        ("crm.example/hooks", "no address"),
        ("https://", "no address"),
        ("https://crm.example:0/", "no address"),
        ("https://crm.example:99999/", "no address"),
        ("https://[::1/", "no address"),
        ("", "no address"),
        ("https://user:secret@crm.example/", "leave them out"),
        ("https://crm.example/a b", "percent-encoded"),
        ("https://crm.example/\nx", "percent-encoded"),
        ("https://crm.example/आशा", "percent-encoded"),
        ("https://crm.example/" + "x" * 2048, "shorten"),
    ],
)
def test_an_address_that_cannot_be_told_is_refused_by_name(url: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refused:
        require_url(url)
    assert [field.path for field in refused.value.fields] == ["url"]


def test_an_event_is_sent_as_the_standard_orders_it() -> None:
    stored = {"data": {"phone": None}, "type": "list.imported", "timestamp": "2026-11-23"}
    expected = b'{"type":"list.imported","timestamp":"2026-11-23","data":{"phone":null}}'
    assert body_of(stored) == expected


def test_all_types_are_told_of() -> None:
    assert len(set(EVENT_TYPES)) == 5
