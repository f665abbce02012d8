"""What can never work is refused when it is saved or started, and names the field and the fix."""

from __future__ import annotations

from typing import Any

import httpx
from sqlalchemy import update

from dialer.store.tables import caller_ids
from tests.acceptance.conftest import LEADS, Service, definition


async def save(service: Service, list_id: str, **tables: Any) -> httpx.Response:
    base = definition()
    changed = base | {name: base.get(name, {}) | table for name, table in tables.items()}
    body = {"name": "bad", "list_id": list_id, "definition": changed}
    return await service.client.post("/campaigns", json=body)


def refused(reply: httpx.Response, path: str, says: str) -> None:
    assert reply.status_code == 400, reply.text
    assert reply.headers["content-type"].startswith("application/problem+json")
    found = reply.json()["errors"][0]
    assert (found["path"], says in found["message"]) == (path, True), found


async def test_what_can_never_work_is_refused_when_it_is_saved(service: Service) -> None:
    list_id = (await service.upload(LEADS))["id"]
    times = {"starts_at": "2100-01-04T10:00:00+05:30", "ends_at": "2100-01-04T18:00:00+05:30"}
    retry = {"max_attempts": 3, "delays": {"no_answer": ["PT1H", "P1D"]}}
    reply = await save(service, list_id, dialing={"max_cps": 3.0})
    refused(reply, "dialing.max_cps", "up to 2")
    reply = await save(service, list_id, dialing=times, retry=retry)
    refused(reply, "retry.delays.no_answer[1]", "shorten it")
    backwards = {"starts_at": times["ends_at"], "ends_at": times["starts_at"]}
    refused(await save(service, list_id, dialing=backwards), "dialing.ends_at", "after")
    refused(await save(service, list_id, dialing={"max_concurrent": 0}), "dialing.max_concurrent",
            "from 1")  # fmt: skip
    reply = await save(service, list_id, retry={"max_attempts": 2, "spread": "weeks"})
    refused(reply, "retry.spread", "dayparts")
    assert (await service.get("/campaigns"))["items"] == []
    refused(await service.client.put("/carrier", json={"cap": 0}), "cap", "from 1")
    refused(await service.client.put("/carrier", json={"cps": 0}), "cps", "from 0.001")


async def test_a_new_version_is_held_to_the_same(service: Service) -> None:
    campaign = await service.campaign()
    tables = definition()
    tables["dialing"]["max_cps"] = 3.0
    path = f"/campaigns/{campaign['id']}"
    refused(await service.client.put(path, json={"definition": tables}), "dialing.max_cps", "2")
    await service.client.put("/carrier", json={"cap": 100, "cps": 4})
    assert (await service.client.put(path, json={"definition": tables})).status_code == 200


async def test_a_zone_that_does_not_exist_rejects_its_row(service: Service) -> None:
    made = await service.upload("phone,timezone\n+919876543210,Mars/Olympus\n")
    assert made["counts"]["rejected"] == 1
    rejects = (await service.client.get(f"/lists/{made['id']}/rejects.csv")).text
    assert "timezone" in rejects and "Mars/Olympus" in rejects


async def test_a_caller_id_that_is_not_on_the_account_is_refused_at_the_start(
    service: Service,
) -> None:
    campaign = await service.lawful_campaign()
    path, tables = f"/campaigns/{campaign['id']}", definition()
    stranger = "+911601299999"
    tables["dialing"]["caller_ids"].append(stranger)
    await service.client.put(path, json={"definition": tables})
    start = {"state": "running"}
    refused(await service.client.put(f"{path}/state", json=start), "dialing.caller_ids[1]", "rent")
    named = {"caller_ids": [{"number": stranger, "series": "1601"}]}
    await service.client.put("/sender", json=named)
    refused(await service.client.put(f"{path}/state", json=start), "dialing.caller_ids[1]", "rent")
    async with service.db.begin() as tx:
        is_it = caller_ids.c.number == stranger
        await tx.execute(update(caller_ids).where(is_it).values(series="own_verified"))
    assert (await service.client.put(f"{path}/state", json=start)).status_code == 200


async def test_a_carrier_that_cannot_be_asked_leaves_what_was_named_to_us(
    service: Service,
) -> None:
    campaign = await service.campaign()
    await service.twin.stop()
    path = f"/campaigns/{campaign['id']}/state"
    reply = await service.client.put(path, json={"state": "running"})
    refused(reply, "dialing.caller_ids[0]", "PUT /sender")
