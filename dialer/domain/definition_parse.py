"""From TOML or JSON tables to a `Definition`, with errors a person can act on.

Raises `InvalidInput` whose fields name the key path, what was found and what is allowed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from dialer.domain.definition import AgentSection, Definition, DialingSection, placeholders
from dialer.domain.duration import parse_duration
from dialer.errors import FieldError, InvalidInput

_SPAN = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")


def parse_toml(text: str, *, source: str) -> Definition:
    """Read a campaign file; ``source`` is the file's name for messages."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{source}: not valid TOML: {error}") from None
    return parse_tables(tables, source=source)


def parse_tables(tables: Mapping[str, Any], *, source: str) -> Definition:
    """Check TOML or JSON tables; every semantic error is reported at once, not one by one."""
    try:
        definition = msgspec.convert(tables, Definition, strict=True)
    except msgspec.ValidationError as error:
        field = _field_error(tables, str(error))
        raise InvalidInput(f"{source}: {field.path}: {field.message}", [field]) from None
    problems = list(_semantic_problems(definition))
    if problems:
        lines = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
        raise InvalidInput(f"{source}: {lines}", problems)
    return definition


def _semantic_problems(definition: Definition) -> Iterator[FieldError]:
    """What types cannot say: parts that need each other, times in order, texts that parse."""
    yield from _kind_problems(definition)
    yield from _dialing_problems(definition.dialing)
    for outcome, pauses in definition.retry.delays.items():
        for index, text in enumerate(pauses):
            if parse_duration(text) is None:
                yield FieldError(
                    f"retry.delays.{outcome}[{index}]",
                    f"found {text!r}; allowed: an ISO 8601 duration such as PT30M, PT2H or P1D",
                    text,
                )
    if definition.voicemail.action == "leave_message" and not definition.voicemail.message:
        yield FieldError("voicemail.message", "missing; action leave_message needs the words")
    for path, names in placeholders(definition).items():
        for name in sorted(names):
            if not re.fullmatch(r"[^\W\d][\w .-]*", name):
                yield FieldError(path, f"found {{{name}}}; a placeholder is a lead column", name)


def _kind_problems(definition: Definition) -> Iterator[FieldError]:
    kind, notification = definition.campaign.kind, definition.notification
    if kind == "notification" and notification is None:
        yield FieldError("notification", "missing; a campaign of kind notification needs it")
    if kind == "qualification" and definition.agent is None:
        yield FieldError("agent", "missing; a campaign of kind qualification needs it")
    if kind == "qualification" and notification is not None:
        yield FieldError("notification", "not allowed in a campaign of kind qualification")
    if notification is not None:
        for delivery, key, value in (
            ("sip", "sip_uri", notification.sip_uri),
            ("phlo", "phlo_id", notification.phlo_id),
        ):
            if notification.delivery == delivery and not value:
                yield FieldError(f"notification.{key}", f"missing; delivery {delivery} needs it")
    if definition.agent is not None:
        yield from _agent_problems(definition.agent)


def _agent_problems(agent: AgentSection) -> Iterator[FieldError]:
    ids = [question.id for question in agent.questions]
    for index, question in enumerate(agent.questions):
        if question.id in ids[:index]:
            yield FieldError(f"agent.questions[{index}].id", f"{question.id!r} is used twice")
        if question.type == "choice" and len(question.choices) < 2:
            yield FieldError(f"agent.questions[{index}].choices", "a choice needs two or more")
    for index, rule in enumerate(agent.qualified_when):
        if rule.question not in ids:
            yield FieldError(
                f"agent.qualified_when[{index}].question",
                f"found {rule.question!r}; allowed: {', '.join(ids) or 'no question is defined'}",
                rule.question,
            )


def _dialing_problems(dialing: DialingSection) -> Iterator[FieldError]:
    for index, text in enumerate(dialing.hours):
        if not _SPAN.fullmatch(text) or text[:5] >= text[6:]:
            yield FieldError(
                f"dialing.hours[{index}]",
                f"found {text!r}; allowed: HH:MM-HH:MM with the start before the end",
                text,
            )
    for name in ("starts_at", "ends_at"):
        value = getattr(dialing, name)
        if value is not None and value.tzinfo is None:
            yield FieldError(f"dialing.{name}", f"found {value}; add an offset such as +05:30")
    if dialing.starts_at and dialing.ends_at and _utc(dialing.starts_at) >= _utc(dialing.ends_at):
        yield FieldError("dialing.ends_at", "must be after dialing.starts_at")


