"""One run: the servers up, people called, processes killed, and both sides compared."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from dialer.app.twin_place import AUTH_ID, AUTH_TOKEN
from dialer.errors import DialerError
from dialer.store.connect import create_engine
from dialer.store.engine import Database
from dialer.store.migrate import upgrade
from dialer.store.tables import accounts, attempts, campaigns, deliveries, enrolments, outbox
from tests.acceptance.faulted_calls import API_KEY
from tests.acceptance.test_processes import environment
from tests.benchmarks.crash.books import Books
from tests.benchmarks.crash.crm import Crm, open_crm
from tests.benchmarks.crash.customer import Customer
from tests.benchmarks.crash.fleet import Fleet
from tests.benchmarks.crash.front import Front
from tests.benchmarks.crash.mischief import Mischief
from tests.benchmarks.crash.postgres import OwnPostgres
from tests.benchmarks.crash.scenario import RECOVERY, TIME_SCALE, Person, Scenario
from tests.benchmarks.crash.traces import write_traces
from tests.benchmarks.crash.verdict import LIVE, Facts, Violation, judge, of_events, slots_kept

_START_LIMIT_S = 60.0
_PROGRESS_EVERY_S = 10.0
_ENOUGH_WAITING = 1.0  # of a batch: the next campaign is launched when fewer leads wait
_HEAR_AGAIN_EVERY_S = 5.0
_LATE_S = 7.5  # callbacks that are 60 s late, a tenth of it and more
_SHARED = 0.1  # of a campaign's people are another's too

Say = Callable[[str], None]


@dataclass(slots=True)
class Result:
    scenario: Scenario
    violations: list[Violation]
    books: Books
    facts: Facts
    crm: Crm
    fleet: Fleet
    did: Counter[str]
    postgres_downs: int
    leads: int
    took_s: float

    @property
    def kills(self) -> int:
        return self.fleet.kills.total()

    @property
    def slowest_slot_s(self) -> float:
        kept = (kept.total_seconds() for _, kept in slots_kept(self.books, self.facts))
        return max(kept, default=0.0)


@dataclass(slots=True)
class Stage:
    """Everything that is up during a run."""

    scenario: Scenario
    postgres: OwnPostgres
    db: Database
    fleet: Fleet
    front: Front
    customer: Customer
    twin_log: Path
    crm: Crm
    webhook: str  # its id, empty if nothing is told
    say: Say
    leads: int = 0
    campaigns: list[str] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)


async def run(scenario: Scenario, folder: Path, say: Say) -> Result:
    """Hold one run below ``folder``; what is left there serves to understand a violation."""
    postgres = await asyncio.to_thread(OwnPostgres, folder / "data")
    try:
        url = await _new_database(postgres.dsn, scenario.name)
        ledger = folder / "ledger.jsonl"
        async with _twin(scenario, ledger, folder / "twin.log") as twin_url:
            async with _stage(scenario, postgres, url, twin_url, folder, say) as stage:
                mischief = Mischief(scenario, stage.fleet, stage.front, postgres, stage.customer)
                await _call_everybody(stage, mischief)
                await _settle(stage)
                failures = (await stage.customer.of_twin("health"))["task_failures"]
                took_s = time.monotonic() - stage.began
                stage.fleet.end()
            books = Books.read(ledger)
            return await _judged(stage, mischief, books, failures, took_s, folder)
    finally:
        await asyncio.to_thread(postgres.release)


async def _judged(
    stage: Stage,
    mischief: Mischief,
    books: Books,
    twin_failures: int,
    took_s: float,
    folder: Path,
) -> Result:
    found = [Violation("process ended by itself", death) for death in stage.fleet.deaths]
    if twin_failures:
        found.append(Violation("twin failed", f"{twin_failures} of its tasks, see twin.log"))
    found += await _verify_chain(stage)
    traces = folder / "violations.txt"
    db = Database(create_engine(stage.fleet.env["DATABASE_URL"]))
    try:
        facts = await Facts.read(db)
        found += judge(stage.scenario, books, facts, stage.leads)
        if stage.webhook:
            found += of_events(stage.crm.taken, facts)
        await write_traces(traces, db, books, found)
    finally:
        await db.dispose()
    return Result(
        stage.scenario,
        found,
        books,
        facts,
        stage.crm,
        stage.fleet,
        mischief.done,
        stage.postgres.downs,
        stage.leads,
        took_s,
    )


async def _new_database(dsn: str, name: str) -> str:
    database = f"crash_{name}"
    admin = await asyncpg.connect(dsn)
    try:
        await admin.execute(f'CREATE DATABASE "{database}"')
    finally:
        await admin.close()
    url = urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))
    engine = create_engine(url)
    await upgrade(engine)
    await engine.dispose()
    return url


@contextlib.asynccontextmanager
async def _twin(scenario: Scenario, ledger: Path, log: Path) -> AsyncIterator[str]:
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dialer", "twin", "--bind", "127.0.0.1:0", "--json"),
            *("--auth-id", AUTH_ID, "--auth-token", AUTH_TOKEN, "--seed", str(scenario.seed)),
            *("--time-scale", str(TIME_SCALE), "--cap", str(scenario.cap)),
            *("--cps", str(scenario.cps), "--ledger", str(ledger), "--owned"),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _START_LIMIT_S)
        yield str(json.loads(line)["url"])
    finally:
        process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def _stage(
    scenario: Scenario, postgres: OwnPostgres, url: str, twin_url: str, folder: Path, say: Say
) -> AsyncIterator[Stage]:
    """The fleet at work behind its front, and the twin told the product's time."""
    ups: list[float] = []  # when Postgres was last seen away

    def was_away_since(since: float) -> bool:
        return postgres.is_away or any(at >= since for at in ups)

    async def note_aways() -> None:
        while True:
            if postgres.is_away:
                ups[:] = [time.monotonic()]
            await asyncio.sleep(0.05)

    front = Front(lambda: fleet.web_ports())
    await front.open()
    env = environment(
        folder / "data",
        0,
        DATABASE_URL=url,
        DIALER_PUBLIC_URL=f"http://127.0.0.1:{front.port}",
        DIALER_API_KEY=API_KEY,
        DIALER_SECRET_KEY="the-secret-of-the-crash-harness",
        DIALER_RECOVERY=RECOVERY,
        DIALER_MAX_LAG_MS="150",  # nine processes on two cores are late, and are to dial
        PLIVO_AUTH_ID=AUTH_ID,
        PLIVO_AUTH_TOKEN=AUTH_TOKEN,
        PLIVO_API_URL=f"{twin_url}/v1",
        DEEPGRAM_URL=twin_url,
        OPENAI_BASE_URL=f"{twin_url}/v1",
        CARTESIA_URL=twin_url,
        ELEVENLABS_URL=twin_url,
    )
    # A process is started again within seconds, not compiled again.
    env = {name: value for name, value in env.items() if name != "PYTHONDONTWRITEBYTECODE"}
    fleet = Fleet(env, folder, was_away_since)
    fleet.grow("worker", scenario.workers[1])
    fleet.grow("web", scenario.webs[1])
    db = Database(create_engine(url, pool_size=2))
    headers = {"authorization": f"Bearer {API_KEY}"}
    async with (
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{front.port}", headers=headers, timeout=15
        ) as product,
        httpx.AsyncClient(base_url=twin_url, timeout=60) as twin,
        twin.stream("GET", "/twin/owner"),
        open_crm(scenario.seed) as crm,
    ):
        customer = Customer(product, twin)
        keepers = [asyncio.create_task(fleet.keep()), asyncio.create_task(note_aways())]
        try:
            await customer.get("/api/v1/carrier")
            async with db.begin() as tx:
                offset_us = await tx.scalar(select(accounts.c.clock_offset_us))
            await customer.set_clock(int(offset_us or 0))
            await customer.set_up(scenario)
            webhook = await customer.listen(crm.url) if scenario.is_told else ""
            log = folder / "twin.log"
            yield Stage(scenario, postgres, db, fleet, front, customer, log, crm, webhook, say)
        finally:
            for task in keepers:
                task.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await asyncio.to_thread(fleet.end)
            await front.close()
            await db.dispose()


