"""Mutation testing of the law: `make mutation`, or python -m tests.mutation windows zones.

Every mutant of `dialer.compliance` must be killed by its database-free tests, or stand in
survivors.toml with the reason why it is equivalent. Fails if one does neither, if fewer than 90 %
are killed, or if one that is listed was killed after all.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec  # noqa: F401  # loaded once, before every fork
import phonenumbers
import phonenumbers.timezone

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.trial import PACKAGE, start

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dialer" / "compliance"
SURVIVORS = Path(__file__).with_name("survivors.toml")
LEAST_KILLED = 0.9
#: What is asked first about a module, because it is about that module; else the cases are.
FIRST = {
    "alike": "alike",
    "chain": "chain",
    "durations": "grammar",
    "numbering": "hours",
    "packs": "packs",
    "preferences": "grammar",
    "record": "record",
    "replay": "replay",
    "rules_consent": "consent",
    "schema": "packs",
    "senders": "senders",
    "walltime": "walltime",
    "windows": "schedules",
    "words": "wording",
    "zones": "zones",
}
#: Then those that say much in little time, and at last those that try much.
QUICK = (
    *("values", "cases", "decide", "hours", "schedules", "walltime", "windows", "consent"),
    *("packs", "record", "alike", "chain", "senders", "wording", "words"),
    *("grammar", "spelling", "zones"),
)
SLOW = ("replay", "naive", "properties")
ENVIRONMENT = {"COMPLIANCE_SAMPLE": "700", "PROPERTY_EXAMPLES": "0.3"}
#: The slowest of all; what it tries, the cases and the sample try at fewer instants.
SLOWEST = "test_every_boundary_of_a_year_and_every_minute_of_a_changed_clock"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help="names such as windows; all if none is given")
    parser.add_argument("--at-once", type=int, default=2, metavar="N")
    args = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    os.chdir(ROOT)
    load_libraries()
    paths = [path for path in sorted(FOLDER.glob("*.py")) if path.stem != "__init__"]
    chosen = [path for path in paths if not args.modules or path.stem in args.modules]
    _, status = os.waitpid(start(None, FOLDER, stages_of("decide")), 0)
    if os.waitstatus_to_exitcode(status) != 0:
        print("The tests fail without any mutant; mend them first.")
        return 1
    began = time.monotonic()
    killed, survived = run((m for path in chosen for m in mutants_of(path)), args.at_once)
    return report(killed, survived, began, is_whole=not args.modules)


def load_libraries() -> None:
    """Have what is no module of ours read its data once, before every fork."""
    for phone in ("+919876543210", "+12125552368", "+442079460958", "+61412345678"):
        parsed = phonenumbers.parse(phone)
        assert phonenumbers.is_valid_number(parsed)
        phonenumbers.timezone.time_zones_for_number(parsed)


def stages_of(module: str) -> list[list[str]]:
    first = FIRST.get(module, "cases")
    names = [[first], *([name for name in group if name != first] for group in (QUICK, SLOW))]
    stages = [[f"tests/unit/test_compliance_{name}.py" for name in group] for group in names]
    stages[-1] += ["--deselect", f"tests/unit/test_compliance_naive.py::{SLOWEST}"]
    return stages


def run(mutants: Iterator[Mutant], at_once: int) -> tuple[Counter[str], list[Mutant]]:
    """Return how many of each module were killed, and the survivors."""
    killed: Counter[str] = Counter()
    survived: list[Mutant] = []
    running: dict[int, Mutant] = {}
    upcoming = next(mutants, None)
    while upcoming or running:
        while upcoming and len(running) < at_once:
            running[start(upcoming, FOLDER, stages_of(Path(upcoming.module).stem))] = upcoming
            upcoming = next(mutants, None)
        child, status = os.wait()
        mutant = running.pop(child)
        if os.waitstatus_to_exitcode(status) == 0:
            survived.append(mutant)
            print(f"survived: {describe(mutant.name)}", flush=True)
        else:
            killed[mutant.module] += 1
        done = killed.total() + len(survived)
        if not done % 50:
            print(f"... {done} tried", flush=True)
    return killed, survived


def describe(name: tuple[str, str, str, str]) -> str:
    module, where, before, after = name
    return f"{module} {where or '(top)'}: {before}  ->  {after}"


def report(
    killed: Counter[str], survived: Sequence[Mutant], began: float, *, is_whole: bool
) -> int:
    """Print what came of it and return the exit code."""
    listed = {
        (one["module"], one["where"], one["before"], one["after"])
        for one in tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("survivor", [])
    }
    alive = Counter(mutant.module for mutant in survived)
    for module in sorted(killed | alive):
        print(f"{module:20} {killed[module]:4} killed {alive[module]:4} survived")
    total = killed.total() + len(survived)
    rate = killed.total() / total if total else 1.0
    minutes, used = (time.monotonic() - began) / 60, resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{total} mutants of {PACKAGE}: {rate:.1%} killed in {minutes:.0f} minutes,")
    print(f"of processor time {(used.ru_utime + used.ru_stime) / 60:.0f} minutes")
    names = {mutant.name for mutant in survived}
    for name in sorted(names - listed):
        print(f"survived and not explained: {describe(name)}")
    gone = listed - names if is_whole else set()
    for name in sorted(gone):
        print(f"listed and killed or gone: {describe(name)}")
    return 1 if names - listed or gone or rate < LEAST_KILLED else 0


if __name__ == "__main__":
    sys.exit(main())
