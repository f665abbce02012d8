"""Make Call's parameters, checked as plivo.md §1.1 lists them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from dialer.twin.callee import normal_phone
from dialer.twin.calls import Detection, MakeCall, Page
from dialer.twin.config import OwnedNumber
from dialer.twin.errors import Refused

Body = Mapping[str, object]

MAX_DESTINATIONS = 1000
MAX_TIME_LIMIT_S = 86400.0
_NUMBER = re.compile(r"\+?[1-9]\d{5,14}")
_HEADER = re.compile(r"([A-Za-z0-9]+)=([A-Za-z0-9]*)")

#: Detection's tuning parameters and their limits.
_TUNING = {
    "machine_detection_time": (2000, 10000),
    "machine_detection_maximum_speech_length": (1000, 6000),
    "machine_detection_initial_silence": (2000, 10000),
    "machine_detection_maximum_words": (2, 10),
    "machine_detection_initial_greeting": (1000, 5000),
}


def parse_make_call(body: Body, numbers: Sequence[OwnedNumber]) -> MakeCall:
    """Raises `Refused` 400 with Plivo's text for the first parameter that is missing or wrong."""
    for name in ("from", "to", "answer_url"):
        if not text(body, name):
            raise Refused(400, f"{name} parameter is missing")
    from_ = text(body, "from")
    _check_caller(from_, numbers)
    caller_name = text(body, "caller_name")
    if len(caller_name) > 50:
        raise invalid("caller_name")
    answer = page(body, "answer_url", "answer_method")
    assert answer is not None  # its presence is checked above
    return MakeCall(
        from_=from_,
        to=_destinations(text(body, "to")),
        answer=answer,
        ring=page(body, "ring_url", "ring_method"),
        hangup=page(body, "hangup_url", "hangup_method"),
        fallback=page(body, "fallback_url", "fallback_method"),
        detection=_detection(body),
        caller_name=caller_name,
        time_limit_s=min(number(body, "time_limit", 14400.0), MAX_TIME_LIMIT_S),
        ring_timeout_s=number(body, "ring_timeout", 120.0),
        hangup_on_ring_s=number(body, "hangup_on_ring", 0.0) or None,
        send_digits=text(body, "send_digits"),
        headers=_headers(text(body, "sip_headers")),
        parent_call_uuid=text(body, "parent_call_uuid"),
    )


def invalid(name: str) -> Refused:
    return Refused(400, f"{name} parameter is invalid")


def text(body: Body, name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise invalid(name)
    return str(value).strip()


def number(body: Body, name: str, default: float, low: float = 0, high: float = 1e9) -> float:
    raw = text(body, name)
    if not raw:
        return default
    try:
        value = float(raw)
    except ValueError:
        raise invalid(name) from None
    if not low <= value <= high:
        raise invalid(name)
    return value


def page(body: Body, url_name: str, method_name: str) -> Page | None:
    """A callback URL with its method; None when it was not given."""
    url = text(body, url_name)
    method = (text(body, method_name) or "POST").upper()
    if method not in ("GET", "POST"):
        raise invalid(method_name)
    if not url:
        return None
    if not is_http_url(url):
        raise invalid(url_name)
    return Page(url, method)


def is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _check_caller(from_: str, numbers: Sequence[OwnedNumber]) -> None:
    owned = next((n for n in numbers if n.number == normal_phone(from_)), None)
    if owned is None:
        raise Refused(
            400,
            f"from parameter is invalid. {normal_phone(from_)} is not associated with your"
            " account. Rent the number, or use one you own.",
        )
    if owned.compliance_status == "suspended":
        raise Refused(
            400,
            f"from number {owned.number} cannot place calls as its compliance application is"
            " 'suspended'.",
        )
    if owned.compliance_status != "accepted":
        raise Refused(
            400,
            f"from number {owned.number} cannot place calls as its compliance application is"
            " not in 'accepted' status.",
        )


def _destinations(to: str) -> tuple[str, ...]:
    unique = tuple(dict.fromkeys(part.strip() for part in to.split("<")))
    if len(unique) > MAX_DESTINATIONS:
        raise Refused(400, "to parameter is invalid. At most 1000 destinations are allowed")
    for destination in unique:
        is_sip = destination.startswith("sip:") and "@" in destination
        if not is_sip and not _NUMBER.fullmatch(destination):
            raise invalid("to")
    return unique


def _detection(body: Body) -> Detection | None:
    for name, (low, high) in _TUNING.items():
        number(body, name, low, low, high)
    url = page(body, "machine_detection_url", "machine_detection_method")
    mode = text(body, "machine_detection")
    if mode not in ("", "false", "true", "hangup"):
        raise invalid("machine_detection")
    if mode in ("", "false"):
        return None
    limit_s = number(body, "machine_detection_time", 5000.0) / 1000
    return Detection(hangs_up=mode == "hangup", limit_s=limit_s, page=url)


def _headers(raw: str) -> tuple[tuple[str, str], ...]:
    if not raw:
        return ()
    pairs = [_HEADER.fullmatch(part.strip()) for part in raw.split(",")]
    if not all(pairs):
        raise invalid("sip_headers")
    return tuple((f"X-PH-{pair[1]}", pair[2]) for pair in pairs if pair)
