"""The twin's clock: real time moved by the product's offset, and waits that can be shortened."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


class Clock:
    """``now`` is product time; ``sleep`` runs on the monotonic clock, scaled."""

    def __init__(self, *, offset_us: int, scale: float, zone: str) -> None:
        self.offset_us = offset_us
        self.scale = scale
        self.zone = ZoneInfo(zone)

    def now(self) -> datetime:
        """Product time, aware, in UTC."""
        return datetime.now(UTC) + timedelta(microseconds=self.offset_us)

    async def sleep(self, wait_s: float) -> None:
        await asyncio.sleep(max(0.0, wait_s) * self.scale)

    def local(self, at: datetime) -> str:
        """The account zone's wall time without a zone, as StartTime in a hangup callback."""
        return at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def local_with_offset(self, at: datetime) -> str:
        """The account zone's wall time with its offset, as times in REST replies."""
        return at.astimezone(self.zone).isoformat(sep=" ", timespec="seconds")


def utc_stamp(at: datetime) -> str:
    """SessionStart's form: UTC, microseconds, no zone (plivo.md §2.1)."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
