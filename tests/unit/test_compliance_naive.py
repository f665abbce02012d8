"""The product's decisions beside those of a second, naive reading of the same packs.

In the suite: every boundary of every day of a year and the second on either side of it, all
minutes of the days on which a clock is changed, and a sample of everything. COMPLIANCE_EVERY_MINUTE
(`make test-exhaustive`) tries every minute of the year.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from dialer.compliance.decide import Verdict, decide
from dialer.compliance.facts import (
    Caller,
    Consent,
    Declaration,
    Facts,
    Narrowing,
    PastAttempt,
    Scrub,
)
from dialer.compliance.packs import SHIPPED, Pack, find_packs
from dialer.compliance.zones import SPLIT_AREA_CODES
from tests.unit import naive_hours, naive_law
from tests.unit.naive_hours import DAYS, Toml

EVERY_MINUTE = bool(os.environ.get("COMPLIANCE_EVERY_MINUTE"))
#: How many calls are drawn at once: enough that the rarest reason is among them. Mutation testing
#: tries fewer.
ENOUGH = 10_000 if EVERY_MINUTE else 2500
SAMPLE = int(os.environ.get("COMPLIANCE_SAMPLE", ENOUGH))
YEAR = 2026
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
OLD = datetime(2020, 1, 1, tzinfo=UTC)
AUSTRALIA = ("Sydney", "Melbourne", "Hobart", "Brisbane", "Adelaide", "Darwin", "Perth")
AMERICA = {
    *(name for names in SPLIT_AREA_CODES.values() for name in names),
    *("America/New_York", "America/Los_Angeles", "Pacific/Honolulu", "America/Puerto_Rico"),
}


@dataclass(frozen=True)
class Place:
    """A stack of packs, a number it covers and the zones that are tried one by one."""

    packs: str
    phone: str
    zones: tuple[str, ...]
    categories: tuple[str, ...]
    consent: str

    def product(self) -> tuple[Pack, ...]:
        return find_packs(self.packs.split("+"))

    def toml(self) -> list[Toml]:
        return [naive_hours.read(SHIPPED / f"{name}.toml") for name in self.packs.split("+")]


PLACES = (
    Place(
        "in",
        "+919876543210",
        ("Asia/Kolkata",),
        (
            *("promotional", "service_explicit", "service"),
            *("transactional", "government", "debt_recovery"),
        ),
        "explicit_dca",
    ),
    Place(
        "us",
        "+12125552368",
        tuple(sorted(AMERICA)),
        ("telemarketing", "informational", "debt_recovery"),
        "express_written",
    ),
    Place(
        "us+us-fl",
        "+18505551234",
        ("America/New_York", "America/Chicago"),
        ("telemarketing", "informational"),
        "express_written",
    ),
    Place(
        "gb",
        "+442079460958",
        ("Europe/London",),
        ("marketing", "service", "debt_recovery"),
        "notified_consent",
    ),
    Place(
        "au",
        "+61412345678",
        (*(f"Australia/{city}" for city in AUSTRALIA), "Australia/Broken_Hill"),
        ("telemarketing", "research"),
        "inferred",
    ),
)
SERIES = {"promotional": "140", "service_explicit": "140"}


def lawful(place: Place, category: str, zones: tuple[str, ...] | None) -> Facts:
    """A call that nothing but time can forbid, while scrub and event are `renewed`."""
    india = place.packs == "in"
    return Facts(
        phone=place.phone,
        category=category,
        mode="robo",
        entity="bfsi",
        sector=3,
        caller=Caller("+911600000001", SERIES.get(category, "1600") if india else "own_verified"),
        declaration=Declaration("notice", date(2020, 1, 1), category, cli_listed=True),
        consents=(Consent(place.consent, OLD),),
        suppressed=False,
        scrub=None,
        event_at=None,
        history=(),
        lead_zone=None,
        zones=zones,
    )


def renewed(facts: Facts, now: datetime) -> Facts:
    said = facts.scrub.verdict if facts.scrub is not None else "clear"
    return replace(facts, scrub=Scrub(now, said), event_at=now)


def agrees(verdict: Verdict, told: naive_law.Told) -> bool:
    codes = tuple(code for code in verdict.codes if code != "NO_COMMON_WINDOW")
    return (verdict.allowed, verdict.code, verdict.rule_id, codes) == (
        told.allowed,
        told.code,
        told.rule_id,
        told.codes,
    )


def compare(facts: Facts, place: Place, now: datetime) -> Verdict:
    verdict = decide(facts, place.product(), now)
    told = naive_law.decide(facts, place.toml(), now)
    assert agrees(verdict, told), (now, facts, told, verdict)
    return verdict


def midnight(zone: ZoneInfo, day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)


def edges(place: Place, category: str, zone: ZoneInfo) -> Iterator[datetime]:
    """Every opening and closing of the year, with the second before and after it."""
    clocks = naive_hours.boundaries(place.toml(), category)
    for number in range(365):
        day = date(YEAR, 1, 1) + timedelta(days=number)
        for clock in clocks:
            if clock is None:
                at = midnight(zone, day + timedelta(days=1))
            else:
                at = datetime.combine(day, clock, zone).astimezone(UTC)
            yield from (at - SECOND, at, at + SECOND)


def minutes(zone: ZoneInfo) -> Iterator[datetime]:
    """All minutes of the days on which the zone's clock is changed; of every day if asked."""
    days = naive_hours.dst_days(zone, YEAR)
    if EVERY_MINUTE:
        days = [date(YEAR, 1, 1) + timedelta(days=number) for number in range(365)]
    for day in days:
        at, end = midnight(zone, day), midnight(zone, day + timedelta(days=1))
        while at < end:
            yield at
            at += MINUTE


