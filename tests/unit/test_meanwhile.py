"""Work beside a statement: both are done, or both are over."""

from __future__ import annotations

import asyncio

import pytest

from dialer.dialing.meanwhile import meanwhile


class Server:
    """At one statement until it is told to answer."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.is_asked = False
        self.is_cancelled = False

    async def statement(self) -> str:
        self.is_asked = True
        try:
            return await self.answer
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise


async def test_the_work_begins_once_the_statement_is_sent() -> None:
    server = Server()

    async def work() -> bool:
        was_asked = server.is_asked
        server.answer.set_result("rows")
        return was_asked

    assert await meanwhile(server.statement(), work()) == ("rows", True)


async def test_work_that_fails_ends_the_statement() -> None:
    server = Server()

    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await meanwhile(server.statement(), work())
    assert server.is_cancelled


async def test_a_statement_that_fails_is_told_when_the_work_is_done() -> None:
    server, done = Server(), []

    async def work() -> None:
        server.answer.set_exception(ConnectionError())
        await asyncio.sleep(0)
        done.append(True)

    with pytest.raises(ConnectionError):
        await meanwhile(server.statement(), work())
    assert done


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_whoever_is_cancelled_leaves_neither_behind(steps: int) -> None:
    """Before the work began, in the middle of it, and while the answer is awaited."""
    server, ended = Server(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            ended.set()

    both = asyncio.create_task(meanwhile(server.statement(), work()))
    for _ in range(steps):
        await asyncio.sleep(0)
    both.cancel()
    with pytest.raises(asyncio.CancelledError):
        await both
    assert server.is_cancelled or not server.is_asked
    assert ended.is_set() or steps == 1
