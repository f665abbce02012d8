"""May we place this call now? One pure function from facts, packs and an instant to a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.compliance import schema
from dialer.compliance.case import Case
from dialer.compliance.facts import Facts, Narrowing
from dialer.compliance.numbering import NON_GEOGRAPHIC, Number, read_number
from dialer.compliance.packs import Pack
from dialer.compliance.plan import PackRule, Plan, active_on, make_plan
from dialer.compliance.preferences import NO_PREFERENCES, Preferences
from dialer.compliance.rules_consent import check_consent, check_consent_age
from dialer.compliance.rules_history import check_cap, check_gap, closed_spans
from dialer.compliance.rules_register import check_register, window_preferences
from dialer.compliance.rules_sender import check_caller, check_declaration, check_event_age
from dialer.compliance.verdict import RANK, TIME_REASONS, Finding, PackRef, Verdict
from dialer.compliance.walltime import DAY_S, epoch_s, instant, wall_s
from dialer.compliance.windows import (
    SEARCH_DAYS,
    WHOLE_DAY,
    Schedule,
    closed_now,
    closes_at,
    is_open,
    make_schedule,
    next_open,
)
from dialer.compliance.zones import find_each_zone, zones_of

__all__ = [
    "Finding",
    "Hours",
    "PackRef",
    "Verdict",
    "any_zone_open",
    "decide",
    "decide_for",
    "may_be_open",
    "next_open_at",
    "worked_through",
]

#: Places a country's rules reach beyond the country's own region code.
_DEPENDENCIES = {
    "US": frozenset(("PR", "VI", "GU", "AS", "MP")),
    "GB": frozenset(("GG", "JE", "IM")),
    "AU": frozenset(("CX", "CC")),
}
_CLOSED = Finding("OUTSIDE_HOURS", None, None, "The calling window is closed.")
_ALL_ON = Preferences(bands_on=WHOLE_DAY)
_MOST_WINDOWS = 2 * 366  # that work is spread over: a year of them, two a day


def decide(facts: Facts, packs: Sequence[Pack], now: datetime) -> Verdict:
    """Judge one call at ``now`` (aware); ``packs`` stand parent first and all must allow.

    Every failing rule is found; the primary code is the first in the reference's order, and
    within one code the first in stack order. `ValueError` if ``now`` is naive.
    """
    return decide_for(read_number(facts.phone), facts, packs, now)


def decide_for(number: Number, facts: Facts, packs: Sequence[Pack], now: datetime) -> Verdict:
    """Judge a call by what its number shows; ``facts.phone`` is not looked at."""
    if now.tzinfo is None:
        raise ValueError("a decision needs an aware instant; give `now` a time zone")
    applied = tuple(pack for pack in packs if _covers(pack, number))
    headers = [pack.header for pack in applied]
    zones = zones_of(number, headers, facts.zones, facts.lead_zone) if applied else ()
    strangers = list(_judge_number(facts, number, applied, zones))
    if strangers:
        refs = tuple(pack.ref for pack in applied)
        return _denied(strangers, None, zones, refs, ())
    return _judge(facts, make_plan(applied, facts.category, facts.mode), zones, now)


@dataclass(frozen=True, slots=True)
class Hours:
    """What says when a campaign may call: the packs, what kind of call it is, and its own hours."""

    packs: Sequence[Pack]
    category: str
    mode: str
    narrowing: Narrowing


def any_zone_open(hours: Hours, zones: Iterable[str], now: datetime) -> bool:
    """Say False only when every lead must wait for a window, so that none need be claimed.

    zones: the leads' own, as many as are known; those the packs name are always tried too. A
    band a subscriber may have switched on counts as open, and a pack for some area codes only,
    or one that reads zones off the number, is taken to allow.
    """
    general = tuple(pack for pack in hours.packs if not pack.header.area_codes)
    if not general or any(pack.header.zones.mode == "number" for pack in general):
        return True
    plan, second = make_plan(general, hours.category, hours.mode), epoch_s(now)
    named = find_each_zone({*zones, *(name for pack in general for name in _named_zones(pack))})
    return any(
        _may_be_open(make_schedule(plan.windows, (zone,), _ALL_ON, hours.narrowing), second)
        for zone in named
    )


def may_be_open(hours: Hours, *, phone: str, lead_zone: str | None, now: datetime) -> bool:
    """Say False only when a lead in these zones must wait for a window.

    A band a subscriber may have switched on counts as open; where packs or zones cannot be told,
    the lead must be looked at to be told so.
    """
    schedule = _schedule_of(hours, phone, lead_zone, _ALL_ON)
    return schedule is None or _may_be_open(schedule, epoch_s(now))


def next_open_at(
    hours: Hours, *, phone: str, lead_zone: str | None, at: datetime
) -> datetime | None:
    """Return the first instant from ``at`` on at which the calling windows of the packs and the
    campaign are open in every zone of a lead; None: never, as far as can be seen.

    Windows alone: what else may forbid the call is decided when it is due. A subscriber's own
    preferences are not looked at.
    """
    schedule = _schedule_of(hours, phone, lead_zone, NO_PREFERENCES)
    if schedule is None:
        return None
    second = epoch_s(at)
    if is_open(schedule, second):
        return at
    found = next_open(schedule, second)
    return None if found is None else instant(found)


def worked_through(
    hours: Hours, *, phone: str, lead_zone: str | None, at: datetime, work_s: float
) -> datetime | None:
    """Return when ``work_s`` seconds of open calling window have passed from ``at`` on, for leads
    like this one; None if the windows in sight do not hold as much."""
    schedule = _schedule_of(hours, phone, lead_zone, NO_PREFERENCES)
    if schedule is None:
        return None
    second, left = epoch_s(at), work_s
    for _ in range(_MOST_WINDOWS):
        opens = next_open(schedule, second)
        if opens is None:
            return None
        closes = closes_at(schedule, opens)
        if closes is None or opens + left <= closes:
            return instant(opens) + timedelta(seconds=left)
        second, left = closes, left - (closes - opens)
    return None


def _schedule_of(
    hours: Hours, phone: str, lead_zone: str | None, preferences: Preferences
) -> Schedule | None:
    """Return the calling windows of a lead, None where packs or zones cannot be told."""
    number = read_number(phone)
    applied = tuple(pack for pack in hours.packs if _covers(pack, number))
    zones = zones_of(number, [pack.header for pack in applied], None, lead_zone)
    if not zones:
        return None
    plan = make_plan(applied, hours.category, hours.mode)
    return make_schedule(plan.windows, zones, preferences, hours.narrowing)


def _may_be_open(schedule: Schedule, second: int) -> bool:
    """Open now, or never: leads that wait for nothing must be claimed to be told so."""
    return is_open(schedule, second) or next_open(schedule, second) is None


def _named_zones(pack: Pack) -> Iterator[str]:
    yield from pack.header.zones.zones
    for names in pack.header.zones.prefixes.values():
        yield from names


def _covers(pack: Pack, number: Number) -> bool:
    """Calling codes are shared between countries, so the region must fit where it is known."""
    header = pack.header
    if header.calling_code != number.calling_code:
        return False
    if header.area_codes and not number.national.startswith(header.area_codes):
        return False
    country = header.jurisdiction[:2]
    own = number.region in (None, country)
    return own or number.region in _DEPENDENCIES.get(country, frozenset())


def _judge_number(
    facts: Facts, number: Number, packs: tuple[Pack, ...], zones: tuple[ZoneInfo, ...]
) -> Iterator[Finding]:
    """What makes every other question moot, because no rule or clock can be chosen."""
    if not number.is_valid:
        yield Finding("NUMBER_INVALID", None, None, "No such number; give it in full, +91…")
    elif problem := _stack_problem(packs):
        yield Finding("NO_RULE_PACK", None, None, problem)
    elif {number.kind, (facts.number_type or "").lower()} & NON_GEOGRAPHIC:
        detail = f"Not a person's line ({facts.number_type or number.kind})."
        yield Finding("NON_GEOGRAPHIC_NUMBER", None, None, detail)
    elif not zones:
        detail = "The callee's time zone cannot be told; correct the lead's timezone."
        yield Finding("ZONE_UNRESOLVED", None, None, detail)
    else:
        return
    yield from _judge_opt_out(facts)


def _stack_problem(packs: tuple[Pack, ...]) -> str | None:
    if not packs:
        return "No loaded rule pack covers this number's country; add one to the campaign."
    seen: set[str] = set()
    for pack in packs:
        if pack.header.parent is not None and pack.header.parent not in seen:
            return f"Pack {pack.id} needs its parent {pack.header.parent} before it."
        seen.add(pack.id)
    return None


def _judge_opt_out(facts: Facts) -> Iterator[Finding]:
    if facts.suppressed:
        yield Finding("INTERNAL_OPT_OUT", None, None, "The number is on the do-not-call list.")


def _judge(facts: Facts, plan: Plan, zones: tuple[ZoneInfo, ...], now: datetime) -> Verdict:
    second = epoch_s(now)
    days = tuple(wall_s(zone, second) // DAY_S for zone in zones)
    active = active_on(plan, min(days), max(days))
    case = Case(facts, now, zones, days, active)
    findings = list(_judge_opt_out(facts))
    for pack in active.windowless:
        detail = f"{pack.id} has no calling window for {facts.category}, so it allows none."
        findings.append(Finding("NO_WINDOW_RULE", None, pack.id, detail))
    for entry in active.rules:
        findings += _check(entry, case)
    schedule = make_schedule(plan.windows, zones, window_preferences(case), facts.narrowing)
    if not is_open(schedule, second):
        findings += closed_now(schedule, second)
        if not findings:  # closed denies even if no rule can be named for it
            findings.append(_CLOSED)
    if findings:
        opening = _opening(plan, schedule, case, findings)
        return _denied(findings, opening, zones, plan.refs, active.evaluated)
    ends = closes_at(schedule, second)
    return Verdict(
        allowed=True,
        code="OK",
        rule_id=None,
        codes=(),
        findings=(),
        next_allowed_at=None,
        window_ends_at=None if ends is None else instant(ends),
        zones=tuple(zone.key for zone in zones),
        packs=plan.refs,
        evaluated=active.evaluated,
    )


def _check(entry: PackRule, case: Case) -> Iterable[Finding]:
    """Ask one rule that is no window."""
    match entry.rule:
        case schema.ConsentNeeded() as rule:
            return check_consent(entry, rule, case)
        case schema.ConsentAge() as rule:
            return check_consent_age(entry, rule, case)
        case schema.Dnc() as rule:
            return check_register(entry, rule, case)
        case schema.Cli() as rule:
            return check_caller(entry, rule, case)
        case schema.DialerDeclaration() as rule:
            return check_declaration(entry, rule, case)
        case schema.EventAge() as rule:
            return check_event_age(entry, rule, case)
        case schema.Cap() as rule:
            return check_cap(entry, rule, case)
        case schema.Gap() as rule:
            return check_gap(entry, rule, case)
    raise AssertionError(f"{entry.rule.id} decides nothing")


def _opening(
    plan: Plan, schedule: Schedule, case: Case, findings: list[Finding]
) -> datetime | None:
    """Return the first instant all rules of time pass, None if waiting alone does not help."""
    if any(found.code not in TIME_REASONS for found in findings):
        return None
    waits = closed_spans(plan.rules, case)
    at = case.now
    while (second := next_open(schedule, epoch_s(at))) is not None:
        opening = max(at, instant(second))
        ends = [until for since, until in waits if since <= opening < until]
        if not ends:
            return opening
        at = max(ends)
    detail = f"No instant in {SEARCH_DAYS} days is inside every window of every zone."
    findings.append(Finding("NO_COMMON_WINDOW", None, None, detail))
    return None


def _denied(
    findings: list[Finding],
    next_allowed_at: datetime | None,
    zones: tuple[ZoneInfo, ...],
    refs: tuple[PackRef, ...],
    evaluated: tuple[str, ...],
) -> Verdict:
    ordered = sorted(findings, key=lambda found: RANK[found.code])  # stable: stack order within
    return Verdict(
        allowed=False,
        code=ordered[0].code,
        rule_id=ordered[0].rule_id,
        codes=tuple(dict.fromkeys(found.code for found in ordered)),
        findings=tuple(ordered),
        next_allowed_at=next_allowed_at,
        window_ends_at=None,
        zones=tuple(zone.key for zone in zones),
        packs=refs,
        evaluated=evaluated,
    )
