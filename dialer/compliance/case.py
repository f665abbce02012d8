"""One call under decision: the facts beside what was worked out from them once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.compliance.facts import Facts
from dialer.compliance.plan import Active, PackRule
from dialer.compliance.verdict import Finding


@dataclass(frozen=True, slots=True)
class Case:
    """days: the local day in each of ``zones``, counted from 1970-01-01."""

    facts: Facts
    now: datetime
    zones: tuple[ZoneInfo, ...]
    days: tuple[int, ...]
    active: Active


def finding(entry: PackRule, code: str, detail: str) -> Finding:
    return Finding(code, entry.rule.id, entry.pack.id, detail)
