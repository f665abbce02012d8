"""The turns of one call on their way to the database, in order and beside the talk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal
from uuid import UUID

from dialer.call.desk import Desk, Turn
from dialer.errors import DialerError

log = logging.getLogger(__name__)

_LAST_WRITES_S = 5.0


class Transcript:
    """Numbers turns and writes them; a write never holds up what is said next."""

    def __init__(self, desk: Desk, attempt_id: UUID) -> None:
        self._desk, self._attempt_id = desk, attempt_id
        self._waiting: asyncio.Queue[Turn] = asyncio.Queue()
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
    ) -> int:
        """Take a turn; return its number."""
        self.last += 1
        shown = {name: round(at_s, 3) for name, at_s in (marks or {}).items()}
        times = (round(starts_s, 3), round(max(starts_s, ends_s), 3))
        self._waiting.put_nowait(Turn(self.last, speaker, said, *times, is_interrupted, shown))
        return self.last

    async def run(self) -> None:
        """Write turns as they come, until cancelled."""
        while True:
            await self._write(await self._waiting.get())

    async def flush(self) -> None:
        """Write what is left; called when `run` is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WRITES_S):
                while not self._waiting.empty():
                    await self._write(self._waiting.get_nowait())

    async def _write(self, turn: Turn) -> None:
        """One turn that cannot be written is no reason to end the talk."""
        try:
            await asyncio.shield(self._desk.keep_turn(turn))
        except (DialerError, OSError) as error:
            extra = {"attempt_id": self._attempt_id, "error": type(error).__name__}
            log.error("turn_not_written", extra=extra)
