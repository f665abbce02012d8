"""What a subscriber told the register, as a scrub brings it back.

Grammar of a verdict, parts joined by ``;``: ``clear`` or ``none`` · ``blocked``,
``fully_blocked`` or ``listed`` · ``block:2,4`` (sectors) · ``mode_off:robo,auto_pre`` ·
``day_off:sun,holiday`` · ``band_off:12-14`` · ``band_on:08-10``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from dialer.compliance.schema import parse_band
from dialer.compliance.walltime import WEEKDAYS, Span, unite

HOLIDAY = 7
"""Stands beside the weekdays 0-6 in `Preferences.days_off`."""
#: TRAI's categories of preference; a number outside them blocks nothing that is ever called.
_SECTORS = frozenset("12345678")
_MODE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Preferences:
    """Bands are seconds of the local day, sorted and disjoint."""

    is_listed: bool = False
    sectors_off: frozenset[int] = frozenset()
    modes_off: frozenset[str] = frozenset()
    days_off: frozenset[int] = frozenset()
    bands_off: tuple[Span, ...] = ()
    bands_on: tuple[Span, ...] = ()

    def without_extension(self) -> Preferences:
        """The same, but nothing is switched on: for a scrub that proves nothing today."""
        return replace(self, bands_on=()) if self.bands_on else self


NO_PREFERENCES = Preferences()


@lru_cache(maxsize=4096)
def parse_verdict(verdict: str) -> Preferences:
    """Read a verdict; `ValueError` says which part is not understood and what would be."""
    read = NO_PREFERENCES
    for part in verdict.split(";"):
        read = _take(read, part.strip())
    return read


def _take(read: Preferences, part: str) -> Preferences:
    if part in ("clear", "none"):
        return read
    if part in ("blocked", "fully_blocked", "listed"):
        return replace(read, is_listed=True)
    name, colon, rest = part.partition(":")
    items = [item.strip() for item in rest.split(",")]
    if not colon or name not in _PARTS:
        allowed = "clear, blocked, " + ", ".join(f"{known}:…" for known in _PARTS)
        raise ValueError(f"verdict {part!r} is not understood; use {allowed}")
    return _PARTS[name](read, items)


def _sectors(read: Preferences, items: list[str]) -> Preferences:
    if not all(item in _SECTORS for item in items):
        raise ValueError("block: takes sector numbers from 1 to 8, as in block:2,4")
    return replace(read, sectors_off=read.sectors_off | set(map(int, items)))


def _modes(read: Preferences, items: list[str]) -> Preferences:
    if not all(_MODE.fullmatch(item) for item in items):
        raise ValueError("mode_off: takes modes, as in mode_off:robo,auto_pre")
    return replace(read, modes_off=read.modes_off | set(items))


def _days(read: Preferences, items: list[str]) -> Preferences:
    names = (*WEEKDAYS, "holiday")
    if not all(item in names for item in items):
        raise ValueError(f"day_off: takes {', '.join(names)}")
    return replace(read, days_off=read.days_off | set(map(names.index, items)))


def _bands_off(read: Preferences, items: list[str]) -> Preferences:
    return replace(read, bands_off=unite((*read.bands_off, *map(parse_band, items))))


def _bands_on(read: Preferences, items: list[str]) -> Preferences:
    return replace(read, bands_on=unite((*read.bands_on, *map(parse_band, items))))


_PARTS: dict[str, Callable[[Preferences, list[str]], Preferences]] = {
    "block": _sectors,
    "mode_off": _modes,
    "day_off": _days,
    "band_off": _bands_off,
    "band_on": _bands_on,
}
