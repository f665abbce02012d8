"""What is done to the product while it works: at random times, from one seed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.benchmarks.crash.customer import Customer
from tests.benchmarks.crash.fleet import Fleet, Role
from tests.benchmarks.crash.front import Front
from tests.benchmarks.crash.postgres import OwnPostgres
from tests.benchmarks.crash.scenario import Scenario, bursts


@dataclass(slots=True)
class Mischief:
    """Each loop runs until it is cancelled. ``done`` counts what was done."""

    scenario: Scenario
    fleet: Fleet
    front: Front
    postgres: OwnPostgres
    customer: Customer
    done: Counter[str] = field(default_factory=Counter)

    @property
    def is_enough(self) -> bool:
        kills, downs = self.fleet.kills.total(), self.postgres.downs
        return self.scenario.is_tested(kills=kills, downs=downs)

    async def go_on(self) -> None:
        async with asyncio.TaskGroup() as loops:
            scenario = self.scenario
            loops.create_task(self._loop("kill", scenario.kill_every_s, self._hurt))
            loops.create_task(self._loop("pg", scenario.postgres_every_s, self._postgres))
            loops.create_task(self._loop("burst", scenario.burst_every_s, self._burst))

    async def _loop(
        self, name: str, every_s: float, deed: Callable[[random.Random], Awaitable[None]]
    ) -> None:
        dice = random.Random(f"{self.scenario.seed} {self.scenario.name} {name}")
        while True:
            await asyncio.sleep(every_s * dice.uniform(0.3, 1.7))
            await deed(dice)

    async def _hurt(self, dice: random.Random) -> None:
        """Mostly one process is killed; now and then all, or it stands still, or the fleet
        changes its size, or nobody listens."""
        what = dice.choices(
            ("worker", "web", "all", "pause", "resize", "refuse"), weights=(46, 30, 4, 10, 6, 4)
        )[0]
        if what in ("worker", "web"):
            role: Role = "worker" if what == "worker" else "web"
            if up := self.fleet.up(role):
                self.fleet.kill(dice.choice(up))
        elif what == "all":
            for member in self.fleet.up():
                self.fleet.kill(member)
            self.done["all killed at once"] += 1
        elif what == "pause":
            if up := self.fleet.up():
                self.done["stood still"] += 1
                await self.fleet.pause(dice.choice(up), dice.uniform(0.5, 3.5))
        elif what == "resize":
            self.done["fleet resized"] += 1
            self.fleet.resize("worker", dice.randint(*self.scenario.workers), dice)
            self.fleet.resize("web", dice.randint(*self.scenario.webs), dice)
        else:
            self.done["front refused connections"] += 1
            await self.front.close()
            await asyncio.sleep(dice.uniform(0.5, 2.5))
            await self.front.open()

    async def _postgres(self, dice: random.Random) -> None:
        how = await self.postgres.restart(dice)
        self.done[f"Postgres {how}"] += 1

    async def _burst(self, dice: random.Random) -> None:
        fault = bursts(dice)
        self.done[f"burst of {fault['kind']}"] += 1
        await self.customer.arm(fault)
