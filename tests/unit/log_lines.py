"""Log lines for tests to look through: one record formatted, and the digits that are left."""

from __future__ import annotations

import json
import logging
import sys
import unicodedata
import urllib.parse
from typing import Any
from uuid import UUID

from dialer.logs import SafeFormatter

ATTEMPT = UUID("01939a00-1111-7000-8000-222233334444")
PHONE = "9876543210"


def formatted(message: object = "event", *args: object, **extra: object) -> dict[str, Any]:
    record = logging.LogRecord("dialer.test", logging.INFO, "f.py", 1, message, args, None)
    vars(record).update(extra)
    text = SafeFormatter().format(record)
    assert "\n" not in text and text.isascii()
    line: dict[str, Any] = json.loads(text)
    return line


def caught(error: BaseException, cause: BaseException | None = None) -> Any:
    try:
        raise error from cause
    except BaseException:
        return sys.exc_info()


def digits(text: str) -> str:
    """Every digit of any script, in order, as ASCII; JSON escapes undone."""
    plain = unicodedata.normalize("NFKC", urllib.parse.unquote(text))
    return "".join(str(unicodedata.decimal(char)) for char in plain if char.isdecimal())
