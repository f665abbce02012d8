"""Calls whose process is stopped: `dialer up` as a child, a signal in the middle of its calls, and
where it was killed the same again."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from sqlalchemy import func, select

from dialer.app.twin_place import AUTH_ID, AUTH_TOKEN
from dialer.dialing.left_recordings import adopt_left_recordings
from dialer.store.carrier import save_carrier
from dialer.store.connect import create_engine
from dialer.store.engine import Database
from dialer.store.tables import accounts, attempts
from tests.acceptance.aftermath import LIVE, Came, Left, look_at_both, what_came
from tests.acceptance.far_end import twin_child
from tests.acceptance.fault_cases import Case, names, person
from tests.acceptance.faulted_calls import API_KEY, Customer, customer_of, names_of, phones_of
from tests.acceptance.test_processes import environment, free_port

_READY_LIMIT_S = 40.0
_EXIT_LIMIT_S = 90.0  # the drain's own limit and more
_OVER_LIMIT_S = 90.0


async def hold_and_stop(
    database_url: str, data_dir: Path, number: signal.Signals, *, people: int, seed: int
) -> tuple[list[Came], Left, int]:
    """Call ``people``, stop the product while they talk, by SIGKILL start it again; return what
    the calls came to, what is left, and the exit code of the first process."""
    dice = random.Random(seed)
    left, free = Left(), names()
    kind = f"process_{number.name.lower()}"
    who = [next(free) for _ in range(people)]
    calls = phones_of([Case(kind, each, person(each)) for each in who], 0)
    db = Database(create_engine(database_url))
    try:
        async with twin_child(people, 10.0, data_dir, ()) as (twin_url, _):
            env = _environment(database_url, data_dir, twin_url)
            async with httpx.AsyncClient(base_url=twin_url, timeout=30) as twin:
                code = await _stop_in_calls(db, twin, env, calls, number, dice)
                async with _product(db, twin, env) as (customer, process):
                    await _until_over(left, db, customer, calls)
                    process.send_signal(signal.SIGTERM)
                    await asyncio.wait_for(process.wait(), _EXIT_LIMIT_S)
                await adopt_left_recordings(db, data_dir, quiet_s=0)
                witness = Customer(twin, twin)
                came = await what_came(witness, db, calls)
                await look_at_both(left, witness, db, data_dir)
    finally:
        await db.dispose()
    return came, left, code


def _environment(database_url: str, data_dir: Path, twin_url: str) -> dict[str, str]:
    return environment(
        data_dir,
        free_port(),
        DATABASE_URL=database_url,
        DIALER_API_KEY=API_KEY,
        DIALER_MAX_LAG_MS="1000",  # every call is wanted, however busy the machine
        PLIVO_AUTH_ID=AUTH_ID,
        PLIVO_AUTH_TOKEN=AUTH_TOKEN,
        PLIVO_API_URL=f"{twin_url}/v1",
        DEEPGRAM_URL=twin_url,
        OPENAI_BASE_URL=f"{twin_url}/v1",
        CARTESIA_URL=twin_url,
        ELEVENLABS_URL=twin_url,
    )


async def _stop_in_calls(
    db: Database,
    twin: httpx.AsyncClient,
    env: Mapping[str, str],
    calls: Mapping[str, Case],
    number: signal.Signals,
    dice: random.Random,
) -> int:
    async with _product(db, twin, env) as (customer, process):
        await db.run(lambda tx: save_carrier(tx, cap=len(calls), cps=10.0))
        await customer.declare()
        await customer.set_callees(calls)
        await customer.launch("stopped", names_of(calls))
        async with asyncio.timeout(_OVER_LIMIT_S):
            while await _count(db, "in_call") < len(calls) - len(calls) // 4:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await asyncio.sleep(dice.uniform(0.0, 12.0))
        process.send_signal(number)
        return await asyncio.wait_for(process.wait(), _EXIT_LIMIT_S)


@asynccontextmanager
async def _product(
    db: Database, twin: httpx.AsyncClient, env: Mapping[str, str]
) -> AsyncIterator[tuple[Customer, asyncio.subprocess.Process]]:
    """`dialer up`, ready, and the twin told its time."""
    with Path(env["DIALER_DATA_DIR"], "twin.log").open("ab") as log:  # noqa: ASYNC230 - at once
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dialer", "up", "--json"),
            env=dict(env),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _READY_LIMIT_S)
        url = str(json.loads(line)["url"])
        async with db.begin() as tx:
            micros = await tx.scalar(select(accounts.c.clock_offset_us))
        (await twin.post("/twin/clock", json={"offset_us": micros})).raise_for_status()
        async with customer_of(url, twin) as customer:
            yield customer, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _until_over(
    left: Left, db: Database, customer: Customer, calls: Mapping[str, Case]
) -> None:
    """Wait until nobody is on the line and everybody was called."""
    try:
        async with asyncio.timeout(_OVER_LIMIT_S):
            while await _count(db, *LIVE) or await _phones_called(db) < len(calls):  # noqa: ASYNC110
                await asyncio.sleep(0.3)
    except TimeoutError:
        left.note("calls that do not end", await _count(db, *LIVE))


async def _count(db: Database, *states: str) -> int:
    async with db.begin() as tx:
        query = select(func.count()).where(attempts.c.state.in_(states))
        return int(await tx.scalar(query) or 0)


async def _phones_called(db: Database) -> int:
    async with db.begin() as tx:
        return int(await tx.scalar(select(func.count(attempts.c.phone.distinct()))) or 0)
