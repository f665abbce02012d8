"""The twin's own V3 signature against published vectors."""

from __future__ import annotations

import pytest

from dialer.twin.signature import signature_headers, signature_v3, signed_string

TOKEN = "Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4"
NONCE = "31627761595286130198"
URL = "https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml"
UUID = "3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"
SIP = "sip:PlivoSignature382029104058171078704104@phone-qa.voice.plivodev.com"
PARAMS = {
    "Direction": "outbound",
    "From": "19792014278",
    "ALegUUID": UUID,
    "CallUUID": UUID,
    "RequestUUID": UUID,
    "ALegRequestUUID": UUID,
    "CallStatus": "in-progress",
    "BillRate": "0.002",
    "ParentAuthID": "MANWVLYTK4ZWU1YTY4QA",
    "To": SIP,
    "SIP-H-To": ("<sip:PlivoSignature382029104058171078704104@52.9.11.55;transport=udp>;tag=1"),
    "SessionStart": "2020-04-08 11:34:33.238707",
    "Event": "StartApp",
}
ANSWER = "https://answer.url/answer"


@pytest.mark.parametrize(
    ("method", "url", "params", "signature"),
    [
        ("POST", f"{URL}/?a=b&c=d", PARAMS, "k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c="),
        ("GET", f"{URL}/?a=b&c=d", PARAMS, "UBq8jAtd32wR8EK9VgxbBn4n5rpI/l1H9iN4WfSEHFQ="),
        ("POST", URL, PARAMS, "iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0="),
    ],
)
def test_it_signs_as_plivo_does(
    method: str, url: str, params: dict[str, str], signature: str
) -> None:
    assert signature_v3(TOKEN, method, url, NONCE, params) == signature


@pytest.mark.parametrize(
    ("method", "url", "params", "text", "signature"),
    [
        (
            "POST",
            f"{ANSWER}?call=42&b=1",
            {"Digits": "1234", "CallUUID": "abc"},
            f"{ANSWER}?b=1&call=42.CallUUIDabcDigits1234",
            "fqQOI52sLfRKKsAItDdcNLHjyxFYQqTSMyPPYjS9LB4=",
        ),
        (
            "POST",
            ANSWER,
            {"CallUUID": "abc", "Event": "StartApp", "From": "14155550100", "To": "919999999999"},
            f"{ANSWER}?CallUUIDabcEventStartAppFrom14155550100To919999999999",
            "sHZYtQUcQ92M4F8JFaTu4F1BLZE38ICr2q4F0C5fjtE=",
        ),
        (
            "GET",
            f"{ANSWER}?To=919999999999&CallUUID=abc",
            {},
            f"{ANSWER}?CallUUID=abc&To=919999999999",
            "lToMLa5HmfRjrCiYRM1Ka/8tRZhMO5d+d0PkfCU1dnU=",
        ),
        (
            "POST",
            "https://answer.url:8443/answer?x=a%20b",
            {"CallerName": "", "From": "+91 1"},
            "https://answer.url:8443/answer?x=a b.CallerNameFrom+91 1",
            "y5VzDVbl5Ud3jr2+yWU3hGCmUK9vP305F0taV8k38zw=",
        ),
    ],
)
def test_the_signed_text_is_the_documented_one(
    method: str, url: str, params: dict[str, str], text: str, signature: str
) -> None:
    nonce = "12345678901234567890"
    assert signed_string(method, url, nonce, params) == f"{text}.{nonce}"
    assert signature_v3("my_auth_token", method, url, nonce, params) == signature


def test_a_post_without_form_and_query_signs_the_bare_url() -> None:
    assert signed_string("POST", "http://h:1/p#ct=2000", "7", {}) == "http://h:1/p.7"


def test_rotating_tokens_give_a_list_and_the_main_header_stays_one() -> None:
    headers = signature_headers(["old", "new"], "new", "GET", ANSWER, "1", {})
    old, new = headers["X-Plivo-Signature-V3"].split(",")
    assert old == signature_v3("old", "GET", ANSWER, "1", {}) != new
    assert headers["X-Plivo-Signature-Ma-V3"] == new
