"""What msgspec says of a field that does not fit, as path and what is allowed.

The types themselves tell what is allowed, so a new field needs no words of its own.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from litestar import Request
from msgspec import inspect as types

from dialer.errors import FieldError, InvalidInput

T = TypeVar("T")

_AT_PATH = re.compile(r"^(?P<text>.*?) - at `(?:key in `)?\$\.?(?P<path>.*)`$", re.S)
_UNKNOWN = re.compile(r"unknown field `(.+?)`$")
_MISSING = re.compile(r"missing required field `(.+?)`$")
_BOUND = re.compile(r"^Expected `(int|float)` (>=|<=|>|<) ([0-9.e+-]+)$")
_NOT_ENUM = re.compile(r"^Invalid enum value (.+)$")


def read_json(body: bytes, kind: type[T]) -> T:
    """Read a JSON body that the handler took as bytes; `InvalidInput` names the field."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        match = _AT_PATH.match(str(error))
        text, at = (match["text"], match["path"]) if match else (str(error), "")
        path, message = in_words(types.type_info(kind), at, text)
        raise InvalidInput(f"{path}: {message}", [FieldError(path, message)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not JSON: {error}") from None


def explain(request: Request[Any, Any, Any], item: dict[str, Any]) -> tuple[str, str]:
    """Return (path, message) of one item of Litestar's `ValidationException`."""
    key, message = str(item.get("key", "")), str(item.get("message", ""))
    handler: Any = request.scope["route_handler"]
    is_body = item.get("source") == "body"
    if is_body and message == "'data'":
        return "body", "missing; send it as the content type of this route"
    field = handler.parsed_fn_signature.parameters.get("data" if is_body else key)
    kind = None if field is None else types.type_info(field.annotation)
    if is_body:
        return in_words(kind, "" if key == "data" else key, message)
    name = getattr(getattr(field, "kwarg_definition", None), "name", None) or key
    return name, in_words(kind, "", message)[1]


def in_words(kind: Any, path: str, message: str) -> tuple[str, str]:
    """Return the exact path and a message with what is allowed. ``kind``: of the whole body."""
    here = _at(kind, path)
    if unknown := _UNKNOWN.search(message):
        return _join(path, unknown[1]), f"unknown field; allowed: {', '.join(_keys(here))}"
    if missing := _MISSING.search(message):
        return _join(path, missing[1]), "missing; it is required"
    if misused := _of_a_form(message):
        return path or "body", misused
    if bound := _BOUND.match(message):
        kinds = {"int": "a whole number", "float": "a number"}
        words = {">=": "from", "<=": "up to", ">": "above", "<": "below"}
        return path or "body", f"allowed: {kinds[bound[1]]} {words[bound[2]]} {bound[3]}"
    if found := _NOT_ENUM.match(message):
        return path or "body", f"found {found[1]}; allowed: {', '.join(_values(here))}"
    return path or "body", message


def _of_a_form(message: str) -> str | None:
    """Say what is wrong with a part of a form whose kind or number is not what a field takes."""
    if message.endswith("got `UploadFile`"):
        return "is a file; send it as text, without a file name"
    if message == "Unsupported type: <class 'str'>":
        return "is text; send it as a file, with a file name"
    if message == "Unsupported type: <class 'list'>":
        return "was sent more than once; send it once"
    return None


def _at(kind: Any, path: str) -> Any:
    """Go down to where ``path`` leads; None where it cannot be followed."""
    for step in re.findall(r"[^.\[\]]+|\.\.\.", path):
        match _plain(kind):
            case types.StructType(fields=fields):
                kind = next((f.type for f in fields if f.encode_name == step), None)
            case types.DictType(value_type=below):
                kind = below
            case types.ListType(item_type=below) | types.VarTupleType(item_type=below):
                kind = below
            case _:
                return None
    return kind


def _plain(kind: Any) -> Any:
    """Drop ``| None`` and what surrounds a type."""
    if isinstance(kind, types.UnionType):
        kind = next((one for one in kind.types if not isinstance(one, types.NoneType)), None)
    return kind.type if isinstance(kind, types.Metadata) else kind


def _keys(kind: Any) -> list[str]:
    plain = _plain(kind)
    return [f.encode_name for f in plain.fields] if isinstance(plain, types.StructType) else []


def _values(kind: Any) -> list[str]:
    match _plain(kind):
        case types.LiteralType(values=values):
            return [str(value) for value in values]
        case types.EnumType(cls=enum):
            return [str(member.value) for member in enum]
        case _:
            return []


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
