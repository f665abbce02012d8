"""What msgspec says of a campaign file, as path, found and allowed for a person.

The type of `Definition` itself tells what is allowed, so a new key needs no words of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect as types

from dialer.domain.definition import Definition
from dialer.errors import FieldError

_AT_PATH = re.compile(r"^(?P<text>.*?) - at `(?P<is_key>key` in `)?\$\.?(?P<path>.*)`$", re.S)
_SHOWN_CHARS = 80
_WORDS: Mapping[type, str] = {
    types.BoolType: "true or false",
    types.DateTimeType: "a time with an offset such as 2026-11-23T11:00:00+05:30",
    types.DictType: "a table",
    types.StructType: "a table",
}


def explain(tables: Mapping[str, Any], error: msgspec.ValidationError) -> FieldError:
    """Return the field that ``error`` is about, with the value that stands in ``tables``."""
    match = _AT_PATH.match(str(error))
    text, path = (match["text"], match["path"]) if match else (str(error), "")
    if unknown := re.search(r"unknown field `(.+?)`$", text):
        keys = ", ".join(field.encode_name for field in _walk(tables, path).kind.fields)
        return FieldError(_join(path, unknown[1]), f"unknown key; allowed: {keys}", unknown[1])
    if missing := re.search(r"missing required field `(.+?)`$", text):
        return FieldError(_join(path, missing[1]), "missing; it is required")
    at = _walk(tables, path)
    if match and match["is_key"]:
        at = at.to_key(next(key for key in at.value if not _fits(key, at.kind.key_type)))
    message = f"found {shown(at.value)}; allowed: {_allowed(at.kind)}"
    return FieldError(at.path or "file", message, at.value)


def shown(value: object) -> str:
    """Return what stood there, short enough for one line."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _steps(path: str) -> list[str]:
    """``retry.delays[...][0]`` → retry, delays, ``...``, 0."""
    return re.findall(r"[^.\[\]]+|\.\.\.", path)


@dataclass(frozen=True, slots=True)
class _Place:
    """``kind``: msgspec's description of what may stand here."""

    path: str
    value: Any
    kind: Any

    def to_key(self, key: str) -> _Place:
        return _Place(_join(self.path, key), key, self.kind.key_type)

    def to(self, step: str) -> _Place:
        """Go one step down. ``...``: to the first value of a table that does not fit."""
        match self.kind:
            case types.StructType():
                kind = next(f.type for f in self.kind.fields if f.encode_name == step)
                return _Place(_join(self.path, step), self.value[step], _without_null(kind))
            case types.DictType():
                kind = self.kind.value_type
                key = next(key for key, value in self.value.items() if not _fits(value, kind))
                return _Place(_join(self.path, key), self.value[key], kind)
            case types.UnionType():  # one value, or a list of them
                kind = next(k.item_type for k in self.kind.types if isinstance(k, types.ListType))
            case _:
                kind = self.kind.item_type
        return _Place(f"{self.path}[{step}]", self.value[int(step)], kind)


def _walk(tables: Mapping[str, Any], path: str) -> _Place:
    place = _Place("", tables, types.type_info(Definition))
    for step in _steps(path):
        place = place.to(step)
    return place


def _fits(value: Any, kind: Any) -> bool:
    """Whether ``value`` may stand as a key or value of one of the file's open tables."""
    match kind:
        case types.Metadata():
            return _fits(value, kind.type)
        case types.EnumType():
            return value in [member.value for member in kind.cls]
        case types.LiteralType():
            return value in kind.values
        case types.ListType():
            return isinstance(value, list) and all(_fits(each, kind.item_type) for each in value)
        case types.StrType():
            is_long_enough = isinstance(value, str) and len(value) >= (kind.min_length or 0)
            return is_long_enough and bool(re.search(kind.pattern or "", value))
    return True


def _without_null(kind: Any) -> Any:
    if not isinstance(kind, types.UnionType):
        return kind
    kinds = tuple(each for each in kind.types if not isinstance(each, types.NoneType))
    return kinds[0] if len(kinds) == 1 else types.UnionType(kinds)


def _allowed(kind: Any) -> str:
    match kind:
        case types.Metadata():
            return str((kind.extra_json_schema or {}).get("description")) or _allowed(kind.type)
        case types.LiteralType():
            return ", ".join(str(value) for value in kind.values)
        case types.EnumType():
            return ", ".join(str(member.value) for member in kind.cls)
        case types.UnionType():
            return " or ".join(_allowed(each) for each in kind.types)
        case types.StrType():
            return "text" + _length(kind.min_length, kind.max_length, "character")
        case types.ListType() | types.VarTupleType():
            return "a list" + _length(kind.min_length, kind.max_length, "entry")
        case types.IntType():
            return "a whole number" + _range(kind)
        case types.FloatType():
            return "a number" + _range(kind)
    return _WORDS[type(kind)]


def _length(least: int | None, most: int | None, unit: str) -> str:
    if most is not None:
        return f" of {least or 0} to {most} {unit}s"
    return f" of {least} {unit} or more" if least else ""


def _range(kind: Any) -> str:
    bounds = (("above", kind.gt), ("from", kind.ge), ("below", kind.lt), ("up to", kind.le))
    return "".join(f" {word} {bound:g}" for word, bound in bounds if bound is not None)
