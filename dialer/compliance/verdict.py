"""What a decision answers, and the reason codes in the order that makes one of them primary."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

#: compliance reference §4; the first failing code of this order is the primary one.
REASONS = (
    "NUMBER_INVALID",
    "NO_RULE_PACK",
    "NON_GEOGRAPHIC_NUMBER",
    "ZONE_UNRESOLVED",
    "INTERNAL_OPT_OUT",
    "NO_WINDOW_RULE",
    "CONSENT_MISSING",
    "CONSENT_EXPIRED",
    "DNC_SCRUB_STALE",
    "DNC_LISTED",
    "PREF_CATEGORY_BLOCKED",
    "PREF_MODE_BLOCKED",
    "CLI_SERIES_MISMATCH",
    "A2P_UNDECLARED",
    "TXN_WINDOW_ELAPSED",
    "PREF_DAY_BLOCKED",
    "HOLIDAY_CLOSED",
    "DAY_CLOSED",
    "OUTSIDE_HOURS",
    "PREF_BAND_BLOCKED",
    "NO_COMMON_WINDOW",
    "ATTEMPT_CAP",
    "MIN_GAP",
)
#: Waiting alone cures these; with any other code beside them there is no next instant.
TIME_REASONS = frozenset(REASONS[REASONS.index("PREF_DAY_BLOCKED") :]) - {"NO_COMMON_WINDOW"}
RANK = {code: rank for rank, code in enumerate(REASONS)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One failing rule. ``detail`` is a sentence for a person and never holds the phone."""

    code: str
    rule_id: str | None
    pack_id: str | None
    detail: str


class PackRef(NamedTuple):
    """Which text of a pack was applied."""

    id: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """code: ``OK``, or the primary reason; codes: every reason, in order, each once.

    next_allowed_at: first instant all time rules pass together; None if waiting alone does
        not help. A hint: facts such as a scrub may have expired by then.
    window_ends_at: when the window now open closes; None if denied or open for 8 days on.
    """

    allowed: bool
    code: str
    rule_id: str | None
    codes: tuple[str, ...]
    findings: tuple[Finding, ...]
    next_allowed_at: datetime | None
    window_ends_at: datetime | None
    zones: tuple[str, ...]
    packs: tuple[PackRef, ...]
    evaluated: tuple[str, ...]

    def __hash__(self) -> int:
        """Over what mostly tells answers apart: each proof of a pass looks its answer up."""
        return hash((self.code, self.next_allowed_at, self.window_ends_at, self.zones))
