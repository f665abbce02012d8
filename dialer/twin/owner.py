"""Who keeps this twin alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class Owners:
    """Counts open owner connections. ``closing`` is set when the twin stops."""

    BEAT_S: ClassVar[float] = 0.5  # how soon a dead owner is noticed

    def __init__(self) -> None:
        self.count = 0
        self.closing = asyncio.Event()
        self._alone_since = time.monotonic()

    @contextmanager
    def hold(self) -> Iterator[None]:
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
            self._alone_since = time.monotonic()

    async def abandoned(self, grace_s: float) -> None:
        """Return once nobody has owned the twin for ``grace_s`` seconds."""
        while self.count or time.monotonic() - self._alone_since < grace_s:  # noqa: ASYNC110 - waits for a span of time
            await asyncio.sleep(self.BEAT_S)
