"""Caps and gaps. Each is closed until one instant and open from then on."""

from __future__ import annotations

from datetime import datetime

from dialer.compliance.case import Case
from dialer.compliance.durations import after, parse_duration
from dialer.compliance.facts import PastAttempt
from dialer.compliance.schema import Cap, Gap
from dialer.compliance.walltime import DAY_S, day_begins, epoch_s, instant, wall_s

#: Dispositions by which a person refused; the first two are a pack's own words.
_REFUSALS = frozenset(("refusal", "refused", "not_interested", "do_not_call"))


def cap_opens_at(rule: Cap, case: Case) -> datetime | None:
    """Return when fewer than ``max`` attempts count, None if the cap was never reached.

    A rolling attempt exactly one period old no longer counts; a calendar period of N days is
    today and the N-1 days before it, in each zone.
    """
    counted = sorted(
        (past.at for past in case.facts.history if rule.counts == "attempts" or past.conversation),
        reverse=True,
    )
    if len(counted) < rule.max:
        return None
    return _ends(counted[rule.max - 1], rule.period, rule.period_type, case)


def gap_opens_at(rule: Gap, case: Case) -> datetime | None:
    """Return when the gap after the last such attempt ends; by calendar its day is day 1."""
    counted = [past.at for past in case.facts.history if _starts_gap(past, rule)]
    return _ends(max(counted), rule.min_gap, rule.gap_type, case) if counted else None


def _starts_gap(past: PastAttempt, rule: Gap) -> bool:
    if rule.after == "conversation":
        return past.conversation
    return rule.after == "attempt" or past.outcome in _REFUSALS


def _ends(at: datetime, period: str, period_type: str, case: Case) -> datetime:
    duration = parse_duration(period)
    if period_type == "rolling":
        return after(at, duration)
    second = epoch_s(at)
    return max(
        instant(day_begins(zone, wall_s(zone, second) // DAY_S + duration.days))
        for zone in case.zones
    )
