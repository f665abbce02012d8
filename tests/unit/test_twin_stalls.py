"""The twin says when it stood still, as its times are late then."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from dialer.twin.clock import Clock
from dialer.twin.ledger import Ledger
from dialer.twin.stalls import note_stalls


async def test_a_loop_that_was_held_up_is_told_of_with_how_long(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(Clock(offset_us=0, scale=1.0, zone="Asia/Kolkata"), path)
    watching = asyncio.create_task(note_stalls(ledger))
    await asyncio.sleep(0.05)
    time.sleep(0.2)  # noqa: ASYNC251 - that is the stall
    await asyncio.sleep(0.05)
    watching.cancel()
    ledger.close()
    stalls = [json.loads(line) for line in path.read_text().splitlines()]
    assert {one["event"] for one in stalls} == {"stalled"}
    assert max(one["for_s"] for one in stalls) >= 0.2
