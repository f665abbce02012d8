"""When the twin's own loop stood still: what came meanwhile was stamped late."""

from __future__ import annotations

import asyncio
import time

from dialer.twin.ledger import Ledger

_LOOK_EVERY_S = 0.005
_STALL_S = 0.005  # later than that is told


async def note_stalls(ledger: Ledger) -> None:
    """Write how long each stall was, in seconds, at its end; runs until it is cancelled."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(_LOOK_EVERY_S)
        took_s = time.monotonic() - began
        if took_s > _LOOK_EVERY_S + _STALL_S:
            ledger.write("stalled", for_s=round(took_s, 3))