def alike(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Group zones whose clocks show the same at every hour of the year: they are one walk."""
    groups: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for name in names:
        groups[tuple(offsets(naive_hours.zone_of(name)))].append(name)
    return [tuple(group) for group in groups.values()]


def offsets(zone: ZoneInfo) -> Iterator[object]:
    """A year of a zone: from UTC day to day, and by the hour where the clock is changed."""
    first = OLD.replace(year=YEAR)
    days = [(first + timedelta(days=n)).astimezone(zone) for n in range(366)]
    for day, following in pairwise(days):
        yield day.utcoffset()
        if day.utcoffset() != following.utcoffset():
            hours = [day.astimezone(UTC) + timedelta(hours=n) for n in range(24)]
            yield tuple(hour.astimezone(zone).utcoffset() for hour in hours)


WALKS = [(place, group) for place in PLACES for group in alike(place.zones)]


@pytest.mark.parametrize(
    ("place", "names"), WALKS, ids=[f"{place.packs}-{group[0]}" for place, group in WALKS]
)
def test_every_boundary_of_a_year_and_every_minute_of_a_changed_clock(
    place: Place, names: tuple[str, ...]
) -> None:
    zones, packs, toml = [*map(naive_hours.zone_of, names)], place.product(), place.toml()
    for category in place.categories:
        facts = renewed(lawful(place, category, names), OLD)
        seen = set()
        for at in (*edges(place, category, zones[0]), *minutes(zones[0])):
            if facts.event_at is None or at.timestamp() // 600 != facts.event_at.timestamp() // 600:
                facts = renewed(facts, at)
            verdict = decide(facts, packs, at)
            seen.add(verdict.code)
            told = naive_law.decide_hours(facts, toml, zones, at)
            assert (verdict.code, verdict.rule_id) == told, (at, facts, verdict)
        assert seen >= {"OK", "OUTSIDE_HOURS"} or category in ("transactional", "government")


KINDS = (
    *("inferred", "explicit_dca", "inquiry", "ebr", "express", "express_written"),
    *("notified_consent", "none"),
)
BANDS = ("00-06", "06-08", "08-10", "10-12", "12-14", "14-16", "16-18", "18-21", "21-24")
MODES = ("voice", "auto_live", "auto_pre", "robo")
CLOCKS = ("00:00", "08:00", "09:30", "10:00", "13:00", "17:45", "21:00", "24:00")
MAYBE = 0.15


class Dice:
    """Draws calls that are mostly lawful but for one thing or another."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._choice = self._random.choice

    def rarely(self, chance: float = MAYBE) -> bool:
        return self._random.random() < chance

    def call(self) -> tuple[Place, Facts, datetime]:
        place = self._choice(PLACES)
        now = self.instant()
        category = "survey" if self.rarely(0.03) else self._choice(place.categories)
        some = tuple(self._random.sample(place.zones, k=min(len(place.zones), 2)))
        zones = some if "us" in place.packs or self.rarely() else None
        facts = lawful(place, category, zones)
        changes: dict[str, object] = {"mode": self._choice(MODES)}
        if self.rarely(0.3):
            changes["consents"] = tuple(self.consent(now) for _ in range(self._choice((0, 1, 2))))
        if self.rarely():
            changes["lead_zone"] = self._choice(("Asia/Kolkata", "Europe/London", "Asia/Tokyo"))
        if self.rarely():
            changes["entity"] = self._choice((None, "bfsi", "utility", "other", "bank"))
        if self.rarely():
            changes["sector"] = self._choice((None, 2, 3))
        if self.rarely():
            changes["caller"] = self._choice(
                (None, *(Caller("+911600000001", one) for one in (None, "140", "1601", "ordinary")))
            )
        if self.rarely():
            changes["declaration"] = self.declaration(now)
        if self.rarely(0.05):
            changes["suppressed"] = True
        if self.rarely(0.05):
            changes["number_type"] = "toll_free"
        if self.rarely(0.05):
            changes["phone"] = self._choice(("+9111400", "9876543210", "+971501234567"))
        changes["scrub"] = None if self.rarely(0.05) else Scrub(self.ago(now), self.said())
        changes["event_at"] = None if self.rarely() else self.ago(now)
        changes["narrowing"] = self.narrowing()
        changes["history"] = self.history(now)
        return place, replace(facts, **changes), now  # type: ignore[arg-type]

    def instant(self) -> datetime:
        at = OLD.replace(year=YEAR) + timedelta(
            minutes=self._random.randrange(365 * 1440 // 15) * 15
        )
        return at + self._choice((-SECOND, timedelta(0), timedelta(0), SECOND))

    def ago(self, now: datetime) -> datetime:
        """A while ago, often just as long as some rule allows; rarely not yet."""
        days = (7, 28, 30, 31, 90)
        spans = [timedelta(minutes=30), timedelta(hours=24), *(timedelta(days=n) for n in days)]
        if self.rarely(0.4):
            return now - self._choice(spans) + self._choice((-SECOND, timedelta(0), SECOND))
        return now - timedelta(seconds=self._random.randrange(-60, 40_000))

    def consent(self, now: datetime) -> Consent:
        return Consent(
            self._choice(KINDS),
            None if self.rarely() else self.ago(now),
            ended=self.rarely(),
            source="inquiry" if self.rarely() else None,
        )

    def declaration(self, now: datetime) -> Declaration | None:
        if self.rarely():
            return None
        return Declaration(
            self._choice((None, "", "notice")),
            self._choice((None, now.date(), now.date() + timedelta(days=1))),
            self._choice((None, "service")),
            cli_listed=self.rarely(0.5),
        )

    def said(self) -> str:
        if self.rarely(0.5):
            return self._choice(("clear", "none"))
        parts = (
            self._choice(("listed", "fully_blocked", "blocked")),
            "block:" + self._choice(("2,4", "3", "1,3,8")),
            "mode_off:" + self._choice(("robo", "robo,auto_pre", "voice")),
            "day_off:" + self._choice(("sun", "holiday", "mon,tue")),
            "band_off:" + ",".join(self._random.sample(BANDS, k=2)),
            "band_on:" + self._choice(BANDS),
        )
        return ";".join(self._random.sample(parts, k=self._choice((1, 1, 2))))

    def narrowing(self) -> Narrowing:
        if not self.rarely():
            return Narrowing()
        start, end = sorted(self._random.sample(CLOCKS, k=2))
        days = tuple(self._random.sample(DAYS, k=4)) if self.rarely(0.5) else ()
        return Narrowing(days, ((start, end),))

    def history(self, now: datetime) -> tuple[PastAttempt, ...]:
        if not self.rarely(0.3):
            return ()
        ages = [now - self.ago(now) for _ in range(self._choice((1, 3, 8)))]
        return tuple(
            PastAttempt(now - abs(age), self.rarely(0.3), self._choice(("no_answer", "refusal")))
            for age in ages
        )


@cache
def sample(seed: int) -> tuple[tuple[Place, Facts, datetime], ...]:
    dice = Dice(seed)
    return tuple(dice.call() for _ in range(SAMPLE))


@pytest.mark.parametrize("seed", range(2 if not EVERY_MINUTE else 10))
def test_a_sample_of_everything_is_decided_alike(seed: int) -> None:
    codes: set[str] = set()
    for place, facts, now in sample(seed):
        verdict = compare(facts, place, now)
        codes.update(verdict.codes or ["OK"])
    # ZONE_UNRESOLVED has tests of its own: no number of these packs lacks a zone.
    assert SAMPLE < ENOUGH or codes >= {"OK", *naive_law.ORDER} - {
        "ZONE_UNRESOLVED",
        "NO_COMMON_WINDOW",
    }


@pytest.mark.parametrize("seed", range(1 if not EVERY_MINUTE else 5))
def test_the_next_instant_is_where_stepping_finds_it(seed: int) -> None:
    tried = 0
    for place, facts, now in sample(seed):
        verdict = decide(facts, place.product(), now)
        if verdict.allowed or not {*verdict.codes} <= naive_law.WAITING_HELPS:
            continue
        assert verdict.next_allowed_at is not None
        days = (verdict.next_allowed_at - now) / timedelta(days=1)
        if (days > 1 or tried * 20 >= SAMPLE) and not EVERY_MINUTE:
            continue
        found = naive_law.opening(facts, place.toml(), now, days=days + 1)
        assert found == verdict.next_allowed_at, (now, facts, verdict)
        tried += 1
    assert tried * 30 >= SAMPLE
