"""The dialing loop of one process: claim, wait for the slots, place. Any number may run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from dialer.dialing.claim import Intended, dial_pass
from dialer.dialing.law import Law
from dialer.dialing.place import Placing, place_at_slot
from dialer.domain.pacing import Slots
from dialer.errors import DatabaseAway

log = logging.getLogger(__name__)


class DialingLoop:
    """Holds the placements in flight; everything else of it is in the database."""

    def __init__(
        self, placing: Placing, law: Law, *, is_overloaded: Callable[[], bool] = lambda: False
    ) -> None:
        self.placing = placing
        self._law = law
        self._is_overloaded = is_overloaded
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = Slots()

    @property
    def in_flight(self) -> int:
        return len(self._tasks)

    async def tick(self) -> int:
        """One dial pass; returns how many calls it intends. A process that ends, or that comes
        too late to its calls already, leaves the leads to others."""
        if self.placing.is_draining() or self._is_overloaded():
            return 0
        busy_s = self._slots.busy_s
        intents = await self.placing.db.run(
            lambda tx: dial_pass(tx, self._law, busy_s=busy_s), reads_clock=False
        )
        self.spawn(intents)
        return len(intents)

    def spawn(self, intents: Sequence[Intended]) -> None:
        """Place committed intents, each at its slot."""
        for intent in intents:
            task = asyncio.create_task(place_at_slot(self.placing, intent, self._slots))
            self._tasks.add(task)
            task.add_done_callback(self._finished)

    async def drain(self, limit_s: float) -> None:
        """Wait until nothing is in flight; waiting intents refuse themselves at their slot."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=limit_s)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        # The attempt stays where it is; recovery finds it there.
        if isinstance(error, DatabaseAway):
            log.warning("placing_without_database")
        else:
            log.error("placing_failed", exc_info=error)
