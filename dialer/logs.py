"""Structured logs: one JSON object a line, which cannot hold a phone number or a secret.

Call ``logger.info("event_name", extra={"attempt_id": …})``. Every value passes `redact`, those of
libraries included: runs of digits that could be a phone number and every registered secret are
replaced, whatever wrote them. UUIDs and times survive, because we need them to find a call.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

_secrets: set[str] = set()
_secrets_lock = threading.Lock()

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_INSTANT = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
# Seven digits are the shortest subscriber number with an area; separators do not hide one.
_PHONE = r"(?:\+|00|%2B)?\d(?:[ ().-]{0,2}\d){6,}"
_KEEP_OR_PHONE = re.compile(rf"(?P<keep>{_UUID}|{_INSTANT})|(?P<phone>{_PHONE})")
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
# These are counts and ports of ours; a bare int has no digits to hide behind elsewhere.
_PLAIN_TYPES = (bool, float, type(None))


def hide(secret: str | None) -> None:
    """Register a secret: from now on no log line can contain it."""
    if secret and len(secret) >= 6:
        with _secrets_lock:
            _secrets.add(secret)


def redact(text: str) -> str:
    """Return ``text`` without registered secrets and without anything like a phone number."""
    for secret in tuple(_secrets):
        text = text.replace(secret, "[secret]")
    return _KEEP_OR_PHONE.sub(lambda match: match["keep"] or "[phone]", text)


def _safe(value: Any) -> Any:
    if isinstance(value, _PLAIN_TYPES):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1_000_000 else redact(str(value))
    if isinstance(value, Mapping):
        return {redact(str(key)): _safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(item) for item in value]
    return redact(str(value))


class SafeFormatter(logging.Formatter):
    """A log record as one line of redacted JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and not name.startswith("_"):
                line[name] = _safe(value)
        if record.exc_info and record.exc_info[0] is not None:
            line["traceback"] = redact("".join(traceback.format_exception(*record.exc_info)))
        return json.dumps(line, ensure_ascii=False)


def configure_logs(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send every logger of this process through the safe formatter, to stderr by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(SafeFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "apscheduler", "litestar"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    # A line for every request or tick says nothing that a row does not say better.
    for name in ("uvicorn.access", "apscheduler", "aiohttp.access", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
