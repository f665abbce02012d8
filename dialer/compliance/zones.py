"""Which time zones a callee may be in. All of them must be inside their windows (reference §3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]  # one constant is read; it carries no types

from dialer.compliance.numbering import Number
from dialer.compliance.schema import Header

TZDATA_VERSION = tzdata.IANA_VERSION
#: Old names that phonenumbers 9.0.43 still returns, and today's.
_RENAMED = {
    "Africa/Asmera": "Africa/Asmara",
    "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
    "America/Godthab": "America/Nuuk",
    "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Choibalsan": "Asia/Ulaanbaatar",
    "Asia/Katmandu": "Asia/Kathmandu",
    "Asia/Rangoon": "Asia/Yangon",
    "Atlantic/Faeroe": "Atlantic/Faroe",
    "Pacific/Enderbury": "Pacific/Kanton",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
}
AREA_CODE_DIGITS = 3  # of a North American number
_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")

_EAST, _MIDDLE = ("America/New_York", "America/Chicago"), ("America/Chicago", "America/Denver")
_INDIANA = ("America/Indiana/Indianapolis", "America/Chicago")
#: North American area codes that span zones (R, reference §3). The library's map is by majority:
#: 219 is mostly Central and comes back as Eastern, so the table is united with it.
SPLIT_AREA_CODES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("208", "986"), ("America/Boise", "America/Los_Angeles")),
    **dict.fromkeys(("219", "574", "812", "930"), _INDIANA),
    **dict.fromkeys(("270", "364", "606", "423", "931", "850", "448"), _EAST),
    "906": ("America/Detroit", "America/Menominee"),
    **dict.fromkeys(("605", "701", "308", "785", "620", "915", "432"), _MIDDLE),
    **dict.fromkeys(("541", "458"), ("America/Los_Angeles", "America/Boise")),
    "775": ("America/Los_Angeles", "America/Denver"),
    "928": ("America/Phoenix", "America/Denver"),  # the Navajo Nation keeps summer time
    "907": ("America/Anchorage", "America/Adak"),
    **dict.fromkeys(
        ("250", "778"), ("America/Vancouver", "America/Edmonton", "America/Dawson_Creek")
    ),
    **dict.fromkeys(("306", "639"), ("America/Regina", "America/Edmonton")),
    "807": ("America/Toronto", "America/Winnipeg"),
    "867": ("America/Whitehorse", "America/Edmonton", "America/Winnipeg", "America/Toronto"),
    "879": ("America/St_Johns", "America/Goose_Bay"),
}


@lru_cache(maxsize=1024)
def find_zone(name: str) -> ZoneInfo | None:
    """Return the zone under today's name from the pinned tzdata, or None if there is none.

    The system's own zone files are not asked: a decision must be the same on every machine.
    """
    name = _RENAMED.get(name, name)
    if not _NAME.fullmatch(name):
        return None
    return _load_zone(name)


@lru_cache(maxsize=1024)
def _load_zone(name: str) -> ZoneInfo | None:
    try:
        with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (OSError, ValueError):  # no such file, a folder, or a file that is no zone
        return None


def find_each_zone(names: Iterable[str]) -> tuple[ZoneInfo, ...]:
    """Return the distinct zones among the names, leaving out names that are none."""
    found = (find_zone(name) for name in names)
    return tuple({zone.key: zone for zone in found if zone is not None}.values())


def find_zones(names: Iterable[str]) -> tuple[ZoneInfo, ...]:
    """Return the distinct zones in order; empty if any name is unknown: nothing is guessed."""
    wanted = tuple(names)
    return find_each_zone(wanted) if all(map(find_zone, wanted)) else ()


def zones_of(
    number: Number, packs: Sequence[Header], given: tuple[str, ...] | None, lead_zone: str | None
) -> tuple[ZoneInfo, ...]:
    """Unite what the packs derive (or ``given`` in its place) with the lead's own zone.

    Empty when a part of it cannot be resolved, so that the decision denies.
    """
    if given is None:
        derived = [_derive(pack, number) for pack in packs]
        if not all(derived):
            return ()
        given = tuple(name for names in derived for name in names)
    if not given:
        return ()
    return _resolve(given if lead_zone is None else (*given, lead_zone))


@lru_cache(maxsize=4096)
def _resolve(names: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    return find_zones(names)


def _derive(pack: Header, number: Number) -> tuple[str, ...]:
    zones = pack.zones
    if zones.mode == "fixed":
        return zones.zones
    if zones.mode == "prefix":
        matching = [prefix for prefix in zones.prefixes if number.national.startswith(prefix)]
        return zones.prefixes[max(matching, key=len)] if matching else ()
    area_code = number.national[:AREA_CODE_DIGITS] if number.calling_code == "1" else ""
    split = pack.split_zone_area_codes.get(area_code, ())
    return (*number.zones, *SPLIT_AREA_CODES.get(area_code, ()), *split)
