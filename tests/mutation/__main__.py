"""Mutation testing of the law: `make mutation`, or python -m tests.mutation windows zones.

Every mutant of `dialer.compliance` must be killed by its database-free tests, or stand in
survivors.toml with the reason why it is equivalent. Fails if one does neither, if fewer than 90 %
are killed, or if one that is listed was killed after all.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec  # noqa: F401  # loaded once, before every fork
import phonenumbers
import phonenumbers.timezone  # noqa: F401

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.trial import PACKAGE, start

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dialer" / "compliance"
SURVIVORS = Path(__file__).with_name("survivors.toml")
LEAST_KILLED = 0.9
#: From those that say most in least time to those that try most.
TESTS = (
    *("cases", "decide", "windows", "consent", "packs", "record", "chain", "replay"),
    *("words", "senders"),
    *("naive", "properties"),
)
#: What is asked first about a module, because it is about that module.
FIRST = {
    "packs": "packs",
    "schema": "packs",
    "durations": "packs",
    "preferences": "packs",
    "record": "record",
    "chain": "chain",
    "replay": "replay",
    "senders": "senders",
    "windows": "windows",
    "words": "words",
    "rules_consent": "consent",
}
ENVIRONMENT = {"COMPLIANCE_SAMPLE": "700", "PROPERTY_EXAMPLES": "0.3"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help="names such as windows; all if none is given")
    parser.add_argument("--at-once", type=int, default=2, metavar="N")
    args = parser.parse_args()
    os.environ.update(ENVIRONMENT)
    os.chdir(ROOT)
    paths = [path for path in sorted(FOLDER.glob("*.py")) if path.stem != "__init__"]
    chosen = [path for path in paths if not args.modules or path.stem in args.modules]
    _, status = os.waitpid(start(None, FOLDER, tests_for("decide")), 0)
    if os.waitstatus_to_exitcode(status) != 0:
        print("The tests fail without any mutant; mend them first.")
        return 1
    began = time.monotonic()
    killed, survived = run([m for path in chosen for m in mutants_of(path)], args.at_once)
    return report(killed, survived, began, is_whole=not args.modules)


def tests_for(module: str) -> list[str]:
    first = FIRST.get(module)
    names = [*([first] if first else []), *(name for name in TESTS if name != first)]
    files = [f"tests/unit/test_compliance_{name}.py" for name in names]
    return [*files, "--deselect", f"{files[names.index('naive')]}::{BOUNDARIES}"]


BOUNDARIES = "test_every_boundary_of_a_year_and_every_minute_of_a_changed_clock"


def run(mutants: Sequence[Mutant], at_once: int) -> tuple[Counter[str], list[Mutant]]:
    """Return how many of each module were killed, and the survivors."""
    killed: Counter[str] = Counter()
    survived: list[Mutant] = []
    running: dict[int, Mutant] = {}
    waiting = list(reversed(mutants))
    while waiting or running:
        while waiting and len(running) < at_once:
            mutant = waiting.pop()
            running[start(mutant, FOLDER, tests_for(Path(mutant.module).stem))] = mutant
        child, status = os.wait()
        mutant = running.pop(child)
        if os.waitstatus_to_exitcode(status) == 0:
            survived.append(mutant)
            print(f"{mutant.module}: {mutant.before}  ->  {mutant.after}", flush=True)
        else:
            killed[mutant.module] += 1
        if not len(waiting) % 50:
            print(f"... {len(waiting)} to go", flush=True)
    return killed, survived


def report(
    killed: Counter[str], survived: Sequence[Mutant], began: float, *, is_whole: bool
) -> int:
    """Print what came of it and return the exit code."""
    listed = {
        (one["module"], one["before"], one["after"]): one["why"]
        for one in tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("survivor", [])
    }
    alive = Counter(mutant.module for mutant in survived)
    for module in sorted(killed | alive):
        print(f"{module:20} {killed[module]:4} killed {alive[module]:4} survived")
    total = sum(killed.values()) + len(survived)
    rate = sum(killed.values()) / total if total else 1.0
    minutes = (time.monotonic() - began) / 60
    print(f"{total} mutants of {PACKAGE}: {rate:.1%} killed in {minutes:.0f} minutes")
    new = {mutant.name for mutant in survived} - listed.keys()
    for module, before, after in sorted(new):
        print(f"survived and not explained: {module}: {before}  ->  {after}")
    gone = listed.keys() - {mutant.name for mutant in survived} if is_whole else set()
    for module, before, after in sorted(gone):
        print(f"listed and killed or gone: {module}: {before}  ->  {after}")
    return 1 if new or gone or rate < LEAST_KILLED else 0


if __name__ == "__main__":
    sys.exit(main())
