"""What the customer's systems may be told, where, and when it is told again. Pure.

The numbers are those of Standard Webhooks 1.0.0, "Operational considerations".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from dialer.errors import FieldError, InvalidInput
from dialer.settings import is_loopback

_MOST_URL = 2048  # characters
_GONE = 410  # the receiver wants nothing any more

# After the first try, the second, …; whoever was not reached by the last is not tried again.
_AGAIN_AFTER_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
_JITTER = 0.1  # of the delay: what failed together does not come back together
_MOST_RETRY_AFTER_S = 86_400.0
#: What has been due for so long is not sent any more: the receiver was away, or switched off.
GIVEN_UP_AFTER = timedelta(days=4)


class DeliveryState(StrEnum):
    DUE = "due"  #: to be sent at its time, or just being sent
    DELIVERED = "delivered"  #: final; the receiver said 2xx
    FAILED = "failed"  #: not tried again, unless somebody asks for it


@dataclass(frozen=True, slots=True)
class Reply:
    """What one try came to. status: of HTTP, None if none came; then ``error`` says why.
    retry_after_s: what the receiver asked for."""

    status: int | None
    error: str | None = None
    retry_after_s: float | None = None

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == _GONE


def delay_s(tries: int, reply: Reply, draw: float) -> float | None:
    """Return after how many seconds a try that failed is made again; None: not any more.

    tries: made so far, 1 or more. draw: at random from [0, 1).
    """
    if tries > len(_AGAIN_AFTER_S):
        return None
    planned = _AGAIN_AFTER_S[tries - 1] * (1 + _JITTER * draw)
    return max(planned, min(reply.retry_after_s or 0.0, _MOST_RETRY_AFTER_S))


def rest_s(failures: int) -> float:
    """Return how long an endpoint is left alone of which whole batches failed, so many in a row:
    what waits for it must not cost a connection each, and is sent soon after it is back."""
    return float(min(60, 2 ** min(failures, 6)))


def require_url(url: str) -> None:
    """Raise `InvalidInput` unless events may be sent there: what they hold is nobody else's, so
    that only this machine itself is told over plain HTTP."""
    if problem := _problem(url):
        raise InvalidInput(f"url: {problem}", [FieldError("url", problem, url)])


def _problem(url: str) -> str | None:
    if len(url) > _MOST_URL:
        return f"has over {_MOST_URL} characters; shorten it"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "has a blank or a character that no URL has; write it percent-encoded"
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or parts.scheme not in ("http", "https"):
        return "is no address; write it like https://crm.example/hooks"
    if parts.username is not None or parts.password is not None:
        return "holds a user or password; each event is signed, so leave them out"
    if parts.scheme == "http" and not is_loopback(url):
        return "is not encrypted; use https:// (http:// is for this machine only)"
    return None
