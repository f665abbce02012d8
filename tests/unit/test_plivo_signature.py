"""Signature V3, against the vectors of plivo.md §5."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import urlencode

import pytest
from plivo.utils import validate_v3_signature

from dialer.providers.plivo_signature import (
    NONCE_HEADER,
    SIGNATURE_HEADERS,
    is_signed,
    is_upgrade_signed,
)

GO_TOKEN = "Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4"
GO_NONCE = "31627761595286130198"
GO_URL = "https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml"
CALL = "3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"
GO_FORM = {
    "Direction": "outbound",
    "From": "19792014278",
    "ALegUUID": CALL,
    "CallUUID": CALL,
    "RequestUUID": CALL,
    "ALegRequestUUID": CALL,
    "CallStatus": "in-progress",
    "BillRate": "0.002",
    "ParentAuthID": "MANWVLYTK4ZWU1YTY4QA",
    "To": "sip:PlivoSignature382029104058171078704104@phone-qa.voice.plivodev.com",
    "SIP-H-To": ("<sip:PlivoSignature382029104058171078704104@52.9.11.55;transport=udp>;tag=1"),
    "SessionStart": "2020-04-08 11:34:33.238707",
    "Event": "StartApp",
}
TOKEN, NONCE = "my_auth_token", "12345678901234567890"

# method, url, form, nonce, token, signature
VECTORS = [
    (
        "POST",
        f"{GO_URL}/?a=b&c=d",
        GO_FORM,
        GO_NONCE,
        GO_TOKEN,
        "k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c=",
    ),
    (
        "POST",
        GO_URL,
        GO_FORM,
        GO_NONCE,
        GO_TOKEN,
        "iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0=",
    ),
    (
        "POST",
        "https://answer.url/answer?call=42&b=1",
        {"CallUUID": "abc", "Digits": "1234"},
        NONCE,
        TOKEN,
        "fqQOI52sLfRKKsAItDdcNLHjyxFYQqTSMyPPYjS9LB4=",
    ),
    (
        "POST",
        "https://answer.url/answer",
        {"CallUUID": "abc", "Event": "StartApp", "From": "14155550100", "To": "919999999999"},
        NONCE,
        TOKEN,
        "sHZYtQUcQ92M4F8JFaTu4F1BLZE38ICr2q4F0C5fjtE=",
    ),
    (
        "GET",
        "https://answer.url/answer?CallUUID=abc&To=919999999999",
        {},
        NONCE,
        TOKEN,
        "lToMLa5HmfRjrCiYRM1Ka/8tRZhMO5d+d0PkfCU1dnU=",
    ),
    (
        "POST",
        "https://answer.url:8443/answer?x=a%20b",
        {"CallerName": "", "From": "+91 1"},
        NONCE,
        TOKEN,
        "y5VzDVbl5Ud3jr2+yWU3hGCmUK9vP305F0taV8k38zw=",
    ),
]


def headers(signature: str, nonce: str = NONCE, name: str = SIGNATURE_HEADERS[0]) -> dict[str, str]:
    return {name: signature, NONCE_HEADER: nonce}


@pytest.mark.parametrize(("method", "url", "form", "nonce", "token", "signature"), VECTORS)
def test_every_published_vector_is_signed_and_only_with_its_own_parts(
    method: str, url: str, form: dict[str, str], nonce: str, token: str, signature: str
) -> None:
    sent = headers(signature, nonce)
    assert is_signed(method, url, form, sent, token)
    assert is_signed(method, f"{url}#ct=2000&rp=all", form, sent, token)  # no part of the string
    assert not is_signed(method, url, form, sent, token + "x")
    assert not is_signed(method, url, form, headers(signature, nonce + "1"), token)
    assert not is_signed(method, url.replace("https", "http"), form, sent, token)
    assert not is_signed(method, f"{url}&z=1" if "?" in url else f"{url}?z=1", form, sent, token)
    if method == "POST":
        assert not is_signed(method, url, {**form, "Extra": "1"}, sent, token)


def test_the_get_vector_of_the_go_library_is_signed() -> None:
    # That vector signs the parameters joined to the query string, as Plivo does for a GET.
    url = f"{GO_URL}/?a=b&c=d&{urlencode(GO_FORM)}"
    signature = "UBq8jAtd32wR8EK9VgxbBn4n5rpI/l1H9iN4WfSEHFQ="
    assert is_signed("GET", url, {}, headers(signature, GO_NONCE), GO_TOKEN)


def test_the_sdk_own_validator_agrees() -> None:
    for method, url, form, nonce, token, signature in VECTORS:
        assert validate_v3_signature(method, url, nonce, token, signature, dict(form))


def test_text_beyond_ascii_is_signed_as_the_sdk_signs_it() -> None:
    url, form = "https://dialer.example/answer", {"CallerName": "नमस्ते ✓", "Speech": "à bientôt"}
    text = f"{url}?CallerNameनमस्ते ✓Speechà bientôt.{NONCE}"
    mac = hmac.new(TOKEN.encode(), text.encode(), hashlib.sha256).digest()
    signature = base64.b64encode(mac).decode()
    headers = {SIGNATURE_HEADERS[0]: signature, NONCE_HEADER: NONCE}
    assert validate_v3_signature("POST", url, NONCE, TOKEN, signature, form)
    assert is_signed("POST", url, form, headers, TOKEN)


def test_either_header_and_any_of_several_signatures_count() -> None:
    method, url, form, nonce, token, signature = VECTORS[2]
    rotating = f"{'A' * 43}=, {signature} ,"
    for name in SIGNATURE_HEADERS:
        assert is_signed(method, url, form, headers(rotating, nonce, name), token)
    both = headers("wrong", nonce) | {SIGNATURE_HEADERS[1]: signature}
    assert is_signed(method, url, form, both, token)


def signed(string: str, token: str = TOKEN) -> str:
    digest = hmac.new(token.encode(), f"{string}.{NONCE}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def test_a_repeated_field_is_signed_once_per_value_and_the_form_stays_as_it_was() -> None:
    sent = headers(signed("https://h/x?q=1.a1a2b3"))
    as_list: dict[str, str | list[str]] = {"b": "3", "a": ["2", "1"]}
    assert is_signed("POST", "https://h/x?q=1", as_list, sent, TOKEN)
    assert as_list == {"b": "3", "a": ["2", "1"]}
    assert is_signed("POST", "https://h/x?q=1", {"a": ("2", "1"), "b": "3"}, sent, TOKEN)
    assert not is_signed("POST", "https://h/x?q=1", {"a": ["2"], "b": "3"}, sent, TOKEN)


# §7 no. 6: live calls sign the http form, the documents imply others.
@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
def test_an_upgrade_is_accepted_over_every_form_of_its_url(scheme: str) -> None:
    rest = "dialer.example:8443/plivo/a/b/stream?x=1"
    sent = headers(signed(f"{scheme}://{rest}"))
    assert is_upgrade_signed(f"wss://{rest}", sent, TOKEN)
    assert not is_upgrade_signed(f"wss://{rest}2", sent, TOKEN)
    assert not is_upgrade_signed(f"wss://{rest}", sent, TOKEN + "x")


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {NONCE_HEADER: NONCE},
        {SIGNATURE_HEADERS[0]: VECTORS[3][5]},
        headers("", NONCE),
        headers(",,,"),
        headers("é" * 20),
        headers("\udcff"),
        headers(VECTORS[3][5], "\udcff"),
        headers(",".join([VECTORS[3][5]] * 10_000)),
        headers(VECTORS[3][5], "1" * 1_000_000),
    ],
)
def test_garbage_headers_are_no_signature_and_no_error(sent: dict[str, str]) -> None:
    method, url, form, _, token, _ = VECTORS[3]
    assert not is_signed(method, url, form, sent, token)
    assert not is_upgrade_signed("wss://h/s", sent, token)


@pytest.mark.parametrize("url", ["", "https://[::1", "\udcff", "https://h/%ff?%ff=%ff"])
def test_a_url_that_is_none_is_no_error(url: str) -> None:
    assert not is_signed("POST", url, {"a": "\udcff"}, headers("x"), TOKEN)
    assert not is_upgrade_signed(url, headers("x"), TOKEN)


def test_an_empty_token_signs_nothing() -> None:
    sent = headers(signed("https://h/x", token=""))
    assert not is_signed("GET", "https://h/x", {}, sent, "")