async def _call_everybody(stage: Stage, mischief: Mischief) -> None:
    """Launch campaigns until there were attempts enough and enough was done to the product, under
    fire all the time."""
    scenario = stage.scenario
    stage.began = time.monotonic()
    until, at_last = (stage.began + m * 60 for m in (scenario.minutes, scenario.most_minutes))
    fire = asyncio.create_task(mischief.go_on() if scenario.with_kills else asyncio.sleep(0))
    progress = asyncio.create_task(_tell(stage, mischief))
    try:
        wave = 0
        while (now := time.monotonic()) < at_last and (now < until or not mischief.is_enough):
            seen = await _counts(stage.db)
            if seen is not None:
                made, waiting = seen["attempts"], seen["waiting"]
                if made >= scenario.attempts and mischief.is_enough:
                    break
                # What waits gives an attempt each, at the least. Here all have made theirs, or
                # some are still to come.
                short = made >= scenario.attempts or made + waiting < scenario.attempts
                if short and waiting < _ENOUGH_WAITING * scenario.batch:
                    await _launch(stage, wave)
                    wave += 1
                    continue
            if fire.done() and scenario.with_kills:
                fire.result()
            await asyncio.sleep(0.5)
    finally:
        for task in (fire, progress):
            task.cancel()
        for outcome in await asyncio.gather(fire, progress, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def _launch(stage: Stage, wave: int) -> None:
    """A campaign; some of its people are of the one before too, whose calls may be up."""
    dice = random.Random(f"{stage.scenario.seed} {stage.scenario.name} shared {wave}")
    people = [*stage.scenario.people(wave)]
    shared = dice.sample(stage.people, min(len(stage.people), int(_SHARED * len(people))))
    made = await stage.customer.launch(stage.scenario, wave, people, shared)
    stage.campaigns.append(made)
    stage.leads += len(people) + len(shared)
    stage.people = people


async def _settle(stage: Stage) -> None:
    """Nobody is killed any more: wait until every campaign has finished, nobody is up, the
    carrier has told how each call ended, and the customer was told of it all."""
    stage.say("nobody is killed any more; waiting for the rest")
    fleet, scenario = stage.fleet, stage.scenario
    dice = random.Random(scenario.seed)
    fleet.resize("worker", scenario.workers[1], dice)
    fleet.resize("web", scenario.webs[1], dice)
    await stage.front.open()
    await stage.postgres.make_sure()
    heard_at = moved_at = time.monotonic()
    before = None
    while time.monotonic() - moved_at < scenario.settle_s:
        seen = await _counts(stage.db)
        if seen is not None and seen != before:
            moved_at, before = time.monotonic(), seen
        # The twin is asked last: its list is long while there is work.
        if seen is not None and not _is_work(seen) and not await stage.customer.of_twin("calls"):
            if not stage.webhook or not seen["untold"]:
                await asyncio.sleep(_LATE_S)
                return
            if time.monotonic() - heard_at > _HEAR_AGAIN_EVERY_S:
                await stage.customer.hear_again(stage.webhook)
                heard_at = time.monotonic()
        await asyncio.sleep(0.5)


def _is_work(seen: Mapping[str, int]) -> bool:
    return any(seen[what] for what in ("waiting", "calling", "live", "running", "supposed"))


async def _tell(stage: Stage, mischief: Mischief) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_EVERY_S)
        seen = await _counts(stage.db)
        if seen is None:
            continue
        stage.say(
            f"{time.monotonic() - stage.began:5.0f} s: {seen['attempts']} of "
            f"{stage.scenario.attempts} attempts, {seen['waiting']} leads wait, "
            f"{seen['live']} calls up ({seen['ambiguous']} ambiguous), "
            f"{stage.fleet.kills.total()} killed, Postgres away {stage.postgres.downs} times, "
            f"{len(stage.fleet.up('worker'))} workers, {len(stage.fleet.up('web'))} webs"
        )


