"""A model's use of a tool, read without trust."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dialer.agent.moves import Moves

_MOST_CHARACTERS: Final = 4000  # of arguments; ours take some hundred


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a tool: ``result`` for the model, moves for the call."""

    result: str
    moves: Moves = ()
    is_ok: bool = False


def read_arguments(text: str) -> tuple[Mapping[str, object] | None, str]:
    """Return the arguments and the JSON to show the model again; (None, "{}") if broken.

    No text at all is how some models call a tool without arguments.
    """
    if not text.strip():
        return {}, "{}"
    if len(text) > _MOST_CHARACTERS:
        return None, "{}"
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # a number of thousands of digits is a ValueError too
        return None, "{}"
    return (value, text) if isinstance(value, dict) else (None, "{}")


def spoken_value(value: object) -> str | None:
    """Return a tool's value as words; models write numbers and booleans bare."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return repr(value) if isinstance(value, float) else str(value)
    return value if isinstance(value, str) else None
