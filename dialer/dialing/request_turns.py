"""Turns of one process at the carrier's REST, out of the budget that all processes share.

Who asks in the same moment shares one transaction. A process that waits for its turns holds
nothing: another's urgent request finds its part of the burst untouched.
"""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from dialer.domain.request_budget import Allowance
from dialer.errors import OverBudget
from dialer.store.engine import Database
from dialer.store.request_budget import draw_requests

log = logging.getLogger(__name__)

URGENT_WITHIN_S = 1.0  # ending a call does not wait longer for a database that is away
LOOKUP_WITHIN_S = 10.0

Turn = asyncio.Future[None]


class RequestTurns:
    """One process's share of the account's requests. A `providers.protocols.Turns`."""

    def __init__(self, db: Database, allowance: Allowance) -> None:
        self._db = db
        self._allowance = allowance
        self._urgent: list[Turn] = []
        self._lookups: list[Turn] = []
        self._wanted = asyncio.Event()
        self._server: asyncio.Task[None] | None = None

    async def to_call(self) -> None:
        """Wait for the turn of one Make-Call; raises where the budget cannot be read."""
        await self._wait(self._urgent)

    async def to_end(self) -> None:
        """Wait for the turn of what ends or moves a call. Without a database it goes ahead: the
        person in the call comes before the count."""
        try:
            async with asyncio.timeout(URGENT_WITHIN_S):
                await self._wait(self._urgent)
        except (TimeoutError, OSError, SQLAlchemyError) as error:
            log.warning("request_not_counted", extra={"error": type(error).__name__})

    async def to_look_up(self) -> None:
        """Wait for the turn of a look-up; `OverBudget` if none comes in time."""
        try:
            async with asyncio.timeout(LOOKUP_WITHIN_S):
                await self._wait(self._lookups)
        except (TimeoutError, OSError, SQLAlchemyError) as error:
            raise OverBudget("plivo", "no request was left of the account's budget") from error

    async def _wait(self, line: list[Turn]) -> None:
        turn: Turn = asyncio.get_running_loop().create_future()
        line.append(turn)
        self._wanted.set()
        if self._server is None or self._server.done():
            self._server = asyncio.create_task(self._serve())
        await turn

    async def _serve(self) -> None:
        """Draw for everybody in the two lines until both are empty."""
        while self._urgent or self._lookups:
            await asyncio.sleep(0)  # who asks in the same moment comes along
            self._wanted.clear()
            urgent, self._urgent = _waiting(self._urgent), []
            lookups, self._lookups = _waiting(self._lookups), []
            try:
                ask_again_s = await self._draw(urgent, lookups)
            except Exception as error:
                for turn in _waiting([*urgent, *lookups]):
                    turn.set_exception(error)
                continue
            if self._lookups and not self._urgent:
                try:
                    async with asyncio.timeout(ask_again_s):
                        await self._wanted.wait()
                except TimeoutError:
                    continue

    async def _draw(self, urgent: list[Turn], lookups: list[Turn]) -> float:
        if not urgent and not lookups:
            return 0.0
        drawn = await self._db.run(
            lambda tx: draw_requests(
                tx, urgent=len(urgent), lookups=len(lookups), of=self._allowance
            )
        )
        loop = asyncio.get_running_loop()
        for turn, after_s in zip(urgent, drawn.urgent_after_s, strict=True):
            if after_s > 0:
                loop.call_later(after_s, _grant, turn)
            else:
                _grant(turn)
        for turn in lookups[: drawn.lookups]:
            _grant(turn)
        self._lookups[:0] = lookups[drawn.lookups :]
        return drawn.ask_again_s


def _grant(turn: Turn) -> None:
    if not turn.done():
        turn.set_result(None)


def _waiting(line: list[Turn]) -> list[Turn]:
    return [turn for turn in line if not turn.done()]
