"""The test call over REST, and the ledger behind it: proved, paced, placed once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select, update

from dialer.store.tables import carrier_accounts, checks, enrolments
from tests.acceptance.conftest import ASHA, RAVI, Service

NIGHT = 2  # an hour in India


async def _call(service: Service, campaign: dict[str, Any], phone: str = ASHA) -> httpx.Response:
    return await service.client.post("/calls", json={"campaign_id": campaign["id"], "phone": phone})


async def _enrolments(service: Service) -> list[Any]:
    async with service.db.begin() as tx:
        rows: list[Any] = await tx.all(select(enrolments).order_by(enrolments.c.id))
    return rows


async def test_an_allowed_test_call_rings_once_and_leaves_the_lead_as_it_was(
    service: Service,
) -> None:
    service.twin.set_callees({ASHA: {"behaviour": "busy"}})
    campaign = await service.lawful_campaign()
    before = await _enrolments(service)
    reply = await _call(service, campaign, "98765 43210")
    assert reply.status_code == 201, reply.text
    call = reply.json()
    assert (call["state"], call["is_test"], call["phone"]) == ("intended", True, ASHA)
    assert call["caller_id"] == "+911601200001"
    await service.context.loop.drain(30)
    placed = await service.get(f"/calls/{call['id']}")
    assert (placed["state"], placed["refusal"]) == ("placed", None)
    assert placed["request_uuid"] is not None
    await service.twin.wait_quiet()
    assert [ring["to"] for ring in service.twin.ledger.kept("rings")] == [ASHA]
    assert await _enrolments(service) == before
    check = await service.get(f"/checks/{call['check_id']}")
    assert (check["decision"], check["lead_id"]) == ("allow", call["lead_id"])
    assert check["body"]["ids"]["attempt_id"] == call["id"]
    busy = await _call(service, campaign)
    assert (busy.status_code, "has a call already" in busy.json()["detail"]) == (409, True)
    assert (await service.get("/checks"))["items"] == [check]
    for part in ("turns", "events"):
        assert await service.get(f"/calls/{call['id']}/{part}") == {"items": [], "next": None}
    silent = await service.client.get(f"/calls/{call['id']}/recording")
    assert (silent.status_code, "no recording" in silent.json()["detail"]) == (404, True)


async def test_a_denied_test_call_leaves_its_proof_and_says_when(service: Service) -> None:
    campaign = await service.lawful_campaign(NIGHT)
    reply = await service.client.post(
        "/calls",
        json={"campaign_id": campaign["id"], "phone": ASHA},
        headers={"Idempotency-Key": "once"},
    )
    assert reply.status_code == 409, reply.text
    denied = reply.json()
    assert reply.headers["content-type"] == "application/problem+json"
    assert denied["code"] == "OUTSIDE_HOURS" and denied["next_allowed_at"] is not None
    check = await service.get(f"/checks/{denied['check_id']}")
    assert (check["decision"], check["code"]) == ("deny", denied["code"])
    assert check["next_allowed_at"] == denied["next_allowed_at"]
    again = await service.client.post(
        "/calls",
        json={"campaign_id": campaign["id"], "phone": ASHA},
        headers={"Idempotency-Key": "once"},
    )
    assert (again.status_code, again.json()) == (409, denied)
    assert again.headers["idempotent-replayed"] == "true"
    async with service.db.begin() as tx:
        assert len(await tx.all(select(checks.c.id))) == 1
    assert (await service.get("/calls"))["items"] == []


async def test_a_test_call_without_room_writes_nothing(service: Service) -> None:
    campaign = await service.lawful_campaign()
    await service.client.put("/carrier", json={"cap": 1})
    assert (await _call(service, campaign)).status_code == 201
    full = await _call(service, campaign, RAVI)
    assert (full.status_code, "in use" in full.json()["detail"]) == (409, True)
    await service.client.put("/carrier", json={"cap": 9})
    async with service.db.begin() as tx:
        later = tx.now + timedelta(minutes=1)
        await tx.execute(update(carrier_accounts).values(next_slot_at=later))
    late = await _call(service, campaign, RAVI)
    assert (late.status_code, "slots" in late.json()["detail"]) == (409, True)
    async with service.db.begin() as tx:
        await tx.execute(
            update(carrier_accounts).values(paused_until=later, paused_reason="no_credit")
        )
    paused = await _call(service, campaign, RAVI)
    assert (paused.status_code, "no_credit" in paused.json()["detail"]) == (409, True)
    assert len((await service.get("/checks"))["items"]) == 1
    await service.context.loop.drain(30)


async def test_a_test_call_needs_a_lead_of_a_campaign_that_is_not_over(service: Service) -> None:
    campaign = await service.lawful_campaign()
    for body, status, path in (
        ({"campaign_id": campaign["id"], "phone": "+919000000009"}, 404, None),
        ({"campaign_id": campaign["list_id"], "phone": ASHA}, 404, None),
        ({"campaign_id": campaign["id"], "phone": "12"}, 400, "phone"),
        ({"campaign_id": "12", "phone": ASHA}, 400, "campaign_id"),
    ):
        reply = await service.client.post("/calls", json=body)
        assert reply.status_code == status, reply.text
        assert path is None or reply.json()["errors"][0]["path"] == path
    await service.client.put(f"/campaigns/{campaign['id']}/state", json={"state": "cancelled"})
    over = await _call(service, campaign)
    assert (over.status_code, "cancelled" in over.json()["detail"]) == (409, True)
    assert (await service.get("/checks"))["items"] == []


async def test_calls_and_checks_can_be_filtered_and_come_in_pages(service: Service) -> None:
    campaign = await service.lawful_campaign()
    await service.client.post("/suppressions", json={"phone": RAVI})
    allowed = (await _call(service, campaign)).json()
    denied = (await _call(service, campaign, RAVI)).json()
    await service.context.loop.drain(30)
    for query, found in (
        ({}, [allowed["id"]]),
        ({"campaign_id": campaign["id"], "state": "placed"}, [allowed["id"]]),
        ({"state": "ended"}, []),
        ({"outcome": "busy"}, []),
        ({"campaign_id": campaign["list_id"]}, []),
    ):
        assert [one["id"] for one in (await service.get("/calls", **query))["items"]] == found
    both = [allowed["check_id"], denied["check_id"]]
    made_at = (await service.get(f"/checks/{both[0]}"))["decided_at"]
    for query, found in (
        ({}, both),
        ({"campaign_id": campaign["id"]}, both),
        ({"phone": RAVI}, both[1:]),
        ({"lead_id": allowed["lead_id"]}, both[:1]),
        ({"decision": "deny"}, both[1:]),
        ({"code": "INTERNAL_OPT_OUT"}, both[1:]),
        ({"phone": "+919000000009"}, []),
        ({"attempt_id": allowed["id"]}, both[:1]),
        ({"attempt_id": campaign["id"]}, []),
        ({"from": made_at}, both),
        ({"to": made_at}, []),
        ({"from": made_at, "to": "2027-06-01T12:30:00+05:30", "decision": "allow"}, both[:1]),
        ({"from": "2027-06-01T12:30:00+05:30"}, []),
    ):
        assert [one["id"] for one in (await service.get("/checks", **query))["items"]] == found
    first = await service.get("/checks", limit=1)
    second = await service.get("/checks", limit=1, after=first["next"])
    assert [one["id"] for one in first["items"] + second["items"]] == both
    for path in (
        "/calls?state=dead",
        "/checks?decision=maybe",
        "/checks?limit=0",
        "/checks?code=MAYBE",
        "/checks?from=2027-06-01T12:30:00",
        "/checks?to=noon",
    ):
        reply = await service.client.get(path)
        wanted = path.partition("?")[2].partition("=")[0]
        assert reply.json()["errors"][0]["path"] == wanted, reply.text
