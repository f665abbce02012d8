"""The turns of one call on their way to the database, in order and beside the talk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from dialer.call.desk import Desk, Turn
from dialer.call.journal import Journal


class Transcript:
    """Numbers turns and has them written; a write never holds up what is said next."""

    def __init__(self, desk: Desk, journal: Journal) -> None:
        self._desk, self._journal = desk, journal
        self.last = 0

    def add(
        self,
        speaker: Literal["agent", "callee", "keypad"],
        said: str,
        *,
        starts_s: float,
        ends_s: float,
        is_interrupted: bool = False,
        marks: Mapping[str, float] | None = None,
        replaces: int | None = None,
    ) -> int:
        """Take a turn; return its number. ``replaces``: the number of the turn that it is, with
        more words."""
        if replaces is None:
            self.last += 1
        number = replaces or self.last
        shown = {name: round(at_s, 3) for name, at_s in (marks or {}).items()}
        times = (round(starts_s, 3), round(max(starts_s, ends_s), 3))
        turn = Turn(number, speaker, said, *times, is_interrupted, shown)
        self._journal.put("turn", lambda: self._desk.keep_turn(turn))
        return number
