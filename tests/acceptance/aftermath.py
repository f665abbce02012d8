"""What calls in which something went wrong came to, and what they left open.

Each is looked at from both ends: what the product has stored, and what the twin's people heard.
"""

from __future__ import annotations

import asyncio
import os
import wave
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
from sqlalchemy import select

from dialer.store.engine import Database
from dialer.store.tables import attempts, enrolments, recordings
from tests.acceptance.fault_cases import Case

LIVE = ("intended", "placing", "ambiguous", "placed", "ringing", "in_call")
_SETTLED = ("done", "exhausted", "cancelled", "blocked")


@dataclass(frozen=True, slots=True)
class Came:
    """What one call came to. ``dead_air_s``: the longest time of it in which nothing was heard
    from either side; ``dead_at_s`` since the answer; ``words`` that we said."""

    case: Case
    dead_air_s: float
    dead_at_s: float
    disposition: str | None
    outcome: str | None
    words: str
    failures: Mapping[str, int]

    @property
    def is_in_silence(self) -> bool:
        """The callee stayed and either heard no word or came to nothing. A call that broke with its
        process is tried again."""
        has_stayed = not self.case.kind.startswith(("leaves", "hung_up", "opted_out"))
        has_stayed &= self.outcome != "failed"
        return has_stayed and (not self.words or self.disposition is None)


@dataclass(slots=True)
class Left:
    """What should not be there any more, by what it is."""

    of: dict[str, Any] = field(default_factory=dict)

    def note(self, what: str, found: Any) -> None:
        if found:
            self.of[what] = found


class Witness(Protocol):
    """Answers what the twin's own routes show below ``/twin``."""

    @property
    def twin(self) -> httpx.AsyncClient: ...

    async def of_twin(self, path: str) -> Any: ...


async def what_came(witness: Witness, db: Database, calls: Mapping[str, Case]) -> list[Came]:
    """Put together what both sides know of each answered call."""
    ledger = await witness.of_twin("ledger")
    async with db.begin() as tx:
        rows = await tx.all(select(attempts).order_by(attempts.c.id))
    came = []
    for row in rows:
        if row.phone in calls and row.answered_at is not None and row.ended_at is not None:
            reply = await witness.twin.get(f"/twin/talks/{row.call_uuid}")
            talk = reply.json() if reply.status_code == 200 else None
            came.append(_came(calls[row.phone], row, talk, ledger))
    return came


def _came(case: Case, row: Any, talk: Any, ledger: Any) -> Came:
    def of_call(name: str) -> list[Any]:
        return [each for each in ledger[name] if each["call_uuid"] == row.call_uuid]

    answered_at = _at(of_call("answered")[0])
    ended_s = (_at(of_call("ended")[0]) - answered_at).total_seconds()
    spoken = of_call("spoken")
    sounds = [((_at(each) - answered_at).total_seconds(), 0.0) for each in spoken]
    words = [each["text"] for each in spoken]
    if talk is not None:
        words += [each["text"] for each in talk["agent"]]
        sounds += [(each["starts_s"], each["ends_s"]) for each in talk["agent"] + talk["callee"]]
        sounds += [(each["at_s"], each["at_s"]) for each in talk["keys"]]
    dead_air_s, at_s = longest_gap(sounds, ended_s)
    usage = row.usage or {}
    failures = usage.get("failures", {})
    return Came(
        case, dead_air_s, at_s, row.disposition, row.outcome, " ".join(words).strip(), failures
    )


def longest_gap(sounds: Iterable[tuple[float, float]], ended_s: float) -> tuple[float, float]:
    """Return how long the longest silence from 0 to ``ended_s`` was, and where it began."""
    longest, at_s, until_s = 0.0, 0.0, 0.0
    for starts_s, ends_s in [*sorted(sounds), (ended_s, ended_s)]:
        gap_s = min(starts_s, ended_s) - until_s
        if gap_s > longest:
            longest, at_s = gap_s, until_s
        until_s = max(until_s, starts_s, ends_s)
    return round(longest, 2), round(at_s, 2)


def _at(entry: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["at"])


async def look_at_both(left: Left, witness: Witness, db: Database, data_dir: Path) -> None:
    """Note what is still open at the twin, unsettled in the database, or wrong on the disk."""

    async def vendors() -> dict[str, int]:
        report = await witness.of_twin("vendors")
        return {name: one["open"] for name, one in report.items() if one["open"]}

    for _ in range(50):
        if not await vendors() and not await witness.of_twin("calls"):
            break
        await asyncio.sleep(0.2)
    left.note("vendor sockets", await vendors())
    left.note("calls of the twin", await witness.of_twin("calls"))
    left.note("failures of the twin", (await witness.of_twin("health"))["task_failures"])
    async with db.begin() as tx:
        found = await tx.all(select(attempts))
        leads = await tx.all(select(enrolments))
        named = await tx.all(select(recordings))
    left.note("live attempts", Counter(row.state for row in found if row.state in LIVE))
    left.note("transfer legs", sum(row.has_transfer_leg for row in found))
    unsettled = [
        (lead.phone[-5:], lead.state)
        for lead in leads
        if lead.state not in _SETTLED and not (lead.state == "waiting" and lead.due_at is not None)
    ]
    left.note("unsettled leads", unsettled)
    left.note("files", wrong_files(data_dir, {row.path for row in named if row.path}))


def wrong_files(data_dir: Path, named: set[str]) -> dict[str, str]:
    """Return what lies below ``recordings`` or in a spool and is not a whole recording with a
    row, and rows without their file."""
    wrong = {path: "no file" for path in named if not (data_dir / path).is_file()}
    for path in data_dir.rglob("*"):
        own = path.relative_to(data_dir).as_posix()
        if not path.is_file() or own.split("/")[0] in ("postgres", "twin.log", "twin.json"):
            continue
        if own in named:
            if not is_whole_wav(path):
                wrong[own] = "not a whole WAV"
        elif own not in ("secret_key", "api_key"):
            wrong[own] = "no row names it"
    return wrong


def is_whole_wav(path: Path) -> bool:
    try:
        with wave.open(str(path)) as file:
            return file.getnframes() * 4 + 44 == path.stat().st_size
    except (wave.Error, EOFError):
        return False


def running_tasks() -> Counter[str]:
    """The tasks of this loop, by what they run."""
    return Counter(
        getattr(task.get_coro(), "__qualname__", "?")
        for task in asyncio.all_tasks()
        if task is not asyncio.current_task()
    )


def new_in(now: Counter[str], before: Counter[str]) -> dict[str, int]:
    return dict(now - before)


def open_fds() -> set[str]:
    """The sockets, pipes and files of this process; not the event polls, of which libraries keep
    some for good."""
    found = set()
    for each in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{each}"))
        except OSError:
            continue  # the listing's own
    return {each for each in found if not each.startswith("anon_inode:")}


async def settled(is_so: Callable[[], bool], limit_s: float = 10.0) -> None:
    """Give what ends in the background its time."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + limit_s
    while not is_so() and loop.time() < until_s:  # noqa: ASYNC110 - others' tasks and sockets
        await asyncio.sleep(0.1)
