"""What a call writes down, on its way to the desk: in order, beside the talk, kept through the
seconds in which the database is away."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from dialer.errors import Unavailable

log = logging.getLogger(__name__)

_TRY_S = 5.0
_AGAIN_AFTER_S = 0.25
_MOST_WAITING = 1000  # far more than a call has turns; only a flood of keys comes near


@dataclass(slots=True, eq=False)
class Entry:
    """One write. ``done`` is set once it was made, or can never be."""

    what: str
    write: Callable[[], Awaitable[None]]
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, limit_s: float) -> bool:
        """Wait until it is done, for so long; False if it is not."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self.done.wait()
        return self.done.is_set()


class Journal:
    """Writes one after the other; each is one transaction that may be made again."""

    def __init__(self, attempt_id: UUID) -> None:
        self._attempt_id = attempt_id
        self._waiting: deque[Entry] = deque()
        self._news = asyncio.Event()
        self._is_away = False

    def put(self, what: str, write: Callable[[], Awaitable[None]]) -> Entry:
        """Take a write; it is made even if whoever asked for it is cancelled. ``what`` names it
        in the log."""
        entry = Entry(what, write)
        if len(self._waiting) >= _MOST_WAITING:
            entry.done.set()
            self._tell("too_much_to_write", entry)
        else:
            self._waiting.append(entry)
            self._news.set()
        return entry

    async def run(self) -> None:
        """Write what comes, until cancelled. Never raises: a talk does not end for it."""
        while True:
            self._news.clear()
            while self._waiting:
                await self._write(self._waiting[0])
                self._waiting.popleft().done.set()
            await self._news.wait()

    async def flush(self, limit_s: float) -> None:
        """Wait until all is written, while `run` runs; what is not is told."""
        if self._waiting and not await self._waiting[-1].wait(limit_s):
            for entry in self._waiting:
                self._tell("not_written", entry)

    async def _write(self, entry: Entry) -> None:
        while True:
            try:
                async with asyncio.timeout(_TRY_S):
                    await entry.write()
                    self._is_away = False
                    return
            except (Unavailable, TimeoutError):
                if not self._is_away:
                    self._is_away = True
                    log.warning("desk_away", extra={"attempt_id": self._attempt_id})
                await asyncio.sleep(_AGAIN_AFTER_S)
            except Exception as error:  # a defect of ours loses this write, not the talk
                self._tell("write_failed", entry, error=type(error).__name__)
                return

    def _tell(self, event: str, entry: Entry, **more: str) -> None:
        log.error(event, extra={"attempt_id": self._attempt_id, "what": entry.what, **more})
