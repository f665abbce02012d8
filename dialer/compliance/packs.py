"""Rule packs: found by name, read from TOML, checked whole, and never changed afterwards.

Shipped packs are the files beside this one in ``packs/``; a folder of the operator's adds more.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import msgspec

from dialer.compliance import schema
from dialer.compliance.verdict import PackRef
from dialer.compliance.walltime import day_of
from dialer.compliance.zones import find_zone
from dialer.errors import InvalidInput, NotFound

SHIPPED = Path(__file__).with_name("packs")
#: Leading digits of a number by which a pack may tell regions apart. They stand in the proof of
#: a check, so they must not tell whose number it is.
MOST_PREFIX_DIGITS = 6
R = TypeVar("R", bound=schema.Rule)


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack. Two packs are equal when their bytes are.

    calendars: days since 1970-01-01, by the calendar's name.
    """

    ref: PackRef
    header: schema.Header = field(compare=False)
    rules: tuple[schema.AnyRule, ...] = field(compare=False)
    calendars: Mapping[str, frozenset[int]] = field(compare=False)

    @property
    def id(self) -> str:
        return self.ref.id

    @property
    def version(self) -> str:
        return self.ref.version

    @property
    def sha256(self) -> str:
        """Hex digest of the file's bytes."""
        return self.ref.sha256

    @property
    def categories(self) -> frozenset[str]:
        """Every category some rule speaks of."""
        return frozenset(category for rule in self.rules for category in rule.categories)

    def rules_of(self, kind: type[R]) -> tuple[R, ...]:
        """Return the enabled rules of one kind, in the order of the file."""
        return tuple(rule for rule in self.rules if isinstance(rule, kind) and rule.enabled)


def find_packs(ids: Sequence[str], folders: Sequence[Path] = ()) -> tuple[Pack, ...]:
    """Return the named packs, each behind its parent, which is added when not named.

    Raises `NotFound` for a name no folder has, `InvalidInput` for a pack that cannot be trusted.
    """
    known = _pack_files(folders)
    stack: dict[str, Pack] = {}
    for pack_id in ids:
        for pack in reversed(_with_parents(pack_id, known)):
            stack.setdefault(pack.id, pack)
    return tuple(stack.values())


def packs_by_hash(folders: Iterable[Path] = ()) -> dict[str, Pack]:
    """Return every pack at hand by its SHA-256, to replay what was decided with it.

    Of an operator's folder all its sub-folders too, whatever the files are called: there older
    versions are kept. What is no pack is left out.
    """
    files = [*SHIPPED.glob("*.toml"), *(p for f in folders for p in sorted(f.rglob("*.toml")))]
    found: dict[str, Pack] = {}
    for path in files:
        try:
            raw = path.read_bytes()
            named = tomllib.loads(raw.decode()).get("pack", {}).get("id")
            pack = read_pack(raw, path.with_name(f"{named}.toml"))
        except (OSError, ValueError, AttributeError, InvalidInput):
            continue
        found.setdefault(pack.sha256, pack)
    return found


def add_regions(packs: Sequence[Pack], folders: Sequence[Path] = ()) -> tuple[Pack, ...]:
    """Return the packs and every known one for a region inside theirs: a pack with area codes
    whose parent is among them. A call must pass every pack that applies, named or not."""
    known, stack = _pack_files(folders), {pack.id: pack for pack in packs}
    while inside := {  # a region may have regions of its own
        name: pack
        for name in sorted(known.keys() - stack.keys())
        for pack in [_load(known[name])]
        if pack.header.area_codes and pack.header.parent in stack
    }:
        stack |= inside
    return tuple(stack.values())


def cautions(packs: Sequence[Pack], today: date) -> Iterator[str]:
    """Say what a person should know before relying on these packs, a sentence each."""
    for pack in packs:
        if pack.header.status != "reviewed":
            yield (
                f"Rule pack {pack.id} ({pack.version}) has not been reviewed by a law owner; "
                "have it signed off before live use."
            )
        used = {rule.calendar for rule in pack.rules_of(schema.Window)}
        for name, days in pack.calendars.items():
            if name in used and not any(day >= day_of(today) for day in days):
                yield (
                    f"Rule pack {pack.id}: calendar {name} has run out, so no holiday from "
                    f"{today.isoformat()} on is known; add the new dates."
                )


