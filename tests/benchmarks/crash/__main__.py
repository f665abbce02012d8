"""``python -m tests.benchmarks.crash``: the product killed again and again, and what came of it.

Some 9,000 calls by keypad and 1,000 that talk, every fault of the carrier, over 100 SIGKILLs.
Ends with 1 if a phone rang twice, a lead was lost or anything else of the table is not 0.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.crash.report import folder_note, table
from tests.benchmarks.crash.run import Result, run
from tests.benchmarks.crash.scenario import Scenario


def main(args: argparse.Namespace) -> int:
    seed = args.seed if args.seed is not None else random.randrange(1_000_000)
    print(f"seed {seed}; the same again: --seed {seed}", flush=True)
    folder = Path(args.keep or tempfile.mkdtemp(prefix="dialer-crash-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)  # Postgres walks through it to its own folder
    results: list[Result] = []
    for scenario in _scenarios(args, seed):
        print(f"{scenario.name}: {scenario.attempts} attempts", flush=True)
        own = folder / scenario.name
        own.mkdir()
        results.append(asyncio.run(_held(scenario, own)))
    print(table(results), flush=True)
    has_failed = any(one.violations for one in results)
    if has_failed or args.keep:
        print(folder_note(folder))
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if has_failed else 0


async def _held(scenario: Scenario, folder: Path) -> Result:
    task = asyncio.current_task()
    assert task is not None
    # Ended by whoever started us, we take our children with us.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(scenario, folder, _say)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def _scenarios(args: argparse.Namespace, seed: int) -> list[Scenario]:
    by_keypad = Scenario("keypad", seed, args.attempts, cap=500, cps=20.0, minutes=args.minutes)
    by_voice = Scenario(
        "streams",
        seed,
        args.streams,
        cap=40,
        cps=4.0,
        is_streamed=True,
        batch=100,
        minutes=args.minutes * 0.6,
    )
    some = [one for one in (by_keypad, by_voice) if one.attempts > 0]
    changes = {
        name: value
        for name, value in (
            ("kill_every_s", args.kill_every),
            ("faulted", args.faulted),
            ("cps", args.cps),
        )
        if value is not None
    }
    changes["with_kills"] = not args.no_kills
    return [replace(one, batch=min(one.batch, one.attempts), **changes) for one in some]


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-crash", description=__doc__)
    add = parser.add_argument
    add("--seed", type=int, help="default: a new one, printed")
    add("--attempts", type=int, default=9000, help="calls by keypad; 0: none")
    add("--streams", type=int, default=1000, help="calls that talk; 0: none")
    add("--minutes", type=float, default=13.0, help="after this nothing new is launched")
    add("--kill-every", type=float, metavar="S", help="mean time between two acts of violence")
    add("--cps", type=float, help="calls started a second; default 20, and 4 that talk")
    add("--faulted", type=float, metavar="SHARE", help="of people something goes wrong with")
    add("--no-kills", action="store_true", help="carrier faults only")
    add("--keep", metavar="FOLDER", help="leave database, ledger and logs here")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(parse(sys.argv[1:])))
