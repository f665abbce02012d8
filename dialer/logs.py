"""Structured logs: one JSON object a line, which cannot hold a phone number or a secret.

Call ``logger.info("event_name", extra={"attempt_id": …})``. Every value passes `redact`, those of
libraries included: digits that could be a phone number, registered secrets and values quoted by
database errors are replaced, whatever wrote them. UUIDs, times and addresses survive, because we
need them to find a call.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
import threading
import traceback
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import quote, quote_plus, unquote

_secrets: tuple[str, ...] = ()  # longest first: one may begin with another
_secrets_lock = threading.Lock()

_UUID = re.compile(
    r"((?<![0-9A-Za-z])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9A-Za-z]))"
)
_DATE = r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01]?[0-9]|2[0-4]):[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]{1,9})?)?"
_INSTANT = (
    rf"(?<![0-9A-Za-z+.-])(?:{_DATE}(?:[T ]{_CLOCK}(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)?|{_CLOCK})"
    r"(?![0-9]|[.:-][0-9])"
)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"(?<![0-9.+-]){_OCTET}(?:\.{_OCTET}){{3}}(?![0-9]|\.[0-9])"
_KEEP = re.compile(f"{_INSTANT}|{_IPV4}")

# A digit of any script, plain or as JSON escapes it, and what people and encoders put between
# two: up to four signs, URL-encoded or not. Seven digits are the shortest number with an area.
_DIGIT = r"(?:\d|\\u0[9a-d][6e][6-9a-f]|\\uff1[0-9])"
_GAP = r"(?:%(?:20|2[89bde]|c2%a0)|[^\w\n:]|_){0,4}"
_ANY_DIGIT = re.compile(_DIGIT, re.IGNORECASE)
_PHONE = re.compile(rf"(?:\+|%2b)?{_DIGIT}(?:{_GAP}{_DIGIT}){{6,}}", re.IGNORECASE)

# URL-encoded digits, and letters of other scripts, among which digits may be.
_ENCODED = re.compile(r"(?:%[89a-f][0-9a-f]|%3[0-9])+", re.IGNORECASE)

_HIDDEN = (
    # The values Postgres and asyncpg quote: a row, a key, an argument.
    (
        r"DETAIL:.*?(?=\n[ |]*(?:HINT:|CONTEXT:|\[SQL|\(Background|The above|During|Traceback|\+-)"
        r"|\Z)",
        "DETAIL: [values]",
    ),
    (r"(invalid input for query argument \$\d+: ).*?(?= \([^()\n]*\)\n|\n|\Z)", r"\1[value]"),
    (r"(invalid input \w+ for [\w ]+: )\".*?\"", r"\1[value]"),
    (r"(?i)\b(bearer|basic) +[\w.~+/=-]{16,}", r"\1 [secret]"),
    (r"://[^\s/]*@", "://[secret]@"),
    (r"(?<=/)[0-9a-f]{32}(?![0-9A-Za-z])", "[mac]"),  # guards a callback path
    (
        r"(?i)((?:password|secret|token|api[_-]?key|authorization)(?:=|[\"']\s*:\s*b?[\"']))"
        r"[^\s\"'&,;}]+",
        r"\1[secret]",
    ),
)
_HIDDEN_PATTERNS = tuple((re.compile(pattern, re.DOTALL), put) for pattern, put in _HIDDEN)
_HIDDEN_NAME = re.compile(
    r"(?:^|_)(?:password|secret|token|api_?key|authorization|phone|transcript)$", re.IGNORECASE
)
_STANDARD = set(vars(logging.makeLogRecord({}))) | {
    "message", "asctime", "taskName", "color_message",
}  # fmt: skip


def hide(secret: str | None) -> None:
    """Register a secret: from now on no log line can contain it, however it is escaped."""
    global _secrets
    if secret and len(secret) >= 6:
        forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
        forms |= {json.dumps(secret)[1:-1], repr(secret)[1:-1]}
        with _secrets_lock:
            _secrets = tuple(sorted({*_secrets, *forms}, key=len, reverse=True))


def redact(text: str) -> str:
    """Return ``text`` without secrets and without anything like a phone number."""
    for secret in _secrets:
        text = text.replace(secret, "[secret]")
    if "%" in text:
        text = _ENCODED.sub(lambda found: unquote(found[0], errors="replace"), text)
    if not text.isascii():  # digits in circles and wide ones become plain
        text = unicodedata.normalize("NFKC", text)
    for pattern, put in _HIDDEN_PATTERNS:
        text = pattern.sub(put, text)
    pieces = _UUID.split(text)
    pieces[::2] = map(_without_phones, pieces[::2])
    return "".join(pieces)


def _without_phones(text: str) -> str:
    """Times and addresses stay; other digits that stand beside one may belong to a phone."""
    kept = [match.span() for match in _KEEP.finditer(text)]

    def put(match: re.Match[str]) -> str:
        shown, at = "", match.start()
        for start, end in kept:
            if start < match.end() and end > match.start():
                shown += _masked(text[at:start]) + text[max(at, start) : min(end, match.end())]
                at = min(end, match.end())
        return shown + _masked(text[at : match.end()])

    return _PHONE.sub(put, text)


def _masked(text: str) -> str:
    return "[phone]" if _ANY_DIGIT.search(text) else text


def _safe(value: Any) -> Any:
    """Return a JSON value. Counts stay numbers: below a million they are nobody's phone."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        is_plain = math.isfinite(value) and abs(value) < 1_000_000
        return value if is_plain else redact(str(value))
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, Mapping):
        return {redact(str(key)): _named(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(item) for item in value]
    return redact(str(value))


def _named(name: str, value: Any) -> Any:
    return "[hidden]" if value and _HIDDEN_NAME.search(name) else _safe(value)


class SafeFormatter(logging.Formatter):
    """A log record as one line of redacted JSON, in ASCII, whatever the record holds."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "at": at,
            "level": record.levelname.lower(),
            "logger": redact(record.name),
        }
        try:
            line |= _content(record)
        except Exception as error:  # somebody's __str__ or arguments; a log line never raises
            line |= {"event": "log_record_unreadable", "error": type(error).__name__}
        return json.dumps(line)


def _content(record: logging.LogRecord) -> dict[str, Any]:
    content: dict[str, Any] = {"event": redact(record.getMessage())}
    for name, value in vars(record).items():
        if name not in _STANDARD and not name.startswith("_"):
            content[name] = _named(name, value)
    if record.exc_info and record.exc_info[0] is not None:
        content["traceback"] = redact("".join(traceback.format_exception(*record.exc_info)))
    return content


_TALKATIVE = (
    *("uvicorn.access", "uvicorn.error", "apscheduler", "aiohttp.access", "alembic"),
    *("httpx", "httpx2", "websockets"),
)


def configure_logs(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send every logger of this process through the safe formatter, to stderr by default.

    Warnings and what nobody caught go the same way: Python's own printing shows it raw.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(SafeFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.raiseExceptions = False  # a failing handler would print the record's arguments
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "apscheduler", "litestar"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    # A line for every request or tick says nothing that a row does not say better.
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    # That a tick still runs when its next comes is no news.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """uvicorn calls every upgrade that we refuse with a reply of our own an error; it is none."""
    return record.msg != "ASGI callable returned without completing handshake."


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    logging.getLogger("dialer").critical("uncaught_exception", exc_info=(kind, error, trace))
