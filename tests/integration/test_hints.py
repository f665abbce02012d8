"""Hints between processes: here two pools on one Postgres, each with its own listening."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import text

from dialer.dialing.live_call import LiveCall
from dialer.store.connect import create_engine
from dialer.store.engine import Database
from dialer.store.notify import CHANNEL, DIAL
from tests.integration.dialing_floor import ASHA, Floor

LONG_S = 60.0  # whoever is woken only by the limit fails the test's own, shorter one


@pytest.fixture
async def two(database_url: str) -> AsyncIterator[tuple[Database, Database]]:
    """Two processes that listen."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(2):
            db = Database(create_engine(database_url))
            stack.push_async_callback(db.dispose)
            await stack.enter_async_context(db.hints.listening())
            found.append(db)
        for db in found:
            await listens(db)
        yield found[0], found[1]


async def listens(db: Database) -> None:
    async with asyncio.timeout(20):
        while not db.hints.is_listening:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def test_a_hint_reaches_every_process_after_the_commit_and_only_then(
    two: tuple[Database, Database],
) -> None:
    here, there = two
    heard: list[str] = []
    woken = asyncio.Event()

    def wake() -> None:
        heard.append("there")
        woken.set()

    with there.hints.on(DIAL, wake), here.hints.on(DIAL, lambda: heard.append("here")):
        with pytest.raises(LookupError):
            async with here.begin() as tx:
                tx.hint(DIAL)
                raise LookupError
        async with here.begin() as tx:
            tx.hint(DIAL)
            tx.hint("something else")
            assert heard == []
        async with asyncio.timeout(20):
            await woken.wait()
    assert heard == ["here", "there"], "once each, the own process first"


async def test_a_command_that_listens_to_nothing_is_heard(
    two: tuple[Database, Database], database_url: str
) -> None:
    command = Database(create_engine(database_url))
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(two[0].hints.wait(DIAL, LONG_S))
        await asyncio.sleep(0)
        async with command.begin() as tx:
            tx.hint(DIAL)
    await command.dispose()


async def test_another_accounts_hints_are_not_ours(two: tuple[Database, Database]) -> None:
    heard: list[str] = []
    with two[1].hints.on(DIAL, lambda: heard.append("wrong")):
        async with two[0].begin() as tx:
            await tx.execute(text(f"select pg_notify('{CHANNEL}', 'somebody {DIAL}')"))
            tx.hint("end")
        await two[1].hints.wait("end", 20)
    assert heard == []


async def test_who_was_deaf_is_woken_once_it_hears_again(two: tuple[Database, Database]) -> None:
    """Hints said meanwhile are lost, so all who wait look."""
    here, there = two
    woken = asyncio.Event()
    with there.hints.on(DIAL, woken.set):
        async with here.begin() as tx:
            await tx.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity where "
                    "datname = current_database() and query ilike 'listen%'"
                )
            )
        async with asyncio.timeout(20):
            await woken.wait()
            await listens(here)
            woken.clear()
            async with here.begin() as tx:
                tx.hint(DIAL)
            await woken.wait()


async def test_the_session_of_a_call_hears_what_another_process_was_told(
    floor: Floor, two: tuple[Database, Database]
) -> None:
    """The hangup lands anywhere; the process that holds the socket looks at once."""
    here, there = two
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "answer", CallUUID="call-1")
    floor.db = here
    desk = LiveCall(there, floor.carrier, floor.placing.urls, lambda _: None, attempt_id)
    for kind, form, is_over in (
        ("machine", {"Machine": "true"}, False),
        ("hangup", {"HangupCauseCode": "4000", "Duration": "2"}, True),
    ):
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(desk.stirred(LONG_S))
            await asyncio.sleep(0)
            await floor.hear(attempt_id, kind, CallUUID="call-1", **form)
            await waiting
        news = await desk.news()
        assert (news.is_machine, news.is_over) == (True, is_over)


async def test_the_end_of_a_call_wakes_the_dial_pass_of_every_process(
    floor: Floor, two: tuple[Database, Database]
) -> None:
    await floor.launch([ASHA])
    attempt_id = await floor.ring_one()
    floor.db = two[0]
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(two[1].hints.wait(DIAL, LONG_S))
        await asyncio.sleep(0)
        await floor.hear(attempt_id, "hangup", CallUUID="call-1", HangupCauseCode="3010")
