"""Calling windows: when every zone of a callee is open for every pack at once.

A `Schedule` is compiled once per distinct set of rules, zones and preferences; the instants it is
open on a UTC day are worked out once and remembered, so asking again is a dictionary look-up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, reduce
from zoneinfo import ZoneInfo

from dialer.compliance.facts import Narrowing
from dialer.compliance.preferences import HOLIDAY, Preferences
from dialer.compliance.schema import Window, parse_band
from dialer.compliance.verdict import Finding
from dialer.compliance.walltime import (
    DAY_S,
    WEEKDAYS,
    Span,
    date_of,
    day_of,
    intersect,
    parse_span,
    pieces,
    subtract,
    unite,
    wall_s,
    weekday_of,
)

WHOLE_DAY: tuple[Span, ...] = ((0, DAY_S),)
NARROWING_RULE = "campaign.hours"
#: A window that has not closed by then is taken not to close (`Verdict.window_ends_at`).
CLOSES_WITHIN_S = 8 * DAY_S
#: Where the search for an opening ends: past any chain of holidays and closed days.
SEARCH_DAYS = 60


@dataclass(frozen=True, slots=True)
class WindowRule:
    """A window rule with its times in seconds of the day; days are counted from 1970-01-01."""

    id: str
    weekdays: frozenset[int]
    spans: tuple[Span, ...]
    holidays: frozenset[int]
    on_holidays: str
    bands: tuple[Span, ...]
    may_extend: bool
    from_day: int
    to_day: int

    def is_in_effect(self, day: int) -> bool:
        return self.from_day <= day <= self.to_day

    def is_for(self, day: int) -> bool:
        """Whether the rule speaks of that day; a holiday may count as another weekday."""
        weekday = weekday_of(day)
        if day in self.holidays and self.on_holidays.startswith("as:"):
            weekday = WEEKDAYS.index(self.on_holidays[3:])
        return weekday in self.weekdays

    def is_holiday_closed(self, day: int) -> bool:
        return self.on_holidays == "closed" and day in self.holidays

    def is_day_off(self, day: int, preferences: Preferences) -> bool:
        """Whether the subscriber switched this day off; only where the rule knows preferences."""
        if not self.bands:
            return False
        is_holiday = HOLIDAY in preferences.days_off and day in self.holidays
        return is_holiday or weekday_of(day) in preferences.days_off

    def hours(self, preferences: Preferences) -> tuple[Span, ...]:
        """The rule's spans and what the subscriber switched on; what is off not yet cut out."""
        switched_on = intersect(preferences.bands_on, self.bands) if self.may_extend else ()
        return unite((*self.spans, *switched_on))

    def bands_off(self, preferences: Preferences) -> tuple[Span, ...]:
        return preferences.bands_off if self.bands else ()

    def open_spans(self, day: int, preferences: Preferences) -> tuple[Span, ...]:
        if self.is_holiday_closed(day) or self.is_day_off(day, preferences):
            return ()
        return subtract(self.hours(preferences), self.bands_off(preferences))


@dataclass(frozen=True, slots=True, eq=False)
class PackWindows:
    """One pack's window rules for one category and mode.

    defers: a day without a rule in effect is open, because the parent decides it.
    """

    pack_id: str
    rules: tuple[WindowRule, ...]
    defers: bool

    def in_effect(self, day: int) -> tuple[WindowRule, ...]:
        return tuple(rule for rule in self.rules if rule.is_in_effect(day))

    def open_spans(self, day: int, preferences: Preferences) -> tuple[Span, ...]:
        """All rules that speak of the day must be open; a day none speaks of is closed."""
        active = self.in_effect(day)
        if not active:
            return WHOLE_DAY if self.defers else ()
        spans: tuple[Span, ...] | None = None
        for rule in active:
            if rule.is_for(day):
                mine = rule.open_spans(day, preferences)
                spans = mine if spans is None else intersect(spans, mine)
        return spans or ()


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    windows: tuple[PackWindows, ...]
    zones: tuple[ZoneInfo, ...]
    preferences: Preferences
    weekdays: frozenset[int]
    spans: tuple[Span, ...]

    def wall_open(self, day: int) -> tuple[Span, ...]:
        """Return the open seconds of a local day, the same in every zone."""
        spans = self.spans if weekday_of(day) in self.weekdays else ()
        for pack in self.windows:
            spans = intersect(spans, pack.open_spans(day, self.preferences))
        return spans


def compile_window(rule: Window, holidays: frozenset[int]) -> WindowRule:
    return WindowRule(
        id=rule.id,
        weekdays=frozenset(map(WEEKDAYS.index, rule.days)),
        spans=unite(map(parse_span, rule.spans)),
        holidays=holidays,
        on_holidays=rule.holidays,
        bands=unite(map(parse_band, rule.preference_bands)),
        may_extend=rule.preference_on_may_extend,
        from_day=day_of(rule.effective_from),
        to_day=day_of(rule.effective_to or date.max),
    )


