"""The compliance reference read a second time, the slow way, to compare the product with.

It takes a pack's TOML as it stands, looks at one instant at a time and finds an opening by stepping
from minute to minute. Nothing of the product's is used but the values that a case is made of.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import phonenumbers

from dialer.compliance.facts import Consent, Facts
from tests.unit.naive_hours import (
    DAYS,
    Found,
    Toml,
    rules_of,
    speaking,
    window_found,
    within,
    zone_of,
)

ORDER = (
    *("NUMBER_INVALID", "NO_RULE_PACK", "NON_GEOGRAPHIC_NUMBER", "ZONE_UNRESOLVED"),
    *("INTERNAL_OPT_OUT", "NO_WINDOW_RULE", "CONSENT_MISSING", "CONSENT_EXPIRED"),
    *("DNC_SCRUB_STALE", "DNC_LISTED", "PREF_CATEGORY_BLOCKED", "PREF_MODE_BLOCKED"),
    *("CLI_SERIES_MISMATCH", "A2P_UNDECLARED", "TXN_WINDOW_ELAPSED", "PREF_DAY_BLOCKED"),
    *("HOLIDAY_CLOSED", "DAY_CLOSED", "OUTSIDE_HOURS", "PREF_BAND_BLOCKED", "NO_COMMON_WINDOW"),
    *("ATTEMPT_CAP", "MIN_GAP"),
)
WAITING_HELPS = {*ORDER[15:20], *ORDER[21:]}
LINES_OF_NOBODY = (
    *("toll_free", "premium_rate", "shared_cost", "uan"),
    *("voicemail", "pager", "personal_number"),
)


@dataclass(frozen=True)
class Told:
    """codes: without NO_COMMON_WINDOW, which no single instant shows."""

    allowed: bool
    code: str
    rule_id: str | None
    codes: tuple[str, ...]


def decide(facts: Facts, packs: Sequence[Toml], now: datetime) -> Told:
    found = [*_found(facts, packs, now)]
    if not found:
        return Told(True, "OK", None, ())
    found.sort(key=lambda one: ORDER.index(one[0]))
    return Told(False, *found[0], tuple(dict.fromkeys(code for code, _ in found)))


def decide_hours(
    facts: Facts, packs: Sequence[Toml], zones: Sequence[ZoneInfo], now: datetime
) -> Found:
    """Only the windows, of a subscriber who has no preferences."""
    found = [
        one
        for pack in packs
        for zone in zones
        for one in window_found(pack, facts, now.astimezone(zone), {}, extends=False)
    ]
    return min(found, key=lambda one: ORDER.index(one[0]), default=("OK", None))


def opening(facts: Facts, packs: Sequence[Toml], now: datetime, *, days: float) -> datetime | None:
    """Return the first instant after ``now`` at which no rule of time denies: whole minutes are
    tried in turn, and then the seconds before the one that passes. None: not within ``days``."""
    zones = zones_of(facts, packs)
    extends = _may_extend(facts, packs, now)

    def passes(at: datetime) -> bool:
        return not any(True for _ in _time_found(facts, packs, zones, at, extends))

    minute = now.replace(second=0, microsecond=0)
    for _ in range(int(days * 1440)):
        minute += timedelta(minutes=1)
        if not passes(minute):
            continue
        second = minute
        while second - timedelta(seconds=1) > now and passes(second - timedelta(seconds=1)):
            second -= timedelta(seconds=1)
        return second
    return None


def _found(facts: Facts, packs: Sequence[Toml], now: datetime) -> Iterator[Found]:
    if facts.suppressed:
        yield "INTERNAL_OPT_OUT", None
    moot = _moot(facts, packs)
    if moot:
        yield moot, None
        return
    packs = [pack for pack in packs if _covers(pack, facts.phone)]
    zones = zones_of(facts, packs)
    for pack in packs:
        if pack["pack"]["default_action"] == "deny" and not all(
            any(True for _ in rules_of(pack, "window", facts, [local.date()]))
            for local in _each(zones, now)
        ):
            yield "NO_WINDOW_RULE", None
    yield from _fact_found(facts, packs, zones, now)
    yield from _time_found(facts, packs, zones, now, _may_extend(facts, packs, now))


def _moot(facts: Facts, packs: Sequence[Toml]) -> str | None:
    kind = _line_of(facts.phone)
    if kind is None:
        return "NUMBER_INVALID"
    names: list[str] = []
    covering = [pack for pack in packs if _covers(pack, facts.phone)]
    for pack in covering:
        if pack["pack"].get("parent", None) not in (None, *names):
            return "NO_RULE_PACK"
        names.append(pack["pack"]["id"])
    if not covering:
        return "NO_RULE_PACK"
    if kind in LINES_OF_NOBODY or facts.number_type in LINES_OF_NOBODY:
        return "NON_GEOGRAPHIC_NUMBER"
    if facts.phone.startswith(("+91140", "+911600", "+911601")):
        return "NON_GEOGRAPHIC_NUMBER"
    return None if zones_of(facts, covering) else "ZONE_UNRESOLVED"


@cache
def _line_of(phone: str) -> str | None:
    """What kind of line it is, None for no number at all."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return None
    if phone != phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164):
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    kinds = {
        value: name.lower()
        for name, value in vars(phonenumbers.PhoneNumberType).items()
        if isinstance(value, int)
    }
    return kinds[phonenumbers.number_type(number)]


