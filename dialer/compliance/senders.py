"""Limits that packs set to a sender or a campaign as a whole, not to one call. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dialer.compliance import schema
from dialer.compliance.durations import Duration, after, parse_duration
from dialer.compliance.numbering import read_number
from dialer.compliance.packs import Pack
from dialer.compliance.plan import MODES

#: Fewer answered calls than this are no rate.
LEAST_ANSWERED = 100


@dataclass(frozen=True, slots=True)
class ComplaintLimit:
    """``threshold`` people who complained within ``period`` stop the sender."""

    rule_id: str
    threshold: int
    period: Duration


@dataclass(frozen=True, slots=True)
class AbandonmentLimit:
    """At most ``max_rate`` (0-1) of those who answered may have found nobody to talk to.

    period: 24 h or days; blocks: the campaign stops above it, else a person is told.
    """

    rule_id: str
    max_rate: float
    period: timedelta
    blocks: bool


def complaint_limits(packs: Iterable[Pack], phone: str, today: date) -> list[ComplaintLimit]:
    """Return the limits of the packs for the country of a number that complained."""
    code = read_number(phone).calling_code
    return [
        ComplaintLimit(rule.id, rule.threshold, parse_duration(rule.period))
        for pack in packs
        if pack.header.calling_code == code
        for rule in pack.rules_of(schema.CircuitBreaker)
        if _is_in_effect(rule, today)
    ]


def exceeded(
    limits: Iterable[ComplaintLimit], complained_at: Sequence[datetime], now: datetime
) -> tuple[ComplaintLimit, int] | None:
    """Return the first limit that is reached, with how many people complained within its period.

    complained_at: one instant a person.
    """
    for limit in limits:
        count = sum(at <= now < after(at, limit.period) for at in complained_at)
        if count >= limit.threshold:
            return limit, count
    return None


def abandonment_limits(
    packs: Iterable[Pack], category: str, mode: str, today: date
) -> list[AbandonmentLimit]:
    """Return the limits that hold for a campaign of this category and mode."""
    return [
        AbandonmentLimit(
            rule.id, rule.max_rate, _exact(parse_duration(rule.period)), rule.severity == "block"
        )
        for pack in packs
        for rule in pack.rules_of(schema.Abandonment)
        if category in rule.categories and _is_for(rule, mode) and _is_in_effect(rule, today)
    ]


def is_over(limit: AbandonmentLimit, *, abandoned: int, answered: int) -> bool:
    """True where enough people answered for a rate, and it is above the limit."""
    return answered >= LEAST_ANSWERED and abandoned / answered > limit.max_rate


def _is_in_effect(rule: schema.Rule, today: date) -> bool:
    return rule.effective_from <= today and (
        rule.effective_to is None or today <= rule.effective_to
    )


def _is_for(rule: schema.Rule, mode: str) -> bool:
    return rule.modes is None or mode in rule.modes or mode not in MODES


def _exact(period: Duration) -> timedelta:
    """A month counts 31 days: rather looked at for too long than for too short."""
    return timedelta(days=period.days + 31 * period.months, seconds=period.seconds)
