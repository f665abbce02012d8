"""Packs compiled for one category and mode: what must be asked, indexed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from dialer.compliance import schema
from dialer.compliance.packs import Pack
from dialer.compliance.verdict import PackRef
from dialer.compliance.walltime import day_of
from dialer.compliance.windows import PackWindows, compile_window

#: Kinds that decide one call. The others are kept with the pack for whoever acts on them.
DECIDING = (
    schema.Window,
    schema.Cap,
    schema.Gap,
    schema.Dnc,
    schema.ConsentNeeded,
    schema.ConsentAge,
    schema.EventAge,
    schema.Cli,
    schema.DialerDeclaration,
)
#: How a voice call is made; a mode that is none of these meets the rules of all of them.
MODES = frozenset(("voice", "auto_live", "auto_pre", "robo"))


@dataclass(frozen=True, slots=True)
class PackRule:
    """One rule in effect and the pack it comes from.

    accepted: kinds of consent the pack takes for anything in this category.
    """

    rule: schema.AnyRule
    pack: Pack
    accepted: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What applies to a call of one category and mode; ``rules`` without dates applied."""

    packs: tuple[Pack, ...]
    refs: tuple[PackRef, ...]
    windows: tuple[PackWindows, ...]
    rules: tuple[PackRule, ...]


@dataclass(frozen=True, slots=True)
class Active:
    """The part of a plan in effect on given local days, in stack order.

    windowless: packs that must have a window rule and have none in effect.
    extensible: ids of packs with a window that bands switched on may extend.
    """

    rules: tuple[PackRule, ...]
    ages: tuple[schema.ConsentAge, ...]
    windowless: tuple[Pack, ...]
    extensible: frozenset[str]
    evaluated: tuple[str, ...]


@lru_cache(maxsize=1024)
def make_plan(packs: tuple[Pack, ...], category: str, mode: str) -> Plan:
    """Index the packs, which stand parent first."""
    rules: list[PackRule] = []
    windows: list[PackWindows] = []
    for pack in packs:
        mine = [rule for rule in pack.rules if _applies(rule, category, mode)]
        accepted = frozenset(kind for rule in mine for kind in _accepted(rule))
        rules += (PackRule(rule, pack, accepted) for rule in mine)
        hours = tuple(
            compile_window(rule, pack.calendars.get(rule.calendar or "", frozenset()))
            for rule in mine
            if isinstance(rule, schema.Window)
        )
        defers = pack.header.default_action == "defer_to_parent"
        windows.append(PackWindows(pack.id, hours, defers))
    return Plan(packs, tuple(pack.ref for pack in packs), tuple(windows), tuple(rules))


@lru_cache(maxsize=8192)
def active_on(plan: Plan, first_day: int, last_day: int) -> Active:
    """Return what is in effect where the callee's zones show these local days.

    A rule in effect in any of the zones binds; a window must be in effect in all of them.
    """
    bound = [entry for entry in plan.rules if _in_effect(entry.rule, first_day, last_day)]
    windowless = tuple(
        pack
        for pack, windows in zip(plan.packs, plan.windows, strict=True)
        if not windows.defers
        and not all(windows.in_effect(day) for day in range(first_day, last_day + 1))
    )
    return Active(
        rules=tuple(entry for entry in bound if not isinstance(entry.rule, schema.Window)),
        ages=tuple(entry.rule for entry in bound if isinstance(entry.rule, schema.ConsentAge)),
        windowless=windowless,
        extensible=frozenset(
            windows.pack_id
            for windows in plan.windows
            if any(rule.may_extend for rule in windows.rules)
        ),
        evaluated=tuple(entry.rule.id for entry in bound),
    )


def _applies(rule: schema.AnyRule, category: str, mode: str) -> bool:
    return (
        isinstance(rule, DECIDING)
        and rule.enabled
        and rule.severity == "block"
        and category in rule.categories
        and (rule.modes is None or mode in rule.modes or mode not in MODES)
    )


def _accepted(rule: schema.AnyRule) -> tuple[str, ...]:
    match rule:
        case schema.ConsentNeeded():
            return rule.any_of
        case schema.Dnc():
            return rule.overridden_by
    return ()


def _in_effect(rule: schema.AnyRule, first_day: int, last_day: int) -> bool:
    ends_on = rule.effective_to
    begun = day_of(rule.effective_from) <= last_day
    return begun and (ends_on is None or first_day <= day_of(ends_on))
