"""Calls in which something goes wrong, held with the whole product, and what each came to.

What is looked at afterwards: that nothing is left open on either side, and for how long the
callee heard nothing and said nothing while the call was up.
"""

from __future__ import annotations

import asyncio
import os
import wave
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from dialer.store.engine import Database
from dialer.store.tables import attempts, enrolments, recordings
from tests.acceptance.far_end import Floor, running_floor
from tests.acceptance.fault_cases import Case, Wave
from tests.acceptance.line import CALLER_ID, phone

API_KEY = "the-key-of-these-tests"
COLLEAGUE = "+912241000007"
AGENT = {
    "opening": "Hello {name}, this is Asha from Surya Homes.",
    "disclosure": "I am an AI assistant and this call is recorded. Say stop calling at any time.",
    "questions": [
        {"id": "owns_home", "type": "yes_no", "ask": "Do you own the house you live in, {name}?"},
        {
            "id": "monthly_bill",
            "type": "number",
            "ask": "How much is your electricity bill in a month, in rupees?",
        },
        {
            "id": "roof_type",
            "type": "choice",
            "choices": ["concrete", "tin", "tiled"],
            "ask": "{name}, is your roof concrete, tin or tiled?",
        },
    ],
    "qualified_when": [{"question": "monthly_bill", "op": ">=", "value": 2000}],
    "goodbye": "Thank you, {name}, goodbye.",
}
DEFINITION: dict[str, Any] = {
    "campaign": {
        "name": "faulted",
        "kind": "qualification",
        "category": "service",
        "entity": "other",
        "rule_packs": ["in"],
    },
    "dialing": {"caller_ids": [CALLER_ID], "ring_timeout_s": 20},
    "retry": {"max_attempts": 3},
    "agent": AGENT,
    "transfer": {"to": COLLEAGUE, "when": ["asked", "frustrated"]},
}
SENDER = {
    "a2p": {"reference": "A2P-1", "declared_on": "2026-01-01", "objective": "reminders"},
    "caller_ids": [{"number": CALLER_ID, "series": "1601"}],
}
_FAULTS_TAKEN_LIMIT_S = 12.0
_WAVE_LIMIT_S = 90.0
_LIVE = ("intended", "placing", "ambiguous", "placed", "ringing", "in_call")
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
        """The callee stayed to the end and neither heard a word nor came to anything."""
        return not self.words and self.disposition is None and self.outcome == "completed"


@dataclass(slots=True)
class Left:
    """What should not be there any more, by what it is."""

    of: dict[str, Any] = field(default_factory=dict)

    def note(self, what: str, found: Any) -> None:
        if found:
            self.of[what] = found


class Customer:
    """Speaks REST to the product and to the twin, whichever processes they are."""

    def __init__(self, product: httpx.AsyncClient, twin: httpx.AsyncClient) -> None:
        self.product, self.twin = product, twin

    async def declare(self) -> None:
        reply = await self.product.put("/api/v1/sender", json=SENDER)
        assert reply.status_code == 200, reply.text

    async def launch(self, name: str, people: Mapping[str, str]) -> str:
        """Start a campaign to these people (phone → name); return its id."""
        csv = "phone,name,consent_kind,consent_at\n" + "".join(
            f"{number},{each},inferred,2026-01-05\n" for number, each in people.items()
        )
        leads = await self._post("/lists", files={"file": ("a.csv", csv)}, data={"name": name})
        body = {"name": name, "list_id": leads["id"], "definition": DEFINITION}
        made = await self._post("/campaigns", json=body)
        await self.move(made["id"], "running")
        return str(made["id"])

    async def move(self, campaign: str, state: str, **more: str) -> None:
        reply = await self.product.put(
            f"/api/v1/campaigns/{campaign}/state", json={"state": state, **more}
        )
        assert reply.status_code == 200, reply.text

    async def opt_out(self, number: str) -> None:
        await self._post("/suppressions", json={"phone": number})

    async def arm(self, fault: Mapping[str, Any]) -> None:
        (await self.twin.post("/twin/faults", json=dict(fault))).raise_for_status()

    async def clear_faults(self) -> None:
        (await self.twin.delete("/twin/faults")).raise_for_status()

    async def of_twin(self, path: str) -> Any:
        reply = await self.twin.get(f"/twin/{path}")
        reply.raise_for_status()
        return reply.json()

    async def until_answered(self, number: str) -> bool:
        """Wait for the answer; False if the phone is never picked up."""
        for _ in range(200):
            if any(each["to"] == number for each in (await self.of_twin("ledger"))["answered"]):
                return True
            await asyncio.sleep(0.2)
        return False

    async def _post(self, path: str, **request: Any) -> Any:
        reply = await self.product.post(f"/api/v1{path}", **request)
        assert reply.status_code < 300, reply.text
        return reply.json()


async def hold(
    database_url: str, data_dir: Path, all_waves: Iterable[Wave], *, at_once: int = 40
) -> tuple[list[Came], Left]:
    """Hold wave after wave; return what each call came to and what is left behind."""
    fds, tasks = open_fds(), running_tasks()
    left, calls = Left(), dict[str, Case]()
    async with running_floor(database_url, data_dir, at_once=at_once) as floor:
        async with customer_of(floor) as customer:
            await customer.declare()
            at_work = running_tasks()
            for number, each in enumerate(all_waves):
                calls |= await hold_wave(customer, floor.runtime.db, number, each)
            came = await what_came(customer, floor.runtime.db, calls)
            await look_at_both(left, customer, floor.runtime.db, data_dir)
            left.note("streams", floor.runtime.context.streams.count)
            await settled(lambda: not new_in(running_tasks(), at_work))
            left.note("tasks at work", new_in(running_tasks(), at_work))
    await settled(lambda: not new_in(running_tasks(), tasks) and open_fds() <= fds)
    left.note("tasks", new_in(running_tasks(), tasks))
    left.note("descriptors", sorted(open_fds() - fds))
    return came, left


