"""The windows of a pack at one instant, read from its TOML the slow way; see `naive_law`."""

from __future__ import annotations

import calendar
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dialer.compliance.facts import Facts

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MODES = ("voice", "auto_live", "auto_pre", "robo")
Found = tuple[str, str | None]


class Toml(dict[str, Any]):
    """A pack as its file has it; one is another only if it is the same object."""

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


@cache
def zone_of(name: str) -> ZoneInfo:
    """From the pinned tzdata: the machine's own may be of another year."""
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@cache
def read(path: Path) -> Toml:
    return Toml(tomllib.loads(path.read_text(encoding="utf-8")))


def rules_of(pack: Toml, kind: str | None, facts: Facts, days: Sequence[date]) -> Iterator[Toml]:
    """Those of a kind that speak of this call on any of these local days."""
    for rule in speaking(pack, kind, facts.category, facts.mode):
        last = rule.get("effective_to", date.max)
        if any(rule["effective_from"] <= day <= last for day in days):
            yield rule


@cache
def speaking(pack: Toml, kind: str | None, category: str, mode: str) -> list[Toml]:
    return [
        rule
        for rule in pack["rule"]
        if kind in (None, rule["kind"])
        and rule.get("enabled", True)
        and rule["severity"] == "block"
        if category in rule["categories"]
        if mode in rule.get("modes", MODES) or mode not in MODES
    ]


def window_found(
    pack: Toml, facts: Facts, local: datetime, said: dict[str, list[str]], extends: bool
) -> Iterator[Found]:
    today = local.date()
    active = [*rules_of(pack, "window", facts, [today])]
    applying = []
    for rule in active:
        is_holiday = _is_holiday(pack, rule, today)
        day, way = DAYS[local.weekday()], rule.get("holidays", "same")
        if is_holiday and way.startswith("as:"):
            day = way[3:]
        if day in rule["days"]:
            applying.append(rule)
    for rule in applying or active:
        if rule.get("holidays") == "closed" and _is_holiday(pack, rule, today):
            yield "HOLIDAY_CLOSED", rule["id"]
            break
    if not applying:
        if active:
            yield "DAY_CLOSED", active[0]["id"]
        return
    for rule in applying:
        spans = [tuple(span) for span in rule["spans"]]
        if rule.get("preference_bands"):
            off = said.get("day_off", [])
            if DAYS[local.weekday()] in off or (
                "holiday" in off and _is_holiday(pack, rule, today)
            ):
                yield "PREF_DAY_BLOCKED", rule["id"]
            if within(_bands(said.get("band_off", [])), local.time()):
                yield "PREF_BAND_BLOCKED", rule["id"]
            if rule.get("preference_on_may_extend") and extends:
                spans += _bands(said.get("band_on", []))
        if not within(spans, local.time()):
            yield "OUTSIDE_HOURS", rule["id"]


def _is_holiday(pack: Toml, rule: Toml, day: date) -> bool:
    return "calendar" in rule and day in pack["calendars"][rule["calendar"]]["dates"]


def _bands(items: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(f"{hour}:00" for hour in item.split("-")) for item in items if item]


def within(spans: Sequence[Sequence[str]], clock: time) -> bool:
    """Texts of the day compare as its times do, and ``24:00`` is later than all."""
    now = clock.isoformat("minutes")
    return any(start <= now < end for start, end in spans)


def boundaries(packs: Sequence[Toml], category: str) -> list[time | None]:
    """Every clock time at which a window of the category opens or closes; None: at 24:00."""
    clocks = {
        clock
        for pack in packs
        for rule in pack["rule"]
        if rule["kind"] == "window" and category in rule["categories"]
        for span in rule["spans"]
        for clock in span
    }
    return [None if clock == "24:00" else time.fromisoformat(clock) for clock in sorted(clocks)]


def dst_days(zone: ZoneInfo, year: int) -> list[date]:
    """Days of the year on which the zone's offset changes."""
    first = date(year, 1, 1)
    days = [first + timedelta(days=n) for n in range(365 + calendar.isleap(year))]

    def offset(day: date) -> timedelta | None:
        return datetime.combine(day, time(), UTC).astimezone(zone).utcoffset()

    return [day for day in days if offset(day) != offset(day + timedelta(days=1))]
