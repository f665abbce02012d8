"""Caps and gaps. Each is closed until one instant and open from then on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from dialer.compliance.case import Case, finding
from dialer.compliance.durations import after, parse_duration
from dialer.compliance.facts import PastAttempt
from dialer.compliance.plan import PackRule
from dialer.compliance.schema import Cap, Gap
from dialer.compliance.verdict import Finding
from dialer.compliance.walltime import DAY_S, day_begins, day_of, epoch_s, instant, wall_s

#: Words for a person who did not want the call: packs', the trade's, and our own outcome.
_REFUSALS = frozenset(("refusal", "refused", "not_interested", "do_not_call", "rejected"))


def check_cap(entry: PackRule, rule: Cap, case: Case) -> Iterator[Finding]:
    opens_at = cap_opens_at(rule, case)
    if opens_at is not None and opens_at > case.now:
        detail = f"At most {rule.max} {rule.counts} in {rule.period}."
        yield finding(entry, "ATTEMPT_CAP", detail)


def check_gap(entry: PackRule, rule: Gap, case: Case) -> Iterator[Finding]:
    opens_at = gap_opens_at(rule, case)
    if opens_at is not None and opens_at > case.now:
        detail = f"At least {rule.min_gap} after the last {rule.after}."
        yield finding(entry, "MIN_GAP", detail)


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


def closed_spans(rules: Iterable[PackRule], case: Case) -> list[tuple[datetime, datetime]]:
    """Return, half-open, when each cap and gap denies: while it is in effect in some zone and
    until the earlier attempts let it pass."""
    spans = []
    for entry in rules:
        match entry.rule:
            case Cap() as rule:
                opens_at = cap_opens_at(rule, case)
            case Gap() as rule:
                opens_at = gap_opens_at(rule, case)
            case _:
                continue
        if opens_at is not None:
            since = instant(min(_begins(case, day_of(rule.effective_from))))
            if rule.effective_to is not None:
                ends_at = instant(max(_begins(case, day_of(rule.effective_to) + 1)))
                opens_at = min(opens_at, ends_at)
            spans.append((since, opens_at))
    return spans


def _begins(case: Case, day: int) -> list[int]:
    return [day_begins(zone, day) for zone in case.zones]


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
