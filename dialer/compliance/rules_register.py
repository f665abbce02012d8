"""Do-not-call registers: is our look fresh, and what did the subscriber say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.compliance.case import Case, finding
from dialer.compliance.durations import after, parse_duration
from dialer.compliance.facts import Scrub
from dialer.compliance.plan import MODES, PackRule
from dialer.compliance.preferences import NO_PREFERENCES, Preferences, parse_verdict
from dialer.compliance.rules_consent import live_kinds
from dialer.compliance.schema import SAME_LOCAL_DAY, Dnc
from dialer.compliance.verdict import Finding
from dialer.compliance.walltime import DAY_S, day_begins, epoch_s, instant, wall_s
from dialer.compliance.zones import find_zones


def read_scrub(case: Case) -> Preferences | None:
    """Return what the scrub says; None if there is none, it lies ahead, or makes no sense."""
    scrub = case.facts.scrub
    if scrub is None or scrub.at > case.now:
        return None
    try:
        return parse_verdict(scrub.verdict)
    except ValueError:
        return None


def window_preferences(case: Case) -> Preferences:
    """Return the preferences that shape windows.

    What is switched off counts however old the scrub; what is switched on opens hours, so every
    register rule must find the scrub fresh now, and each pack that lets hours be opened must have
    one: another pack's register says nothing about its bands.
    """
    preferences, scrub = read_scrub(case), case.facts.scrub
    if preferences is None or scrub is None:
        return NO_PREFERENCES
    if not preferences.bands_on:
        return preferences
    with_register = set()
    for entry in case.active.rules:
        if isinstance(entry.rule, Dnc):
            if not is_fresh(entry, entry.rule, scrub, case):
                return preferences.without_extension()
            with_register.add(entry.pack.id)
    if case.active.extensible <= with_register:
        return preferences
    return preferences.without_extension()


def goes_stale_at(entry_zones: Iterable[ZoneInfo], rule: Dnc, scrub: Scrub) -> datetime:
    """Return the first instant at which a scrub no longer counts; ``entry_zones``: where the
    register's day is looked at."""
    if rule.freshness != SAME_LOCAL_DAY:
        return after(scrub.at, parse_duration(rule.freshness))
    made_s = epoch_s(scrub.at)
    return instant(min(day_begins(zone, wall_s(zone, made_s) // DAY_S + 1) for zone in entry_zones))


def is_fresh(entry: PackRule, rule: Dnc, scrub: Scrub, case: Case) -> bool:
    if rule.freshness != SAME_LOCAL_DAY:
        return after(scrub.at, parse_duration(rule.freshness)) > case.now
    made_s, now_s = epoch_s(scrub.at), epoch_s(case.now)
    return all(
        wall_s(zone, made_s) // DAY_S == wall_s(zone, now_s) // DAY_S
        for zone in _register_zones(entry, case)
    )


def _register_zones(entry: PackRule, case: Case) -> tuple[ZoneInfo, ...]:
    """The register's day is its country's, wherever the callee may be travelling."""
    zones = entry.pack.header.zones
    return find_zones(zones.zones) if zones.mode == "fixed" else case.zones


def check_register(entry: PackRule, rule: Dnc, case: Case) -> Iterator[Finding]:
    preferences, scrub = read_scrub(case), case.facts.scrub
    if preferences is None or scrub is None or not is_fresh(entry, rule, scrub, case):
        was = _describe(scrub, case)
        detail = f"Needs a {rule.list} scrub that is fresh ({rule.freshness}); {was}."
        yield finding(entry, "DNC_SCRUB_STALE", detail)
        return
    if not live_kinds(case).isdisjoint(rule.overridden_by):
        return
    if preferences.is_listed:
        detail = f"The number is on {rule.list} and no consent overrides it."
        yield finding(entry, "DNC_LISTED", detail)
    sector = case.facts.sector
    if preferences.sectors_off and (sector is None or sector in preferences.sectors_off):
        what = "the campaign's sector is not known" if sector is None else f"sector {sector}"
        detail = f"The subscriber blocked sectors on {rule.list}: {what}."
        yield finding(entry, "PREF_CATEGORY_BLOCKED", detail)
    mode = case.facts.mode
    if mode in preferences.modes_off or (preferences.modes_off and mode not in MODES):
        detail = f"The subscriber blocked modes on {rule.list}: this call's is {mode}."
        yield finding(entry, "PREF_MODE_BLOCKED", detail)


def _describe(scrub: Scrub | None, case: Case) -> str:
    if scrub is None:
        return "there is none"
    if scrub.at > case.now:
        return "the one on file lies in the future"
    if read_scrub(case) is None:
        return "the verdict on file is not understood"
    return f"the last was {scrub.at.isoformat(timespec='seconds')}"
