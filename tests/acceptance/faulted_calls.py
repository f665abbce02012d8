"""Calls in which something goes wrong, held with the whole product, and what each came to.

What is looked at afterwards: that nothing is left open on either side, and for how long the
callee heard nothing and said nothing while the call was up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from dialer.store.engine import Database
from dialer.store.tables import attempts, enrolments
from tests.acceptance.aftermath import (
    LIVE,
    Came,
    Left,
    look_at_both,
    new_in,
    open_fds,
    running_tasks,
    settled,
    what_came,
)
from tests.acceptance.far_end import running_floor
from tests.acceptance.fault_cases import Case, Wave
from tests.acceptance.line import CALLER_ID, phone

API_KEY = "the-key-of-these-tests"
COLLEAGUE = "+912241000007"
AGENT = {
    "opening": "Hello {name}, this is Asha from Surya Homes.",
    "disclosure": "I am an AI assistant and this call is recorded. Say stop calling at any time.",
    "questions": [
        {"id": "owns_home", "type": "yes_no", "ask": "Do you own the house you live in?"},
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
    "goodbye": "Thank you, goodbye.",
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
_CPS = 4.0  # beginnings are what costs most
_FAULTS_TAKEN_LIMIT_S = 12.0
_WAVE_LIMIT_S = 90.0


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

    async def set_callees(self, people: Mapping[str, Case]) -> None:
        scripts = {number: dict(case.script) for number, case in people.items()}
        (await self.twin.post("/twin/callees", json=scripts)).raise_for_status()

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
    async with (
        running_floor(database_url, data_dir, at_once=at_once, cps=_CPS) as floor,
        customer_of(floor.product_url, floor.admin) as customer,
    ):
        await customer.declare()
        at_work = running_tasks()
        for number, each in enumerate(all_waves):
            calls |= await hold_wave(left, customer, floor.runtime.db, number, each)
        came = await what_came(customer, floor.runtime.db, calls)
        await look_at_both(left, customer, floor.runtime.db, data_dir)
        left.note("streams", floor.runtime.context.streams.count)
        await settled(lambda: not new_in(running_tasks(), at_work))
        left.note("tasks at work", new_in(running_tasks(), at_work))
    await settled(lambda: not new_in(running_tasks(), tasks) and open_fds() <= fds)
    left.note("tasks", new_in(running_tasks(), tasks))
    left.note("descriptors", sorted(open_fds() - fds))
    return came, left


@asynccontextmanager
async def customer_of(product_url: str, twin: httpx.AsyncClient) -> AsyncIterator[Customer]:
    headers = {"authorization": f"Bearer {API_KEY}"}
    async with httpx.AsyncClient(base_url=product_url, headers=headers, timeout=30) as product:
        yield Customer(product, twin)


async def hold_wave(
    left: Left, customer: Customer, db: Database, number: int, each: Wave
) -> dict[str, Case]:
    """Call everybody of one wave and wait until all is over; return the cases by phone."""
    first = phones_of(each.first, number * 100)
    rest = phones_of(each.rest, number * 100 + 50)
    await customer.set_callees(first)
    if each.fault is not None:
        await customer.arm(each.fault)
    if first:
        await customer.launch(f"wave {number}, first", names_of(first))
    if each.fault is not None and each.fault["times"] is not None:
        await _until_taken(customer, str(each.fault["kind"]))
        await customer.clear_faults()
    await customer.set_callees(rest)  # brings their own faults
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
        tasks.create_task(_until_over(left, db, first | rest))
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


async def _until_over(left: Left, db: Database, phones: Collection[str]) -> None:
    """Wait until each of these people was called and is not on the line any more."""
    try:
        async with asyncio.timeout(_WAVE_LIMIT_S):
            while await _not_over(db, phones):  # noqa: ASYNC110 - rows have no event
                await asyncio.sleep(0.3)
    except TimeoutError:
        left.note("calls that do not end", await _not_over(db, phones))


async def _not_over(db: Database, phones: Collection[str]) -> dict[str, str]:
    async with db.begin() as tx:
        leads = await tx.all(select(enrolments).where(enrolments.c.phone.in_(phones)))
        rows = await tx.all(select(attempts).where(attempts.c.phone.in_(phones)))
    over = {row.phone for row in rows if row.state not in LIVE}
    live = {row.phone: row.state for row in rows if row.state in LIVE}
    found = {lead.phone: lead.state for lead in leads if lead.state == "calling"}
    return found | {number: "not called" for number in phones if number not in over} | live
