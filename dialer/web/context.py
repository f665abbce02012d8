"""What the web layer works with: made once by `app`, found on the Litestar state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dialer.dialing.hang_up import end_calls
from dialer.dialing.law import Law
from dialer.dialing.loop import DialingLoop
from dialer.dialing.place import CallbackUrls
from dialer.errors import DatabaseAway
from dialer.keys import Keys
from dialer.providers.protocols import Carrier
from dialer.settings import RecoveryBounds
from dialer.store.attempts import CarrierIds
from dialer.store.engine import Database
from dialer.web.live_streams import LiveStreams, Talk

log = logging.getLogger(__name__)

# Sent with /health/live and with every refusal of a carrier route, so that `plivo doctor` can
# tell that the public URL reaches this product and nothing else.
MARKER = ("x-dialer", "1")


@dataclass(slots=True)
class Background:
    """Work that outlives its request: carrier requests after a commit, imports."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._finished)

    async def drain(self, limit_s: float) -> None:
        if self.tasks:
            await asyncio.wait(set(self.tasks), timeout=limit_s)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, DatabaseAway):
            log.warning("background_work_without_database")
        else:
            log.error("background_work_failed", exc_info=error)


@dataclass(frozen=True)
class Context:
    """``carrier_token`` signs callbacks; ``api_key`` is the operator's own, with all scopes.

    ``talk`` serves the streams of this process; None: it takes none. ``is_draining``: it ends once
    its calls have. ``is_overloaded``: it comes too late to its calls to take one more;
    ``lag_ms``: by how much, see `app.lag`.
    """

    db: Database
    keys: Keys
    law: Law
    carrier: Carrier
    carrier_token: str
    urls: CallbackUrls
    loop: DialingLoop
    api_key: str
    data_dir: Path
    background: Background = field(default_factory=Background)
    talk: Talk | None = None
    streams: LiveStreams = field(default_factory=LiveStreams)
    bounds: RecoveryBounds = field(default_factory=RecoveryBounds)
    is_draining: Callable[[], bool] = lambda: False
    is_overloaded: Callable[[], bool] = lambda: False
    lag_ms: Callable[[], float] = lambda: 0.0

    def end_calls_later(self, calls: Sequence[CarrierIds]) -> None:
        """End calls at the carrier once the deciding transaction has committed."""
        if calls:
            self.background.spawn(end_calls(self.db, self.carrier, calls))
