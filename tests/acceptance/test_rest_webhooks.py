"""Who is told of events, over REST; and that they are, by the running product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from msgspec.structs import fields
from sqlalchemy import select, update

from dialer.domain.events import EVENTS
from dialer.store import webhooks
from dialer.store.outbox import tell
from dialer.store.tables import deliveries, idempotency_keys, outbox
from dialer.webhooks.deliver import Deliveries, delivering
from tests.acceptance.conftest import Service
from tests.acceptance.line import phone, running_line
from tests.integration.webhook_receiver import Receiver, event_of, is_signed, receiving

ALL = [
    "call.ended",
    "campaign.state_changed",
    "lead.disposition",
    "lead.opted_out",
    "list.imported",
]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def sending(service: Service) -> AsyncIterator[Deliveries]:
    async with delivering(service.db) as made:
        yield made


async def _add(service: Service, url: str, **body: Any) -> dict[str, Any]:
    reply = await service.client.post("/webhooks", json={"url": url, **body})
    assert reply.status_code == 201, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def test_an_endpoint_is_made_shown_changed_and_deleted(
    service: Service, receiver: Receiver
) -> None:
    made = await _add(service, receiver.url)
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert (sorted(made["types"]), made["is_enabled"]) == (ALL, True)
    path = f"/webhooks/{made['id']}"
    assert await service.get(path) == made
    assert (await service.get("/webhooks"))["items"] == [made]
    changes = {"types": ["call.ended", "call.ended"], "is_enabled": False}
    reply = await service.client.patch(path, json=changes)
    assert (reply.status_code, reply.json()) == (
        200,
        made | {"types": ["call.ended"], "is_enabled": False},
    )
    assert (await service.client.patch(path, json={})).json() == reply.json()
    assert (await service.client.delete(path)).status_code == 204
    for method, at in (("GET", path), ("PATCH", path), ("DELETE", path)):
        gone = await service.client.request(method, at, json={"is_enabled": True})
        assert gone.status_code == 404, at
    assert (await service.client.get(f"{path}/deliveries")).status_code == 404


async def test_the_secret_is_shown_once_and_stored_nowhere_else(service: Service) -> None:
    body, header = {"url": "https://crm.example/hooks"}, {"Idempotency-Key": "one"}
    first = await service.client.post("/webhooks", json=body, headers=header)
    again = await service.client.post("/webhooks", json=body, headers=header)
    assert first.json()["secret"].startswith("whsec_")
    assert again.json() == first.json() | {"secret": None}
    assert len((await service.get("/webhooks"))["items"]) == 1
    async with service.db.begin() as tx:
        (stored,) = await tx.all(select(idempotency_keys.c.body))
    assert first.json()["secret"].encode() not in stored.body


@pytest.mark.parametrize("scopes", [["read"], ["read", "write"]])
async def test_only_an_admin_sends_peoples_data_elsewhere(
    service: Service, scopes: list[str]
) -> None:
    key = (await service.client.post("/keys", json={"name": "crm", "scopes": scopes})).json()
    headers = {"Authorization": f"Bearer {key['key']}"}
    body = {"url": "https://crm.example/hooks"}
    for method in ("GET", "POST"):
        reply = await service.client.request(method, "/webhooks", json=body, headers=headers)
        assert (reply.status_code, "admin" in reply.json()["detail"]) == (403, True)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"url": "http://crm.example/hooks"}, "url"),
        ({"url": "crm"}, "url"),
        ({"url": 7}, "url"),
        ({}, "url"),
        ({"url": "https://crm.example", "types": []}, "types"),
        ({"url": "https://crm.example", "types": ["call.began"]}, "types[0]"),
        ({"url": "https://crm.example", "secret": "mine"}, "secret"),
    ],
)
async def test_a_bad_endpoint_is_refused_by_field(
    service: Service, body: dict[str, Any], path: str
) -> None:
    reply = await service.client.post("/webhooks", json=body)
    assert reply.status_code == 400, reply.text
    assert [error["path"] for error in reply.json()["errors"]] == [path]
    assert (await service.get("/webhooks"))["items"] == []


async def test_a_change_to_a_bad_address_is_refused_too(service: Service) -> None:
    made = await _add(service, "https://crm.example/hooks")
    reply = await service.client.patch(
        f"/webhooks/{made['id']}", json={"url": "http://crm.example"}
    )
    assert reply.status_code == 400
    assert (await service.get(f"/webhooks/{made['id']}"))["url"] == "https://crm.example/hooks"


async def test_what_was_not_taken_is_listed_and_sent_again_by_hand(
    service: Service, receiver: Receiver, sending: Deliveries
) -> None:
    made = await _add(service, receiver.url)
    path = f"/webhooks/{made['id']}/deliveries"
    receiver.status = 410
    await service.upload("phone\n+919876543210\n")
    await sending.tick()
    await sending.idle()
    shown = await service.get(f"/webhooks/{made['id']}")
    assert (shown["is_enabled"], shown["disabled_reason"]) == (
        False,
        "the receiver answered 410 Gone",
    )
    (one,) = (await service.get(path))["items"]
    assert (one["type"], one["tries"], one["last_status"]) == ("list.imported", 1, 410)
    assert (await service.get(path, state="delivered"))["items"] == []
    assert (await service.get(path, state="due"))["items"] == [one]
    bad = await service.client.get(path, params={"state": "lost"})
    assert bad.status_code == 400

    receiver.status = 200
    await service.client.patch(f"/webhooks/{made['id']}", json={"is_enabled": True})
    again = await service.client.post(f"{path}/{one['id']}/retry")
    assert (again.status_code, again.json()["tries"]) == (200, 0), again.text
    await sending.close()
    async with delivering(service.db) as other:
        await other.tick()
        await other.idle()
    (one,) = (await service.get(path, state="delivered"))["items"]
    assert one["delivered_at"] is not None and one["last_status"] == 200
    assert [len(bodies) for bodies in receiver.heard.values()] == [2]
    missing = await service.client.post(f"{path}/{uuid4()}/retry")
    assert missing.status_code == 404


async def test_all_that_failed_is_sent_again_at_once(
    service: Service, receiver: Receiver, sending: Deliveries
) -> None:
    made = await _add(service, receiver.url)
    path = f"/webhooks/{made['id']}/deliveries"
    for name in ("one", "two", "three"):
        await service.upload("phone\n+919876543210\n", name=name)
    await sending.tick()
    await sending.idle()
    sent = [one["id"] for one in (await service.get(path, state="delivered"))["items"]]
    async with service.db.begin() as tx:  # as ten tries over three days would leave them
        failed = update(deliveries).values(state="failed", tries=10, delivered_at=None)
        await tx.execute(failed.where(deliveries.c.event_id.in_(sent[:2])))
    again = await service.client.post(f"{path}/retry")
    assert (again.status_code, again.json()) == (200, {"count": 2}), again.text
    await sending.tick()
    await sending.idle()
    assert len((await service.get(path, state="delivered"))["items"]) == 3
    assert {key: len(bodies) for key, bodies in receiver.heard.items()} == {
        key: 1 + (key in sent[:2]) for key in sent
    }
    assert (await service.client.post(f"{path}/retry")).json() == {"count": 0}
    assert (await service.client.post(f"/webhooks/{uuid4()}/deliveries/retry")).status_code == 404


async def test_deliveries_come_in_pages(service: Service, receiver: Receiver) -> None:
    made = await _add(service, receiver.url)

    async def work(tx: Any) -> None:
        for number in range(5):
            await tell(tx, event_of("call.ended", number))
        await webhooks.spread(tx)

    await service.db.run(work)
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await service.get(f"/webhooks/{made['id']}/deliveries", limit="2", **after)
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert len(found) == len(set(found)) == 5
    assert found == sorted(found)


BY_TYPE = {event.type: event for event in EVENTS}


async def test_the_running_product_tells_of_all_that_happens(
    database_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    """Invariant 7: every fact that is promised is delivered, with a stable id."""
    async with running_line(database_url, tmp_path) as line:
        reply = await line.client.post("/api/v1/webhooks", json={"url": receiver.url})
        secret = reply.json()["secret"]
        people = {phone(1): "confirms", phone(2): "opts_out", phone(3): "busy"}
        await line.finished(await line.launch(people))
        async with line.runtime.db.begin() as tx:
            events = {str(row.id): row.payload for row in await tx.all(select(outbox))}
        async with asyncio.timeout(30):
            while len(receiver.heard) < len(events):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.05)
        ended = await line.attempts()
    assert {key: bodies[0] for key, bodies in receiver.heard.items()} == events
    assert {body["type"] for body in events.values()} == set(ALL)
    assert all(is_signed(secret, headers, body) for headers, body in receiver.requests)
    told = [body["data"] for body in events.values() if body["type"] == "call.ended"]
    assert sorted(one["call_id"] for one in told) == sorted(str(one.id) for one in ended)
    for body in events.values():
        event = BY_TYPE[body["type"]]
        msgspec.convert(body["data"], event)  # as the OpenAPI document has it
        assert set(body["data"]) == {field.encode_name for field in fields(event)}
