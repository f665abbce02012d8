"""Which script a number gets, and how often it has rung."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from dialer.twin.callee import Script, convert, normal_phone, parse_script
from dialer.twin.errors import TwinError
from dialer.twin.faults import Faults
from dialer.twin.population import DEFAULT_MIX, PRESETS, check_mix, person


class Directory:
    """Scripted numbers first, then the seeded population."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.seed = seed
        self._faults = faults
        self._presets = dict(PRESETS)
        self._mix = dict(DEFAULT_MIX)
        self._scripted: dict[str, Script] = {}
        self._rings: Counter[str] = Counter()

    def load(self, path: Path) -> None:
        """Read a script file, JSON or TOML::

        [population]                    # shares of presets, see `population`
        confirms = 3
        busy = 1
        [callees]
        "+919800000001" = "confirms"    # a preset, or the fields of a `Script`
        "+919800000002" = {behaviour = "answer", reactions = [{keys = "1", after_s = 4}]}
        """
        try:
            text = path.read_text("utf-8")
            raw = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        except OSError as error:
            raise TwinError(f"cannot read {path}: {error.strerror}") from error
        except ValueError as error:
            raise TwinError(f"{path}: not valid {path.suffix[1:] or 'JSON'}: {error}") from error
        if not isinstance(raw, dict) or raw.keys() - {"population", "callees"}:
            raise TwinError(f"{path}: expected an object with population and callees only")
        self.set_population(raw.get("population", {}))
        self.set_scripts(raw.get("callees", {}))

    def set_population(self, raw: object) -> None:
        """``{preset: share}``; a share may be ``{"share": 0.2, "script": {...}}`` to add one."""
        if not isinstance(raw, Mapping):
            raise TwinError("population: expected an object of preset names and shares")
        if not raw:
            return
        mix: dict[str, float] = {}
        presets = dict(self._presets)
        for name, entry in raw.items():
            where = f"population.{name}"
            if isinstance(entry, Mapping) and entry.keys() == {"share", "script"}:
                presets[name] = parse_script(
                    {"name": name, **entry["script"]}, where=where, presets=presets
                )
                entry = entry["share"]
            mix[name] = convert(entry, float, where=where)
        check_mix(mix, presets)
        self._mix, self._presets = mix, presets

    def set_scripts(self, raw: object) -> list[str]:
        """Script numbers: ``{"+91…": script}`` or ``[{"phone": "+91…", …script}]``.

        Nothing is kept when one of them is wrong. Returns the numbers.
        """
        if isinstance(raw, list):
            entries = [
                (str(entry.get("phone", "")), {k: v for k, v in entry.items() if k != "phone"})
                for entry in raw
                if isinstance(entry, Mapping)
            ]
            if len(entries) != len(raw) or not all(phone for phone, _ in entries):
                raise TwinError("callees: expected objects that each have a phone")
        elif isinstance(raw, Mapping):
            entries = list(raw.items())
        else:
            raise TwinError("callees: expected an object of phones, or a list")
        scripts = {
            normal_phone(phone): parse_script(
                script, where=f"callees.{phone}", presets=self._presets
            )
            for phone, script in entries
        }
        for phone, script in scripts.items():
            self._scripted[phone] = script
            for fault in script.faults:
                self._faults.arm(fault, phone=phone)
        return list(scripts)

    def script_of(self, phone: str) -> Script:
        phone = normal_phone(phone)
        scripted = self._scripted.get(phone)
        return scripted or person(self.seed, phone, self._mix, self._presets)

    def ring(self, phone: str) -> Script:
        """The script for the ring that starts now; counts it."""
        phone = normal_phone(phone)
        index = self._rings[phone]
        self._rings[phone] += 1
        return self.script_of(phone).on_ring(index)

    def rings_of(self, phone: str) -> int:
        return self._rings[normal_phone(phone)]

    def is_scripted(self, phone: str) -> bool:
        return normal_phone(phone) in self._scripted

    def forget(self) -> None:
        """Back to the population alone, with nobody ever rung."""
        self._scripted.clear()
        self._rings.clear()
