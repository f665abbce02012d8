"""Speaks REST to the product through the front, and goes on asking while it is killed."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

import httpx

from tests.acceptance.faulted_calls import SENDER
from tests.benchmarks.crash.scenario import Person, Scenario

_PATIENCE_S = 120.0
_AGAIN_S = 0.3


class Customer:
    """A POST carries an Idempotency-Key, so that asking again does nothing twice."""

    def __init__(self, product: httpx.AsyncClient, twin: httpx.AsyncClient) -> None:
        self._product, self._twin = product, twin
        self.retried = 0

    async def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Ask until there is an answer that is none of 5xx."""
        headers = {"idempotency-key": str(uuid.uuid4())} if method == "POST" else {}
        until = time.monotonic() + _PATIENCE_S
        while True:
            said = ""
            try:
                reply = await self._product.request(method, path, headers=headers, **request)
                if reply.status_code < 500:
                    return reply
                said = f"{reply.status_code} {reply.text[:200]}"
            except httpx.HTTPError as error:
                said = type(error).__name__
            if time.monotonic() > until:
                raise TimeoutError(f"{method} {path}: {said} for {_PATIENCE_S:.0f} s")
            self.retried += 1
            await asyncio.sleep(_AGAIN_S)

    async def get(self, path: str) -> Any:
        return _good(await self.ask("GET", path)).json()

    async def set_up(self, scenario: Scenario) -> None:
        _good(await self.ask("PUT", "/api/v1/sender", json=SENDER))
        limits = {"cap": scenario.cap, "cps": scenario.cps, "inbound_reserve": 0}
        _good(await self.ask("PUT", "/api/v1/carrier", json=limits))

    async def listen(self, url: str) -> str:
        """Have ``url`` told of everything; return the id of the webhook."""
        made = _good(await self.ask("POST", "/api/v1/webhooks", json={"url": url})).json()
        return str(made["id"])

    async def hear_again(self, webhook: str) -> None:
        """Ask for what was not taken yet, before its plan says so."""
        path = f"/api/v1/webhooks/{webhook}/deliveries"
        for one in (await self.get(f"{path}?state=due&limit=500"))["items"]:
            _good(await self.ask("POST", f"{path}/{one['id']}/retry"))

    async def launch(
        self, scenario: Scenario, wave: int, people: Sequence[Person], again: Sequence[Person]
    ) -> str:
        """Start a campaign to these people; return its id. ``again`` are others' leads too."""
        scripts = {one.phone: dict(one.script) for one in people}
        (await self._twin.post("/twin/callees", json=scripts)).raise_for_status()
        csv = "phone,name,consent_kind,consent_at\n" + "".join(
            f"{one.phone},Asha,inferred,2026-01-05\n" for one in [*people, *again]
        )
        name = f"{scenario.name} {wave}"
        leads = _good(
            await self.ask(
                "POST", "/api/v1/lists", files={"file": ("a.csv", csv)}, data={"name": name}
            )
        ).json()
        body = {
            "name": name,
            "list_id": leads["id"],
            "definition": scenario.definition(wave),
        }
        made = _good(await self.ask("POST", "/api/v1/campaigns", json=body)).json()
        await self.move(made["id"], "running")
        return str(made["id"])

    async def move(self, campaign: str, state: str, **more: str) -> bool:
        """Ask for a state; False when it is not legal any more."""
        path = f"/api/v1/campaigns/{campaign}/state"
        reply = await self.ask("PUT", path, json={"state": state, **more})
        if reply.status_code == 409:
            return False
        _good(reply)
        return True

    async def opt_out(self, phone: str) -> None:
        _good(await self.ask("POST", "/api/v1/suppressions", json={"phone": phone}))

    async def arm(self, fault: dict[str, Any]) -> None:
        (await self._twin.post("/twin/faults", json=fault)).raise_for_status()

    async def of_twin(self, path: str) -> Any:
        reply = await self._twin.get(f"/twin/{path}")
        reply.raise_for_status()
        return json.loads(reply.content)

    async def set_clock(self, offset_us: int) -> None:
        (await self._twin.post("/twin/clock", json={"offset_us": offset_us})).raise_for_status()


def _good(reply: httpx.Response) -> httpx.Response:
    assert reply.status_code < 300, f"{reply.request.method} {reply.request.url}: {reply.text}"
    return reply