def _utc(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


_AT_PATH = re.compile(r"^(?P<text>.*?) - at `(?P<is_key>key` in `)?\$\.?(?P<path>.*)`$", re.S)


def _field_error(tables: Mapping[str, Any], message: str) -> FieldError:
    """Turn msgspec's text into path, found and allowed."""
    match = _AT_PATH.match(message)
    text, path, is_key = (
        (match["text"], match["path"], match["is_key"]) if match else (message, "", None)
    )
    if unknown := re.search(r"unknown field `(.+?)`", text):
        where = f"{path}.{unknown[1]}" if path else unknown[1]
        return FieldError(where, f"unknown key; allowed: {', '.join(_keys_at(path))}", unknown[1])
    if missing := re.search(r"missing required field `(.+?)`", text):
        return FieldError(f"{path}.{missing[1]}" if path else missing[1], "missing; it is required")
    path, found = _find(tables, f"{path}.<key>" if is_key else path)
    kind = _type_at(path)
    allowed = _allowed(_type_at(path.rsplit(".", 1)[0]).key_type if is_key else kind)
    detail = f"; allowed: {allowed}" if allowed else f"; {text[:1].lower()}{text[1:]}"
    return FieldError(path or "file", f"found {found!r}{detail}", found)


def _steps(path: str) -> list[str]:
    return [step for step in re.split(r"\.(?!\.)|\[([^\]]*)\]", path) if step]


def _find(tables: Any, path: str) -> tuple[str, Any]:
    """Return the exact path and the value there.

    For a table's value or key msgspec says only ``[...]`` or the table: look for the one that
    does not fit.
    """
    value, exact = tables, ""
    for step in _steps(path):
        if step in ("...", "<key>") and isinstance(value, Mapping):
            table = _type_at(exact)
            wanted = table.key_type if step == "<key>" else table.value_type
            items = value.items()
            step = next((k for k, v in items if not _fits(k if step == "<key>" else v, wanted)), "")
            if path.endswith("<key>"):
                return f"{exact}.{step}", step
        if isinstance(value, Mapping):
            value, exact = value.get(step), f"{exact}.{step}".lstrip(".")
        elif isinstance(value, Sequence) and step.isdigit() and int(step) < len(value):
            value, exact = value[int(step)], f"{exact}[{step}]"
    return exact, value


def _fits(value: Any, kind: Any) -> bool:
    kind = kind.type if isinstance(kind, msgspec.inspect.Metadata) else kind
    if isinstance(kind, msgspec.inspect.EnumType):
        return value in [member.value for member in kind.cls]
    if isinstance(kind, msgspec.inspect.LiteralType):
        return value in kind.values
    if isinstance(kind, msgspec.inspect.StrType):
        return isinstance(value, str) and bool(re.search(kind.pattern or "", value))
    return True


def _type_at(path: str) -> Any:
    """Return msgspec's description of the type at ``path``, or None."""
    kind: Any = msgspec.inspect.type_info(Definition)
    for step in _steps(path):
        kind = _plain(kind)
        if isinstance(kind, msgspec.inspect.StructType):
            kind = next((field.type for field in kind.fields if field.encode_name == step), None)
        elif isinstance(kind, msgspec.inspect.DictType):
            kind = kind.value_type
        elif isinstance(kind, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
            kind = kind.item_type
        else:
            return None
    return _plain(kind)


def _plain(kind: Any) -> Any:
    """Drop ``| None``; keep the description that `_allowed` prints."""
    if isinstance(kind, msgspec.inspect.UnionType):
        return next(o for o in kind.types if not isinstance(o, msgspec.inspect.NoneType))
    return kind


def _keys_at(path: str) -> list[str]:
    kind = _type_at(path)
    if isinstance(kind, msgspec.inspect.StructType):
        return [field.encode_name for field in kind.fields]
    return []


def _allowed(kind: Any) -> str:
    if isinstance(kind, msgspec.inspect.Metadata):
        return str((kind.extra_json_schema or {}).get("description", ""))
    if isinstance(kind, msgspec.inspect.LiteralType):
        return ", ".join(str(value) for value in kind.values)
    if isinstance(kind, msgspec.inspect.EnumType):
        return ", ".join(str(member.value) for member in kind.cls)
    return ""
