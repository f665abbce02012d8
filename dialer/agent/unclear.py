"""What a reader of speech answers when it will not guess."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unclear:
    """``reason`` is one short English clause, for the model; it repeats nothing that was said."""

    reason: str
