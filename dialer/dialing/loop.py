"""The dialing loop of one process: claim, wait for the slots, place. Any number may run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from dialer.dialing.claim import Intended, dial_pass
from dialer.dialing.law import Law
from dialer.dialing.place import Gates, Placing, place_at_slot

log = logging.getLogger(__name__)


class DialingLoop:
    """Holds the placements in flight; everything else of it is in the database."""

    def __init__(self, placing: Placing, law: Law) -> None:
        self.placing = placing
        self._law = law
        self._tasks: set[asyncio.Task[None]] = set()
        self._gates = Gates()

    @property
    def in_flight(self) -> int:
        return len(self._tasks)

    async def tick(self) -> int:
        """One dial pass; returns how many calls it intends."""
        if self.placing.is_draining():
            return 0
        intents = await self.placing.db.run(lambda tx: dial_pass(tx, self._law))
        self.spawn(intents)
        return len(intents)

    def spawn(self, intents: Sequence[Intended]) -> None:
        """Place committed intents, each at its slot."""
        for intent in intents:
            task = asyncio.create_task(place_at_slot(self.placing, intent, self._gates))
            self._tasks.add(task)
            task.add_done_callback(self._finished)

    async def drain(self, limit_s: float) -> None:
        """Wait until nothing is in flight; waiting intents refuse themselves at their slot."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=limit_s)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The attempt stays where it is; recovery finds it there.
            log.error("placing_failed", exc_info=error)
