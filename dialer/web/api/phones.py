"""A phone in a request."""

from __future__ import annotations

from dialer.domain.lead import Phone, PhoneProblem, normalise_phone
from dialer.errors import FieldError, InvalidInput


def read_phone(text: str, path: str) -> Phone:
    """Read a number as a person writes it; `InvalidInput` names ``path``."""
    # A plus sign in a query that nobody encoded arrives as a blank.
    phone = normalise_phone(f"+{text.strip()}" if text.startswith(" ") else text)
    if isinstance(phone, PhoneProblem):
        raise InvalidInput(f"{path}: {phone.reason}", [FieldError(path, phone.reason, text)])
    return phone