def _covers(pack: Toml, phone: str) -> bool:
    head = pack["pack"]
    if not phone.startswith("+" + head["calling_code"]):
        return False
    national = phone[1 + len(head["calling_code"]) :]
    codes = head.get("area_codes")
    return not codes or any(national.startswith(code) for code in codes)


def zones_of(facts: Facts, packs: Sequence[Toml]) -> list[ZoneInfo]:
    """For packs that read zones off the number the case must give them."""
    names = list(facts.zones or ())
    if facts.zones is None:
        for pack in (one for one in packs if _covers(one, facts.phone)):
            zones = pack["pack"]["zones"]
            assert zones["mode"] != "number", "give the zones"
            if zones["mode"] == "fixed":
                names += zones["zones"]
            else:
                national = facts.phone[1 + len(pack["pack"]["calling_code"]) :]
                best = max((p for p in zones["prefixes"] if national.startswith(p)), key=len)
                names += zones["prefixes"][best]
    if facts.lead_zone is not None:
        names.append(facts.lead_zone)
    return [zone_of(name) for name in dict.fromkeys(names)]


def _each(zones: Sequence[ZoneInfo], at: datetime) -> list[datetime]:
    return [at.astimezone(zone) for zone in zones]


# ---- rules of facts


def _fact_found(
    facts: Facts, packs: Sequence[Toml], zones: Sequence[ZoneInfo], now: datetime
) -> Iterator[Found]:
    today = [local.date() for local in _each(zones, now)]
    live = _live(facts, packs, today, now)
    for pack in packs:
        for rule in rules_of(pack, None, facts, today):
            match rule["kind"]:
                case "consent":
                    code = _consent_code(rule, facts, live, now)
                case "consent_age":
                    code = _age_code(pack, rule, facts, live, now)
                case "dnc":
                    for code in _register_codes(facts, pack, rule, zones, live, now):
                        yield code, rule["id"]
                    continue
                case "cli":
                    code = _caller_code(rule, facts)
                case "dialer_declaration":
                    code = _declaration_code(facts, today)
                case "event_age":
                    at = facts.event_at
                    in_time = at is not None and at <= now < _later(at, rule["max_age"])
                    code = None if in_time else "TXN_WINDOW_ELAPSED"
                case _:
                    continue
            if code is not None:
                yield code, rule["id"]


def _consent_code(rule: Toml, facts: Facts, live: set[str], now: datetime) -> str | None:
    if live & set(rule["any_of"]):
        return None
    was_given = any(consent.kind in rule["any_of"] for consent in _given(facts, now))
    return "CONSENT_EXPIRED" if was_given else "CONSENT_MISSING"


def _age_code(pack: Toml, rule: Toml, facts: Facts, live: set[str], now: datetime) -> str | None:
    rests = any(c.kind in rule["consent"] and not c.ended for c in _given(facts, now))
    other = {
        kind
        for ask, names in (("consent", "any_of"), ("dnc", "overridden_by"))
        for one in speaking(pack, ask, facts.category, facts.mode)
        for kind in one.get(names, [])
    }
    return "CONSENT_EXPIRED" if rests and not live & (other | set(rule["consent"])) else None


def _caller_code(rule: Toml, facts: Facts) -> str | None:
    allowed = rule["series"]
    if "sector_series" in rule:
        allowed = rule["sector_series"].get(facts.entity, [])
    right = facts.caller is not None and facts.caller.series in allowed
    return None if right else "CLI_SERIES_MISMATCH"


def _declaration_code(facts: Facts, today: Sequence[date]) -> str | None:
    told = facts.declaration
    if told is None or told.declared_on is None or any(told.declared_on > day for day in today):
        return "A2P_UNDECLARED"
    return None if told.reference and told.objective and told.cli_listed else "A2P_UNDECLARED"


def _given(facts: Facts, now: datetime) -> list[Consent]:
    return [c for c in facts.consents if c.captured_at is None or c.captured_at <= now]


def _live(facts: Facts, packs: Sequence[Toml], today: Sequence[date], now: datetime) -> set[str]:
    live = set()
    for consent in _given(facts, now):
        alive = not consent.ended
        for pack in packs:
            for rule in rules_of(pack, "consent_age", facts, today):
                if consent.kind not in rule["consent"]:
                    continue
                most = rule["max_age"]
                if consent.source == "inquiry":
                    most = rule.get("inquiry_max_age", most)
                at = consent.captured_at
                alive = alive and at is not None and now < _later(at, most)
        if alive:
            live.add(consent.kind)
    return live


