"""Who may ask, what a repeat gets, and how every refusal looks."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from dialer.store.connect import create_engine
from dialer.store.tables import api_keys, idempotency_keys
from tests.acceptance.conftest import ASHA, RAVI, Service

PROBLEM = "application/problem+json"


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def _make_key(service: Service, **body: Any) -> dict[str, Any]:
    reply = await service.client.post("/keys", json=body)
    assert reply.status_code == 201, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def test_nobody_is_answered_without_a_key(service: Service) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Basic eDp5"}, _bearer("dk_guess")):
        reply = await service.client.get("/lists", headers=headers)
        assert (reply.status_code, reply.headers["content-type"]) == (401, PROBLEM)
        assert reply.headers["www-authenticate"] == "Bearer"


async def test_a_key_does_what_its_scopes_say_until_it_is_revoked(service: Service) -> None:
    reader = await _make_key(service, name="crm", scopes=["read"])
    assert reader["scopes"] == ["read"] and reader["key"].startswith("dk_")
    headers = _bearer(reader["key"])
    assert (await service.client.get("/lists", headers=headers)).status_code == 200
    for method, path in (("POST", "/suppressions"), ("GET", "/keys"), ("PUT", "/carrier")):
        reply = await service.client.request(method, path, headers=headers, json={})
        assert (reply.status_code, "scope" in reply.json()["detail"]) == (403, True)
    listed = (await service.get("/keys"))["items"]
    assert [(one["name"], one["revoked_at"]) for one in listed] == [("crm", None)]
    assert reader["key"] not in str(listed)
    assert (await service.client.delete(f"/keys/{reader['id']}")).status_code == 204
    assert (await service.client.get("/lists", headers=headers)).status_code == 401
    assert (await service.client.delete(f"/keys/{reader['id']}")).status_code == 404


async def test_a_key_has_all_scopes_unless_told_and_a_name_of_its_own(service: Service) -> None:
    made = await _make_key(service, name="all")
    assert made["scopes"] == ["read", "write", "admin"]
    assert (await service.client.get("/keys", headers=_bearer(made["key"]))).status_code == 200
    for body, status, path in (
        ({"name": "all"}, 409, None),
        ({"name": ""}, 400, "name"),
        ({"name": "x", "scopes": ["root"]}, 400, "scopes[0]"),
        ({"name": "x", "scopes": []}, 400, "scopes"),
    ):
        reply = await service.client.post("/keys", json=body)
        assert reply.status_code == status, reply.text
        assert path is None or reply.json()["errors"][0]["path"] == path


async def test_a_key_is_nowhere_in_the_database_not_even_for_a_repeat(service: Service) -> None:
    async def make() -> httpx.Response:
        return await service.client.post(
            "/keys", json={"name": "crm"}, headers={"Idempotency-Key": "k"}
        )

    first, again = await make(), await make()
    assert first.json()["key"] is not None
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json() | {"key": None}
    async with service.db.begin() as tx:
        stored = [*await tx.all(select(api_keys)), *await tx.all(select(idempotency_keys))]
    assert first.json()["key"] not in str(stored)


async def _suppress(service: Service, phone: str, key: str) -> httpx.Response:
    return await service.client.post(
        "/suppressions", json={"phone": phone}, headers={"Idempotency-Key": key}
    )


async def test_a_repeat_gets_the_first_reply_and_another_body_a_conflict(
    service: Service,
) -> None:
    first = await _suppress(service, ASHA, "one")
    again = await _suppress(service, ASHA, "one")
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    other = await _suppress(service, RAVI, "one")
    assert (other.status_code, "another request" in other.json()["detail"]) == (409, True)
    assert (await service.get("/suppressions", phone=RAVI))["items"] == []
    too_long = await _suppress(service, RAVI, "x" * 256)
    assert (too_long.status_code, "Idempotency-Key" in too_long.json()["detail"]) == (400, True)


async def test_a_refused_request_may_be_corrected_under_the_same_key(service: Service) -> None:
    assert (await _suppress(service, "12", "one")).status_code == 400
    assert (await _suppress(service, ASHA, "one")).status_code == 201


async def test_repeats_at_the_same_time_make_one_row_and_one_reply(service: Service) -> None:
    csv = b"phone\n9876543210\n"

    async def upload() -> httpx.Response:
        # A new boundary each time: the same upload, though not the same bytes.
        return await service.client.post(
            "/lists",
            data={"name": "diwali"},
            files={"file": ("leads.csv", csv)},
            headers={"Idempotency-Key": "once"},
        )

    replies = await asyncio.gather(*(upload() for _ in range(5)))
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.content for reply in replies}) == 1
    assert sum("idempotent-replayed" in reply.headers for reply in replies) == 4
    (made,) = (await service.get("/lists"))["items"]
    assert made["counts"]["rows"] == 1


NOBODY = "00000000-0000-7000-8000-000000000000"
REFUSED = [
    ("GET", "/nothing", 404),
    ("GET", "/lists/not-an-id", 404),
    ("GET", f"/leads/{NOBODY}", 404),
    ("GET", f"/calls/{NOBODY}/turns", 404),
    ("GET", f"/checks/{NOBODY}", 404),
    ("GET", f"/campaigns/{NOBODY}/results", 404),
    ("DELETE", f"/lists/{NOBODY}", 404),
    ("DELETE", "/carrier", 405),
    ("PUT", "/lists", 405),
]


async def test_every_refusal_is_a_problem(service: Service) -> None:
    for method, path, status in REFUSED:
        reply = await service.client.request(method, path)
        assert (reply.status_code, reply.headers["content-type"]) == (status, PROBLEM), path
        body = reply.json()
        assert body["status"] == status
        assert {"type", "title", "detail"} <= body.keys()


async def test_a_body_that_is_no_object_is_said_so(service: Service) -> None:
    for content, path in ((b"{", None), (b"[]", "body"), (b"", "body"), (b"3", "body")):
        reply = await service.client.post(
            "/suppressions", content=content, headers={"content-type": "application/json"}
        )
        assert (reply.status_code, reply.headers["content-type"]) == (400, PROBLEM), reply.text
        assert path is None or reply.json()["errors"][0]["path"] == path


async def test_what_only_the_database_can_see_is_no_crash(service: Service) -> None:
    nul = await service.client.post("/keys", json={"name": "a\x00b"})
    assert (nul.status_code, "U+0000" in nul.json()["detail"]) == (400, True)
    made = await asyncio.gather(
        *(service.client.post("/keys", json={"name": "same"}) for _ in range(4))
    )
    assert sorted(reply.status_code for reply in made) == [201, 409, 409, 409]
    assert len((await service.get("/keys"))["items"]) == 1


async def test_a_database_that_is_away_is_a_503_and_no_fault_of_ours(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = create_engine("postgresql://u@127.0.0.1:1/d")
    monkeypatch.setattr(service.db, "engine", nowhere)
    monkeypatch.setattr(service.db, "_connections", nowhere)
    for reply in (
        await service.client.get("/keys"),
        await service.client.post("/suppressions", json={"phone": ASHA}),
    ):
        assert (reply.status_code, reply.headers["content-type"]) == (503, PROBLEM), reply.text
        assert "the database does not answer" in reply.json()["detail"]
    metrics = await service.client.get("http://dialer/metrics")  # who watches is told, not refused
    assert metrics.status_code == 200 and "dialer_database_up 0" in metrics.text
    await nowhere.dispose()
