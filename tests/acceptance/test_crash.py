"""The crash harness for 45 seconds; `make bench-crash` holds 10,000 attempts."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.benchmarks.crash.run import run
from tests.benchmarks.crash.scenario import Scenario
from tests.benchmarks.crash.verdict import by_kind

SEED = int(os.environ.get("CRASH_SEED", "7"))
SHORT = Scenario(
    "short",
    SEED,
    attempts=50,
    cap=100,
    cps=3.0,
    batch=25,
    kill_every_s=4.0,
    postgres_every_s=12.0,
    burst_every_s=10.0,
    workers=(1, 2),
    webs=(1, 1),
    minutes=0.4,
    least_kills=2,
    least_downs=1,
    most_minutes=5.0,
    is_told=False,  # what a killed process was sending is sent again after a minute
)


async def test_killed_again_and_again_it_rings_nobody_twice_and_loses_nobody(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    await asyncio.to_thread(tmp_path.chmod, 0o711)  # Postgres walks through it
    result = await run(SHORT, tmp_path, said.append)
    found = {kind: count for kind, count in by_kind(result.violations).items() if count}
    shown = "\n".join([*said, (tmp_path / "violations.txt").read_text()[:20_000]])
    assert not found, f"seed {SEED}: {found}\n{shown}"
    done = {"kills": result.kills, "downs": result.postgres_downs}
    assert SHORT.is_tested(**done), f"too little was done to it in five minutes: {done}"
    assert sum(map(len, result.books.rings.values())) >= 10
