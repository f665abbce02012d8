"""From TOML or JSON tables to a `Definition`, with errors a person can act on.

Raises `InvalidInput` whose fields name the key path, what was found and what is allowed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from dialer.domain.definition import Definition, DialingSection, placeholders, spoken_texts
from dialer.domain.definition_agent import agent_problems
from dialer.domain.definition_errors import explain, shown
from dialer.domain.duration import parse_duration
from dialer.errors import FieldError, InvalidInput

MAX_CHARACTERS = 500_000  # far above any campaign with all its knowledge
_TOO_DEEP = "a key or a value is nested deeper than any of a campaign; use one level of tables"
# tomllib takes time and memory that grow with the square of a dotted key's parts: 200 kB of them
# would take all of a machine. The look behind keeps the search itself linear.
_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_DEEP_KEY = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*\.[ \t]*{_PART}){{50}}", re.ASCII)
_SPAN = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")


def parse_toml(text: str, *, source: str) -> Definition:
    """Read a campaign file; ``source`` is the file's name for messages."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput(f"{source}: longer than {MAX_CHARACTERS:,} characters; shorten it")
    if _DEEP_KEY.search(text):
        raise InvalidInput(f"{source}: {_TOO_DEEP}")
    try:
        tables = tomllib.loads(text.removeprefix("\ufeff"))  # as Windows editors save it
    except RecursionError:
        raise InvalidInput(f"{source}: {_TOO_DEEP}") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{source}: not valid TOML: {error}") from None
    except ValueError:  # Python's own limit
        raise InvalidInput(f"{source}: not valid TOML: a number with thousands of digits") from None
    return parse_tables(tables, source=source)


def parse_tables(tables: Mapping[str, Any], *, source: str) -> Definition:
    """Check TOML or JSON tables; every semantic error is reported at once, not one by one."""
    try:
        definition = msgspec.convert(tables, Definition, strict=True)
    except msgspec.ValidationError as error:
        field = explain(tables, error)
        raise InvalidInput(f"{source}: {field.path}: {field.message}", [field]) from None
    problems = [*_nul_problems(tables, ""), *_semantic_problems(definition)]
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
                    f"found {shown(text)}; allowed: an ISO duration such as PT30M, PT2H or P1D",
                    text,
                )
    if definition.voicemail.action == "leave_message" and not definition.voicemail.message:
        yield FieldError("voicemail.message", "missing; action leave_message needs the words")
    yield from _text_problems(definition)


def _text_problems(definition: Definition) -> Iterator[FieldError]:
    for path, names in placeholders(definition).items():
        for name in sorted(names):
            if not re.fullmatch(r"[^\W\d][\w .-]*", name):
                yield FieldError(path, f"found {{{name}}}; a placeholder is a lead column", name)
    for path, text in spoken_texts(definition):
        if loose := re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", text)):
            message = f"found a lone {loose[0]}; write a placeholder as {{first_name}}"
            yield FieldError(path, message, loose[0])


def _nul_problems(value: Any, path: str) -> Iterator[FieldError]:
    """TOML and JSON can write U+0000, Postgres cannot keep it."""
    if isinstance(value, str) and "\0" in value:
        yield FieldError(path, f"found {shown(value)}; allowed: text without U+0000", value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _nul_problems(item, f"{path}.{key}".lstrip("."))
            yield from _nul_problems(key, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nul_problems(item, f"{path}[{index}]")


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
        yield from agent_problems(definition.agent)
    if definition.transfer is not None and not definition.transfer.when:
        allowed = "one or more of asked, frustrated, qualified; or remove the table"
        yield FieldError("transfer.when", f"found []; allowed: {allowed}", [])


def _dialing_problems(dialing: DialingSection) -> Iterator[FieldError]:
    for index, text in enumerate(dialing.hours):
        if not _SPAN.fullmatch(text) or text[:5] >= text[6:]:
            yield FieldError(
                f"dialing.hours[{index}]",
                f"found {shown(text)}; allowed: HH:MM-HH:MM with the start before the end",
                text,
            )
    for name in ("starts_at", "ends_at"):
        value = getattr(dialing, name)
        if value is not None and value.tzinfo is None:
            yield FieldError(f"dialing.{name}", f"found {value}; add an offset such as +05:30")
        if value is not None and not 2000 <= value.year < 2200:
            yield FieldError(f"dialing.{name}", f"found {value}; allowed: a year from 2000 to 2199")
    if dialing.starts_at and dialing.ends_at and _utc(dialing.starts_at) >= _utc(dialing.ends_at):
        yield FieldError("dialing.ends_at", "must be after dialing.starts_at")


def _utc(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)
