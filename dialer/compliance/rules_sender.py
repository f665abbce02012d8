"""What the sender owes: the right caller number, a declared dialer, a call in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from dialer.compliance.case import Case, finding
from dialer.compliance.durations import after, parse_duration
from dialer.compliance.facts import Declaration
from dialer.compliance.plan import PackRule
from dialer.compliance.schema import Cli, DialerDeclaration, EventAge
from dialer.compliance.verdict import Finding
from dialer.compliance.walltime import day_of


def check_caller(entry: PackRule, rule: Cli, case: Case) -> Iterator[Finding]:
    caller, entity = case.facts.caller, case.facts.entity
    allowed = allowed_series(rule, entity)
    series = caller.series if caller is not None else None
    if series is not None and series in allowed:
        return
    shown = f"The caller number's series is {series}" if series else "No caller series is known"
    if allowed:
        needs = f"allowed here: {', '.join(allowed)}"
    else:
        needs = f"none is allowed for entity {entity or 'unknown'}"
    yield finding(entry, "CLI_SERIES_MISMATCH", f"{shown}; {needs}.")


def allowed_series(rule: Cli, entity: str | None) -> tuple[str, ...]:
    """The series must be one for this kind of entity; an entity nobody named has none."""
    return rule.sector_series.get(entity or "", ()) if rule.sector_series else rule.series


def check_declaration(entry: PackRule, rule: DialerDeclaration, case: Case) -> Iterator[Finding]:
    declaration = case.facts.declaration
    missing = [
        name
        for name in rule.requires
        if declaration is None or not _REQUIREMENTS[name](declaration, min(case.days))
    ]
    if missing:
        detail = f"Automatic dialing is not declared to the access provider: {', '.join(missing)}."
        yield finding(entry, "A2P_UNDECLARED", detail)


def _has_notice(declaration: Declaration, today: int) -> bool:
    declared_on = declaration.declared_on
    return bool(declaration.reference) and declared_on is not None and day_of(declared_on) <= today


_REQUIREMENTS: dict[str, Callable[[Declaration, int], bool]] = {
    "oap_notice": _has_notice,
    "objective": lambda declaration, today: bool(declaration.objective),
    "cli_list": lambda declaration, today: declaration.cli_listed,
}


def check_event_age(entry: PackRule, rule: EventAge, case: Case) -> Iterator[Finding]:
    event_at = case.facts.event_at
    if event_at is not None and _is_recent(event_at, rule, case.now):
        return
    was = "no such event is known" if event_at is None else f"it was {event_at.isoformat()}"
    detail = f"The call must follow a {rule.event} within {rule.max_age}; {was}."
    yield finding(entry, rule.on_expiry, detail)


def _is_recent(event_at: datetime, rule: EventAge, now: datetime) -> bool:
    """An event that lies ahead has not happened; one exactly as old as allowed is too old."""
    return event_at <= now < after(event_at, parse_duration(rule.max_age))