def _register_codes(
    facts: Facts,
    pack: Toml,
    rule: Toml,
    zones: Sequence[ZoneInfo],
    live: set[str],
    now: datetime,
) -> Iterator[str]:
    if not _is_fresh(facts, pack, rule, zones, now):
        yield "DNC_SCRUB_STALE"
        return
    if live & set(rule.get("overridden_by", [])):
        return
    said = _said(facts, now)
    if {"listed", "fully_blocked", "blocked"} & said.keys():
        yield "DNC_LISTED"
    if "block" in said and (facts.sector is None or str(facts.sector) in said["block"]):
        yield "PREF_CATEGORY_BLOCKED"
    if facts.mode in said.get("mode_off", []):
        yield "PREF_MODE_BLOCKED"


def _is_fresh(
    facts: Facts, pack: Toml, rule: Toml, zones: Sequence[ZoneInfo], now: datetime
) -> bool:
    if facts.scrub is None or facts.scrub.at > now:
        return False
    if rule["freshness"] != "same_local_day":
        return now < _later(facts.scrub.at, rule["freshness"])
    if pack["pack"]["zones"]["mode"] == "fixed":
        zones = [zone_of(name) for name in pack["pack"]["zones"]["zones"]]
    return all(
        facts.scrub.at.astimezone(zone).date() == now.astimezone(zone).date() for zone in zones
    )


def _said(facts: Facts, now: datetime) -> dict[str, list[str]]:
    """What the subscriber told the register: word → its items."""
    said: dict[str, list[str]] = {}
    if facts.scrub is not None and facts.scrub.at <= now:
        for part in facts.scrub.verdict.split(";"):
            word, _, items = part.strip().partition(":")
            said.setdefault(word, []).extend(items.split(","))
    return said


def _may_extend(facts: Facts, packs: Sequence[Toml], now: datetime) -> bool:
    """A band switched on counts on a scrub that every register rule finds fresh."""
    packs = [pack for pack in packs if _covers(pack, facts.phone)]
    zones = zones_of(facts, packs)
    today = [local.date() for local in _each(zones, now)]
    fresh = [
        _is_fresh(facts, pack, rule, zones, now)
        for pack in packs
        for rule in rules_of(pack, "dnc", facts, today)
    ]
    return bool(fresh) and all(fresh)


def _later(at: datetime, period: str) -> datetime:
    """``at`` plus P3M, P31D, PT30M or PT24H; the shipped packs write no others."""
    count, unit = int(period.strip("PTYMDHWS")), period[-1]
    if not period.startswith("PT") and unit == "M":
        month = at.month - 1 + count
        year, month = at.year + month // 12, month % 12 + 1
        day = min(at.day, calendar.monthrange(year, month)[1])
        return at.replace(year=year, month=month, day=day)
    return at + timedelta(seconds=count * {"D": 86400, "H": 3600, "M": 60}[unit])


# ---- rules of time


def _time_found(
    facts: Facts,
    packs: Sequence[Toml],
    zones: Sequence[ZoneInfo],
    at: datetime,
    extends: bool,
) -> Iterator[Found]:
    said = _said(facts, at)
    locals_ = _each(zones, at)
    for pack in packs:
        if not _covers(pack, facts.phone):
            continue
        for local in locals_:
            yield from window_found(pack, facts, local, said, extends)
        for rule in rules_of(pack, "cap", facts, [local.date() for local in locals_]):
            past = [
                one
                for one in facts.history
                if rule["counts"] == "attempts" or one.conversation
                if _counts(one.at, rule["period"], rule["period_type"], zones, at)
            ]
            if len(past) >= rule["max"]:
                yield "ATTEMPT_CAP", rule["id"]
        for rule in rules_of(pack, "gap", facts, [local.date() for local in locals_]):
            for one in facts.history:
                begins = {
                    "attempt": True,
                    "conversation": one.conversation,
                    "refusal": one.outcome in ("refusal", "refused", "rejected"),
                }[rule["after"]]
                kind = rule.get("gap_type", "rolling")
                if begins and _counts(one.at, rule["min_gap"], kind, zones, at):
                    yield "MIN_GAP", rule["id"]
                    break
    for local in locals_:
        narrowing = facts.narrowing
        if narrowing.days and DAYS[local.weekday()] not in narrowing.days:
            yield "DAY_CLOSED", "campaign.hours"
        if narrowing.spans and not within(narrowing.spans, local.time()):
            yield "OUTSIDE_HOURS", "campaign.hours"


def _counts(was: datetime, period: str, kind: str, zones: Sequence[ZoneInfo], at: datetime) -> bool:
    if kind == "rolling":
        return at < _later(was, period)
    days = int(period.strip("PD"))
    return any(
        at.astimezone(zone).date() < was.astimezone(zone).date() + timedelta(days=days)
        for zone in zones
    )