async def _counts(db: Database) -> dict[str, int] | None:
    """None while the database is away."""
    a, e = attempts.c, enrolments.c
    try:
        async with asyncio.timeout(5), db.begin() as tx:
            leads = await tx.all(select(e.state, func.count()).group_by(e.state))
            calls = await tx.all(select(a.state, func.count()).group_by(a.state))
            supposed = await tx.scalar(select(func.count()).where(a.end_supposed_at.is_not(None)))
            unspread = await tx.scalar(select(func.count()).where(outbox.c.spread_at.is_(None)))
            due = await tx.scalar(select(func.count()).where(deliveries.c.state == "due"))
            running = await tx.scalar(
                select(func.count()).where(campaigns.c.state.not_in(("finished", "cancelled")))
            )
    except (OSError, SQLAlchemyError, DialerError, TimeoutError):
        return None
    by_state, of_leads = dict(tuple(row) for row in calls), dict(tuple(row) for row in leads)
    return {
        "attempts": sum(by_state.values()),
        "live": sum(by_state.get(state, 0) for state in LIVE),
        "ambiguous": by_state.get("ambiguous", 0),
        "waiting": of_leads.get("waiting", 0),
        "calling": of_leads.get("calling", 0),
        "running": int(running or 0),
        "supposed": int(supposed or 0),
        "untold": int(unspread or 0) + int(due or 0),
    }


async def _verify_chain(stage: Stage) -> list[Violation]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dialer", "audit", "verify", "--json"),
        env=dict(stage.fleet.env),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = await process.communicate()
    if process.returncode == 0:
        return []
    return [Violation("audit chain broken", (said + errors).decode()[:500])]
