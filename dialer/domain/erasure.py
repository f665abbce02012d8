"""What stands where an erased person's number stood, and what may stay of a carrier's callback.

A *tombstone* takes the number's place in rows that must stay: one an erasure, so that a person's
calls still belong together, and nothing leads back to the number. A *mark* takes its place in the
do-not-call list: a keyed hash (`dialer.keys.Keys.phone_hash`), which tells that a number is on the
list to whoever asks about that number, and gives none away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

TOMBSTONE = "erased:"
MARK = "hashed:"

#: Of a callback's body (plivo.md §2): how the call went. Everything else may name the person.
_KEPT = frozenset(
    {
        "ALegUUID",
        "AnswerTime",
        "BillDuration",
        "BillRate",
        "CallStatus",
        "CallUUID",
        "DialAction",
        "DialHangupCause",
        "DialRingStatus",
        "DialStatus",
        "Digits",
        "Direction",
        "Duration",
        "EndTime",
        "Event",
        "HangupCause",
        "HangupCauseCode",
        "HangupCauseName",
        "HangupSource",
        "Machine",
        "RequestUUID",
        "SessionStart",
        "StartTime",
        "StreamID",
        "TotalCost",
    }
)


def tombstone(erasure_id: UUID) -> str:
    return f"{TOMBSTONE}{erasure_id}"


def mark(phone_hash: str) -> str:
    """Return what the do-not-call list keeps of an erased number; phone_hash: keyed, in hex."""
    return f"{MARK}{phone_hash}"


def is_erased(phone: str) -> bool:
    return phone.startswith(TOMBSTONE)


def shown_phone(phone: str) -> str | None:
    """Return a number as people see it: None where there is none any more."""
    return None if phone.startswith((TOMBSTONE, MARK)) else phone


def without_person(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stays of a callback's body once its person is erased."""
    return {name: value for name, value in body.items() if name in _KEPT}
