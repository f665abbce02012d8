"""How Plivo writes phones, money, durations and times; one strict reader for each.

All take whatever stood in the reply or the form and give None for what is absent or unclear:
never zero, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

# §2.5: connect and read time in ms, retries, and what to retry on. Without it a 5xx from us
# during a restart would lose the callback. A fragment is not part of the signed URL.
CALLBACK_TUNING = "ct=2000&rt=5000&rc=3&rp=all"

# A decoded form body: a field that came more than once is a list.
Form = Mapping[str, str | Sequence[str]]

_DIGITS = re.compile(r"\+?([1-9][0-9]{6,14})")
_WHOLE = re.compile(r"[0-9]{1,9}")
_LONG_NUMBER = re.compile(r"\+?[0-9](?:[ -]?[0-9]){6,}")


def tuned(url: str) -> str:
    """Return a callback URL that asks Plivo to be quick and to try again."""
    return f"{url.partition('#')[0]}#{CALLBACK_TUNING}"


def text(value: object) -> str | None:
    """Return a non-empty string; a number becomes its digits."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    return value.strip() or None


def phone(value: object) -> str | None:
    """Return E.164 with the plus sign, or a SIP address as it stands.

    Ring callbacks carry the plus, answer and hangup callbacks do not (§2.1); an unescaped plus
    arrives as a space.
    """
    written = text(value)
    if written is None or written.startswith("sip:"):
        return written
    found = _DIGITS.fullmatch(written)
    return f"+{found[1]}" if found else None


def whole(value: object) -> int | None:
    """Return a count or a duration: a non-negative integer. -1 means "not known yet" there."""
    written = text(value)
    return int(written) if written and _WHOLE.fullmatch(written) else None


def money(value: object) -> Decimal | None:
    """Return an amount in USD as written (five decimals)."""
    written = text(value)
    if written is None:
        return None
    try:
        amount = Decimal(written)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def moment(value: object) -> datetime | None:
    """Return a REST time (``2017-05-22 17:49:40+05:30``) in UTC.

    A time without an offset is in the account's zone, which we do not know: None.
    """
    written = text(value)
    if written is None:
        return None
    try:
        read = datetime.fromisoformat(written)
        return read.astimezone(UTC) if read.tzinfo else None
    except (ValueError, OverflowError):
        return None


def without_numbers(message: str) -> str:
    """Return the carrier's sentence fit for a log: one short line, phone numbers masked."""
    line = " ".join(message.split())[:300]
    return _LONG_NUMBER.sub(lambda found: "…" + found[0][-2:], line)
