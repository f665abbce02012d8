"""Work of this process while the database server is at a statement: it has a processor of its own,
and one that waits for the other is half the machine idle."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
U = TypeVar("U")


async def meanwhile(statement: Coroutine[Any, Any, T], work: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """Send a statement, do ``work`` until its answer is there, and return both results.

    ``work`` must not use the statement's connection. Whichever fails, the other is over when its
    error is raised.
    """
    task = asyncio.create_task(statement)
    try:
        await asyncio.sleep(0)  # it is on its way before the work begins
        done = await work
    except BaseException:
        work.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return await task, done