def customer_of(floor: Floor) -> _Customers:
    return _Customers(floor)


class _Customers:
    """A `Customer` for as long as a block lasts."""

    def __init__(self, floor: Floor) -> None:
        self._admin = floor.admin
        headers = {"authorization": f"Bearer {API_KEY}"}
        self._product = httpx.AsyncClient(base_url=floor.product_url, headers=headers, timeout=30)

    async def __aenter__(self) -> Customer:
        return Customer(self._product, self._admin)

    async def __aexit__(self, *_: object) -> None:
        await self._product.aclose()


async def hold_wave(customer: Customer, db: Database, number: int, each: Wave) -> dict[str, Case]:
    """Call everybody of one wave and wait until all is over; return the cases by phone."""
    first = phones_of(each.first, number * 100)
    rest = phones_of(each.rest, number * 100 + 50)
    await customer.twin.post(
        "/twin/callees", json={p: dict(case.script) for p, case in (first | rest).items()}
    )
    if each.fault is not None:
        await customer.arm(each.fault)
    if first:
        await customer.launch(f"wave {number}, first", names_of(first))
    if each.fault is not None and each.fault["times"] is not None:
        await _until_taken(customer, str(each.fault["kind"]))
        await customer.clear_faults()
    for case in rest.values():
        for fault in case.at_vendors:
            await customer.arm(fault)
    ordinary = {p: case for p, case in rest.items() if case.deed is None}
    if ordinary:
        await customer.launch(f"wave {number}", names_of(ordinary))
    async with asyncio.TaskGroup() as tasks:
        for p, case in rest.items():
            if case.deed is not None:
                tasks.create_task(_do(customer, p, case))
        tasks.create_task(_until_over(db, len(first) + len(rest)))
    await customer.clear_faults()
    return first | rest


def phones_of(cases: Sequence[Case], first: int) -> dict[str, Case]:
    return {phone(first + index): case for index, case in enumerate(cases, start=1)}


def names_of(people: Mapping[str, Case]) -> dict[str, str]:
    return {number: case.name for number, case in people.items()}


async def _until_taken(customer: Customer, kind: str) -> None:
    """A fault that nobody met in time, because calls ended before, is not waited for longer."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + _FAULTS_TAKEN_LIMIT_S
    while loop.time() < until_s:
        if not any(armed["kind"] == kind for armed in await customer.of_twin("faults")):
            return
        await asyncio.sleep(0.2)


async def _do(customer: Customer, number: str, case: Case) -> None:
    """A call with a campaign of its own, which is ended from outside."""
    campaign = await customer.launch(f"of {case.name}", {number: case.name})
    if not await customer.until_answered(number):
        return
    await asyncio.sleep(case.deed_s)
    if case.deed == "hang_up":
        await customer.move(campaign, "cancelled", in_flight="hang_up")
    else:
        await customer.opt_out(number)


async def _until_over(db: Database, count: int) -> None:
    """Wait until ``count`` more people were called than before, and no call is up."""
    async with asyncio.timeout(_WAVE_LIMIT_S):
        while True:
            async with db.begin() as tx:
                states = [row.state for row in await tx.all(select(enrolments.c.state))]
                live = await tx.all(select(attempts.c.id).where(attempts.c.state.in_(_LIVE)))
                called = await tx.all(select(attempts.c.id))
            if not live and "calling" not in states and len(called) >= count:
                waiting = await _due_now(db)
                if not waiting:
                    return
            await asyncio.sleep(0.3)


async def _due_now(db: Database) -> int:
    async with db.begin() as tx:
        e = enrolments.c
        query = select(e.id).where(e.state == "waiting", e.due_at <= tx.now)
        return len(await tx.all(query))


async def what_came(customer: Customer, db: Database, calls: Mapping[str, Case]) -> list[Came]:
    """Put together what both sides know of each answered call."""
    ledger = await customer.of_twin("ledger")
    async with db.begin() as tx:
        rows = await tx.all(select(attempts).order_by(attempts.c.id))
    came = []
    for row in rows:
        if row.phone in calls and row.answered_at is not None:
            reply = await customer.twin.get(f"/twin/talks/{row.call_uuid}")
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


async def look_at_both(left: Left, customer: Customer, db: Database, data_dir: Path) -> None:
    """Note what is still open at the twin, unsettled in the database, or wrong on the disk."""

    async def vendors() -> dict[str, int]:
        report = await customer.of_twin("vendors")
        return {name: one["open"] for name, one in report.items() if one["open"]}

    for _ in range(50):
        if not await vendors() and not await customer.of_twin("calls"):
            break
        await asyncio.sleep(0.2)
    left.note("vendor sockets", await vendors())
    left.note("calls of the twin", await customer.of_twin("calls"))
    left.note("failures of the twin", (await customer.of_twin("health"))["task_failures"])
    async with db.begin() as tx:
        found = await tx.all(select(attempts))
        leads = await tx.all(select(enrolments))
        named = await tx.all(select(recordings))
    left.note("live attempts", Counter(row.state for row in found if row.state in _LIVE))
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


async def settled(is_so: Any, limit_s: float = 10.0) -> None:
    """Give what ends in the background its time."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + limit_s
    while not is_so() and loop.time() < until_s:
        await asyncio.sleep(0.1)
