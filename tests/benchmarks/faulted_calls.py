"""300 calls in which something goes wrong: what each came to, and what is left open.

Of each kind: how many calls, the longest time in which the callee heard nothing and said nothing,
what was established. Ends with 1 if anything is left behind or a callee was left in silence.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from dialer.store import embedded
from tests.acceptance.aftermath import Came
from tests.acceptance.fault_cases import waves
from tests.acceptance.faulted_calls import hold
from tests.acceptance.stopped_calls import hold_and_stop
from tests.benchmarks.figure import fresh_url

_WAVES, _SIZE, _FIRST = 8, 35, 5
_AT_ONE_TWIN = 4  # waves: the twin keeps the talks of its last 200 calls
_STOPS = (signal.SIGTERM, signal.SIGKILL)
_STOPPED = 10  # calls of each


async def main(seed: int) -> int:
    came: list[Came] = []
    left: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="dialer-bench-") as folder:
        postgres = embedded.acquire(Path(folder, "postgres"))
        try:
            drawn = list(waves(seed, size=_SIZE, first=_FIRST, count=_WAVES))
            for first in range(0, _WAVES, _AT_ONE_TWIN):
                async with fresh_url(postgres.cluster.socket_dsn) as url:
                    some = drawn[first : first + _AT_ONE_TWIN]
                    calls, behind = await hold(url, Path(folder, f"data-{first}"), some)
                    came += calls
                    left |= {f"waves from {first}: {what}": n for what, n in behind.of.items()}
            for number in _STOPS:
                async with fresh_url(postgres.cluster.socket_dsn) as url:
                    data = Path(folder, number.name)
                    calls, behind, code = await hold_and_stop(
                        url, data, number, people=_STOPPED, seed=seed
                    )
                    print(f"{number.name}: the process ended with {code}")
                    came += calls
                    left |= {f"{number.name}: {what}": found for what, found in behind.of.items()}
        finally:
            postgres.release()
    show(came)
    silent = [each.case for each in came if each.is_in_silence]
    print(f"{len(came)} calls; left behind: {left or 'nothing'}; in silence: {len(silent)}")
    return 1 if left or silent else 0


def show(came: Iterable[Came]) -> None:
    by_kind = defaultdict[str, list[Came]](list)
    for each in came:
        by_kind[each.case.kind].append(each)
    print(f"{'what goes wrong':26} {'calls':>5} {'dead air':>9}  what it came to")
    for kind, calls in sorted(by_kind.items()):
        longest = max(each.dead_air_s for each in calls)
        found = Counter(each.disposition or "nothing" for each in calls)
        shown = ", ".join(f"{name} {count}" for name, count in found.most_common())
        print(f"{kind:26} {len(calls):5} {longest:7.1f} s  {shown}")


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)))
