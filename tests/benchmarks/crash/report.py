"""The table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.crash.run import Result
from tests.benchmarks.crash.verdict import by_kind


def table(results: Sequence[Result]) -> str:
    """What was done and what came of it, a column a run."""
    lines = [_row("", [one.scenario.name for one in results])]

    def add(what: str, values: list[Any]) -> None:
        lines.append(_row(what, values))

    add("seed", [one.scenario.seed for one in results])
    add("minutes", [f"{one.took_s / 60:.1f}" for one in results])
    add("leads", [one.leads for one in results])
    add("attempts", [len(one.facts.attempts) for one in results])
    add("rings by the twin's ledger", [sum(map(len, r.books.rings.values())) for r in results])
    add("most calls up / cap", [f"{r.books.most_up} / {r.scenario.cap}" for r in results])
    add(
        "most requests in a second / CPS",
        [f"{len(r.books.densest)} / {r.scenario.cps:g}" for r in results],
    )
    add("longest a slot was kept", [f"{one.slowest_slot_s:.1f} s" for one in results])
    add("SIGKILLs", [one.kills for one in results])
    for role in ("worker", "web"):
        add(f"  of a {role}", [one.fleet.kills[role] for one in results])
    add("Postgres restarts", [one.postgres_downs for one in results])
    for what in sorted({what for one in results for what in one.did}):
        add(f"  {what}", [one.did[what] for one in results])
    add("faults", [one.books.faults.total() for one in results])
    for kind in sorted({kind for one in results for kind in one.books.faults}):
        add(f"  {kind}", [one.books.faults[kind] for one in results])
    add("events / taken in more than once", [_told(one) for one in results])
    add("violations", [len(one.violations) for one in results])
    counts = [by_kind(one.violations) for one in results]
    for kind in counts[0]:
        add(f"  {kind}", [count[kind] for count in counts])
    return "\n".join(lines)


def _told(one: Result) -> str:
    repeated = sum(1 for count in one.crm.taken.values() if count > 1)
    return f"{len(one.facts.promised)} / {repeated}"


def _row(what: str, values: Sequence[Any]) -> str:
    return f"{what:46}" + "".join(f"{value!s:>14}" for value in values)


def folder_note(folder: Path) -> str:
    return f"ledger, logs and traces: {folder}"
