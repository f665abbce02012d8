"""What Litestar says of a field that does not fit, as path and what is allowed.

The types of the handler tell what is allowed, so a new field needs no words of its own.
"""

from __future__ import annotations

import re
from typing import Any

from litestar import Request
from msgspec import inspect as types

_UNKNOWN = re.compile(r"unknown field `(.+?)`$")
_MISSING = re.compile(r"missing required field `(.+?)`$")
_NOT_ENUM = re.compile(r"^Invalid enum value (.+)$")


def explain(request: Request[Any, Any, Any], item: dict[str, Any]) -> tuple[str, str]:
    """Return (path, message) of one item of a `ValidationException`."""
    path, message = str(item.get("key", "")), str(item.get("message", ""))
    parameter = "data" if item.get("source") == "body" else path
    if parameter == "data":
        path = "" if path == "data" else path
        if message == "'data'":
            return "body", "missing; send it as the content type of this route"
    kind, name = _described(request, parameter)
    if parameter != "data":
        path = name
    here = _at(kind, path) if parameter == "data" else kind
    if unknown := _UNKNOWN.search(message):
        allowed = ", ".join(_keys(here))
        return _join(path, unknown[1]), f"unknown field; allowed: {allowed}"
    if missing := _MISSING.search(message):
        return _join(path, missing[1]), "missing; it is required"
    if found := _NOT_ENUM.match(message):
        return path, f"found {found[1]}; allowed: {', '.join(_values(here))}"
    if isinstance(here, types.Metadata):
        described = (here.extra_json_schema or {}).get("description")
        message = f"must be {described}" if described else message
    return path or "body", message


def _described(request: Request[Any, Any, Any], parameter: str) -> tuple[Any, str]:
    """Return msgspec's description of a handler's parameter, and its name in the request."""
    handler: Any = request.scope["route_handler"]
    field = handler.parsed_fn_signature.parameters.get(parameter)
    if field is None:
        return None, parameter
    name = getattr(field.kwarg_definition, "query", None) or parameter
    try:
        return types.type_info(field.annotation), name
    except TypeError:
        return None, name


def _at(kind: Any, path: str) -> Any:
    for step in re.findall(r"[^.\[\]]+|\.\.\.", path):
        kind = _plain(kind)
        if isinstance(kind, types.StructType):
            kind = next((f.type for f in kind.fields if f.encode_name == step), None)
        elif isinstance(kind, types.DictType):
            kind = kind.value_type
        elif isinstance(kind, types.ListType):
            kind = kind.item_type
        else:
            return None
    return _without_null(kind)


def _without_null(kind: Any) -> Any:
    if isinstance(kind, types.UnionType):
        return next((one for one in kind.types if not isinstance(one, types.NoneType)), None)
    return kind


def _plain(kind: Any) -> Any:
    kind = _without_null(kind)
    return kind.type if isinstance(kind, types.Metadata) else kind


def _keys(kind: Any) -> list[str]:
    kind = _plain(kind)
    return [f.encode_name for f in kind.fields] if isinstance(kind, types.StructType) else []


def _values(kind: Any) -> list[str]:
    kind = _plain(kind)
    if isinstance(kind, types.LiteralType):
        return [str(value) for value in kind.values]
    if isinstance(kind, types.EnumType):
        return [str(member.value) for member in kind.cls]
    return []


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