def load_pack(path: Path) -> Pack:
    """Read one file; `InvalidInput` names the file, the place in it and what is wrong."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror}") from error
    return read_pack(raw, path)


def read_pack(raw: bytes, path: Path) -> Pack:
    """Check the bytes of a pack; ``path`` is for the message and must be named for its id."""
    try:
        found = msgspec.convert(tomllib.loads(raw.decode()), schema.PackFile)
        _check(found, path)
    except (ValueError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"{path}: {error}") from error
    header = found.pack
    return Pack(
        ref=PackRef(header.id, header.version, hashlib.sha256(raw).hexdigest()),
        header=header,
        rules=found.rule,
        calendars={
            name: frozenset(map(day_of, calendar.dates))
            for name, calendar in found.calendars.items()
        },
    )


def require_packs(folders: Sequence[Path]) -> None:
    """Raise `InvalidInput` for the first file of a user's folders that is no good pack."""
    for path in _pack_files(folders).values():
        _load(path)


def _pack_files(folders: Iterable[Path]) -> dict[str, Path]:
    files = {path.stem: path for path in SHIPPED.glob("*.toml")}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            if path.stem in files:  # a laxer copy of a shipped pack must not slip in its place
                raise InvalidInput(f"{path}: a pack {path.stem!r} exists already; rename yours")
            files[path.stem] = path
    return files


def _with_parents(pack_id: str, known: Mapping[str, Path]) -> list[Pack]:
    """Return the pack, its parent, the parent's parent, …"""
    line: list[Pack] = []
    wanted: str | None = pack_id
    while wanted is not None:
        if wanted not in known:
            raise NotFound(f"no rule pack {wanted!r}; there are: {', '.join(sorted(known))}")
        if any(pack.id == wanted for pack in line):
            raise InvalidInput(f"rule pack {wanted!r} is its own ancestor; correct `parent`")
        path = known[wanted]
        line.append(_load(path))
        wanted = line[-1].header.parent
    return line


def _load(path: Path) -> Pack:
    return _load_shipped(path) if path.parent == SHIPPED else load_pack(path)


@lru_cache(maxsize=64)
def _load_shipped(path: Path) -> Pack:
    return load_pack(path)


def _check(found: schema.PackFile, path: Path) -> None:
    """What single fields cannot show; `ValueError` says where and what."""
    header, ids = found.pack, [rule.id for rule in found.rule]
    if header.id != path.stem:
        raise ValueError(f"pack.id is {header.id!r}, so the file must be {header.id}.toml")
    if header.default_action == "defer_to_parent" and header.parent is None:
        raise ValueError("pack.default_action is defer_to_parent, but there is no pack.parent")
    if (header.status == "reviewed") != (header.reviewed_by is not None):
        raise ValueError('pack.status is "reviewed" exactly if pack.reviewed_by says by whom')
    for place, rule in enumerate(found.rule):
        if rule.id in ids[:place]:
            raise ValueError(f"rule[{place}].id {rule.id!r} is used twice")
        if isinstance(rule, schema.Window) and rule.calendar not in (None, *found.calendars):
            raise ValueError(f"rule[{place}] ({rule.id}) names no calendar: {rule.calendar!r}")
        if rule.effective_to is not None and rule.effective_to < rule.effective_from:
            raise ValueError(f"rule[{place}] ({rule.id}) ends before it takes effect")
    _check_zones(header)
    for prefix in (*header.area_codes, *header.zones.prefixes):
        if len(prefix) > MOST_PREFIX_DIGITS:
            raise ValueError(
                f"{prefix!r} has over {MOST_PREFIX_DIGITS} digits; name the area, not the number"
            )


def _check_zones(header: schema.Header) -> None:
    zones = header.zones
    if zones.mode == "fixed" and not zones.zones:
        raise ValueError("pack.zones.mode is fixed, but pack.zones.zones is empty")
    if zones.mode == "prefix" and not zones.prefixes:
        raise ValueError("pack.zones.mode is prefix, but pack.zones.prefixes is empty")
    tables = (*zones.prefixes.values(), *header.split_zone_area_codes.values())
    for name in (*zones.zones, *(name for table in tables for name in table)):
        if find_zone(name) is None:
            raise ValueError(f"{name!r} is no time zone; use an IANA name such as Asia/Kolkata")
