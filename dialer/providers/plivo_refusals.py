"""Why Plivo refused a Make-Call: one complete 4xx in, one reason out. Pure.

Plivo gives a status and an English sentence, no code; the sentences are those of plivo.md §1.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from dialer.providers.plivo_values import without_numbers
from dialer.providers.protocols import RefusalReason, Refused

# In this order: a sentence about our own number also names the destination at times.
_BY_SENTENCE: tuple[tuple[re.Pattern[str], RefusalReason], ...] = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"concurrency limit|(?<!\d)5030(?!\d)", RefusalReason.CONCURRENCY),
        (r"insufficient|out of credit|no credit|balance", RefusalReason.NO_CREDIT),
        (
            r"\bfrom (parameter is invalid|number)|caller[ _]?id|compliance application"
            r"|not associated with your account",
            RefusalReason.CALLER_ID,
        ),
        (
            r"\bto (parameter is invalid|number\b.*(invalid|not valid))"
            r"|(invalid|not a valid|unallocated) (destination|to\b|phone|number)"
            r"|destination (number|address) is (invalid|not valid)",
            RefusalReason.NUMBER_INVALID,
        ),
    )
)
_BY_STATUS = {
    401: RefusalReason.CREDENTIALS,
    402: RefusalReason.NO_CREDIT,
    403: RefusalReason.FORBIDDEN,
    429: RefusalReason.RATE_LIMITED,
}


def refusal(status: int, body: bytes, retry_after: str | None = None) -> Refused:
    """Name the reason of a complete 4xx; the body may be JSON, text or nothing."""
    message = _message(body) or f"status {status}"
    return Refused(
        reason=_reason(status, message.lower()),
        status=status,
        message=without_numbers(message),
        retry_after_s=_seconds(retry_after),
    )


def _reason(status: int, sentence: str) -> RefusalReason:
    # A 401 is about us whatever it says; elsewhere the sentence knows more than the status
    # (an over-full account answers 403, as a forbidden one does).
    if status != 401:
        for pattern, reason in _BY_SENTENCE:
            if pattern.search(sentence):
                return reason
    return _BY_STATUS.get(status, RefusalReason.INVALID_REQUEST)


def _message(body: bytes) -> str:
    try:
        reply: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body[:2000].decode(errors="replace").strip()
    if not isinstance(reply, dict):
        return str(reply)
    return " ".join(_words(reply.get("error") or reply.get("message")))


def _words(value: object) -> Iterator[str]:
    """``error`` is a sentence, or in some replies an object or a list of them."""
    if isinstance(value, dict):
        value = list(value.values())
    for word in value if isinstance(value, list) else [value]:
        if word is not None:
            yield str(word)


def _seconds(retry_after: str | None) -> float | None:
    # The header may be a date; then the dialer's own back-off is as good.
    if retry_after is None or not re.fullmatch(r"[0-9]{1,6}", retry_after.strip()):
        return None
    return float(retry_after)