@lru_cache(maxsize=4096)
def make_schedule(
    windows: tuple[PackWindows, ...],
    zones: tuple[ZoneInfo, ...],
    preferences: Preferences,
    narrowing: Narrowing,
) -> Schedule:
    days, spans = narrowing.days or WEEKDAYS, unite(map(parse_span, narrowing.spans))
    return Schedule(
        windows, zones, preferences, frozenset(map(WEEKDAYS.index, days)), spans or WHOLE_DAY
    )


@lru_cache(maxsize=65_536)
def open_on(schedule: Schedule, utc_day: int) -> tuple[Span, ...]:
    """Return the instants of one UTC day at which every zone is open, as half-open spans."""
    zones = (unite(_zone_open(schedule, zone, utc_day)) for zone in schedule.zones)
    return reduce(intersect, zones)


def _zone_open(schedule: Schedule, zone: ZoneInfo, utc_day: int) -> Iterator[Span]:
    for start, end, offset in pieces(zone, utc_day):
        for day in {(start + offset) // DAY_S, (end + offset) // DAY_S}:
            shift = day * DAY_S - offset
            spans = ((opens + shift, closes + shift) for opens, closes in schedule.wall_open(day))
            yield from intersect(spans, [(start, end)])


def is_open(schedule: Schedule, second: int) -> bool:
    return any(start <= second < end for start, end in open_on(schedule, second // DAY_S))


def next_open(schedule: Schedule, second: int) -> int | None:
    """Return the first open instant from ``second`` on, None if there is none in sight."""
    first_day = second // DAY_S
    for utc_day in range(first_day, first_day + SEARCH_DAYS):
        for start, end in open_on(schedule, utc_day):
            if end > second:
                return max(start, second)
    return None


def closes_at(schedule: Schedule, second: int) -> int | None:
    """Return when the window open at ``second`` closes, None if not within 8 days."""
    edge = second
    while edge - second <= CLOSES_WITHIN_S:
        today = open_on(schedule, edge // DAY_S)
        end = next((end for start, end in today if start <= edge < end), None)
        if end is None:
            return edge
        edge = end
    return None


def closed_now(schedule: Schedule, second: int) -> Iterator[Finding]:
    """Say per pack and zone why the window is closed at ``second``."""
    for pack in schedule.windows:
        for zone in schedule.zones:
            day, clock = divmod(wall_s(zone, second), DAY_S)
            where = f"{_local(day, clock)} in {zone.key}"
            for code, rule_id, why in _closed(pack, day, clock, schedule.preferences):
                yield Finding(code, rule_id, pack.pack_id, f"{where}: {why}.")
    for zone in schedule.zones:
        day, clock = divmod(wall_s(zone, second), DAY_S)
        where = f"{_local(day, clock)} in {zone.key}"
        if weekday_of(day) not in schedule.weekdays:
            days = ", ".join(WEEKDAYS[weekday] for weekday in sorted(schedule.weekdays))
            yield Finding(
                "DAY_CLOSED", NARROWING_RULE, None, f"{where}: the campaign calls on {days} only."
            )
        if not _inside(schedule.spans, clock):
            hours = _spell(schedule.spans)
            yield Finding(
                "OUTSIDE_HOURS", NARROWING_RULE, None, f"{where}: the campaign calls {hours} only."
            )


def _closed(
    pack: PackWindows, day: int, clock: int, preferences: Preferences
) -> Iterator[tuple[str, str, str]]:
    active = pack.in_effect(day)
    rules = [rule for rule in active if rule.is_for(day)]
    for rule in rules or active:
        if rule.is_holiday_closed(day):
            yield "HOLIDAY_CLOSED", rule.id, "a public holiday without calls"
            break
    if active and not rules:
        yield "DAY_CLOSED", active[0].id, f"no calls on {WEEKDAYS[weekday_of(day)]}"
    for rule in rules:
        if rule.is_day_off(day, preferences):
            yield "PREF_DAY_BLOCKED", rule.id, "the subscriber switched this day off"
        hours = rule.hours(preferences)
        if not _inside(hours, clock):
            yield "OUTSIDE_HOURS", rule.id, f"calls are allowed {_spell(hours)}"
        if _inside(rule.bands_off(preferences), clock):
            yield "PREF_BAND_BLOCKED", rule.id, "the subscriber switched this band off"


def _inside(spans: tuple[Span, ...], clock: int) -> bool:
    return any(start <= clock < end for start, end in spans)


def _local(day: int, clock: int) -> str:
    return f"{WEEKDAYS[weekday_of(day)].capitalize()} {date_of(day)} {_clock(clock)}"


def _spell(spans: tuple[Span, ...]) -> str:
    return " and ".join("-".join(_clock(edge)[:5] for edge in span) for span in spans)


def _clock(second: int) -> str:
    hours, rest = divmod(second, 3600)
    return f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
