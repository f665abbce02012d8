"""Work of this process while the database server is at its own: it has a processor to itself, and
while one waits for the other half of the machine is idle."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
U = TypeVar("U")


async def meanwhile(asking: Coroutine[Any, Any, T], work: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """Send the first statement of ``asking``, do ``work`` while the server is at it and at those
    that follow, and return both results.

    ``work`` must not use their connection. Whichever fails, the other is over when its error is
    raised.
    """
    task = asyncio.create_task(asking)
    try:
        await asyncio.sleep(0)  # it is on its way before the work begins
        done = await work
    except BaseException:
        work.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    return await task, done
