"""The values a decision is made of and answers with: once made, they stay as they are."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import is_dataclass
from types import ModuleType

import pytest
from msgspec import Struct

from dialer import compliance
from dialer.compliance.chain import Faults
from dialer.compliance.senders import ComplaintLimit

MODULES = [
    importlib.import_module(f"{compliance.__name__}.{found.name}")
    for found in pkgutil.iter_modules(compliance.__path__)
]
#: Collects what is found while a chain is read.
CHANGEABLE = {Faults}


def values_of(module: ModuleType) -> list[type]:
    mine = [one for _, one in inspect.getmembers(module, inspect.isclass)]
    return [one for one in mine if one.__module__ == module.__name__]


DATACLASSES = [one for module in MODULES for one in values_of(module) if is_dataclass(one)]
STRUCTS = [
    one
    for module in MODULES
    for one in values_of(module)
    if issubclass(one, Struct) and not one.__name__.startswith("_")
]


@pytest.mark.parametrize("kind", DATACLASSES)
def test_no_value_of_a_decision_can_be_changed(kind: type) -> None:
    """Plans, schedules and verdicts are remembered and handed out again."""
    assert kind.__dataclass_params__.frozen or kind in CHANGEABLE  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", STRUCTS)
def test_no_rule_of_a_pack_can_be_changed(kind: type[Struct]) -> None:
    """Its hash says which text was applied."""
    assert kind.__struct_config__.frozen


def test_the_values_are_found() -> None:
    assert ComplaintLimit in DATACLASSES and len(DATACLASSES) > 15 and len(STRUCTS) > 15
