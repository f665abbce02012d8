"""Leads one by one over REST: the rules of a file, a field at a time."""

from __future__ import annotations

from sqlalchemy import select

from dialer.store.tables import campaigns
from tests.acceptance.conftest import ASHA, Service

MEERA = {
    "phone": "09000000003 / 9000000004",
    "name": "Meera",
    "external_id": "M1",
    "timezone": "asia/calcutta",
    "language": "Hindi",
    "consent_kind": "inferred:ended",
    "consent_at": "2026-01-07",
    "consent_source": "desk",
    "attributes": {"clinic": "Eye Centre", "plan": "gold", "empty": ""},
}


async def test_a_lead_is_added_as_a_row_would_be(service: Service) -> None:
    made = await service.upload("phone,clinic\n9876543210,Eye Centre\n")
    reply = await service.client.post("/leads", json=MEERA | {"list_id": made["id"]})
    assert reply.status_code == 201, reply.text
    lead = reply.json()
    assert (lead["phone"], lead["other_phones"]) == ("+919000000003", ["+919000000004"])
    assert (lead["timezone"], lead["language"]) == ("Asia/Kolkata", "hi")
    assert lead["attributes"] == {"clinic": "Eye Centre", "plan": "gold"}
    (consent,) = lead["consents"]
    assert (consent["kind"], consent["has_ended"], consent["source"]) == ("inferred", True, "desk")
    assert consent["captured_at"] == "2026-01-06T18:30:00Z"
    assert await service.get(f"/leads/{lead['id']}") == lead
    found = (await service.get("/leads", phone="9000000003"))["items"]
    assert [one["id"] for one in found] == [lead["id"]]
    first = await service.get("/leads", list_id=made["id"], limit=1)
    second = await service.get("/leads", list_id=made["id"], limit=1, after=first["next"])
    assert [one["phone"] for one in first["items"] + second["items"]] == [ASHA, lead["phone"]]
    columns = (await service.get(f"/lists/{made['id']}"))["columns"]
    assert columns == ["clinic", "plan", "empty"]


async def test_every_bad_field_is_named_and_nothing_is_kept(service: Service) -> None:
    made = await service.upload("phone,external_id\n9876543210,A1\n")
    bad = {
        "list_id": made["id"],
        "phone": "12",
        "timezone": "IST",
        "language": "klingon",
        "external_id": "x" * 201,
        "consent_at": "2026-01-07",
        "attributes": {"name": "Asha"},
    }
    reply = await service.client.post("/leads", json=bad)
    assert reply.status_code == 400
    assert {one["path"] for one in reply.json()["errors"]} == {
        "phone",
        "timezone",
        "language",
        "external_id",
        "consent_at",
        "attributes.name",
    }
    for body, status in (
        ({"phone": "9876543210"}, 409),
        ({"phone": "9000000003", "external_id": "A1"}, 409),
        ({"phone": "9000000003", "list_id": "00000000-0000-7000-8000-000000000000"}, 404),
        ({"phone": "9000000003", "salary": "1"}, 400),
        ({"phone": "9000000003", "attributes": {"n": 1}}, 400),
        ({}, 400),
    ):
        reply = await service.client.post("/leads", json={"list_id": made["id"]} | body)
        assert reply.status_code == status, reply.text
    assert len((await service.get("/leads"))["items"]) == 1


async def test_a_correction_changes_what_it_names_and_its_zone_reaches_the_campaign(
    service: Service,
) -> None:
    await service.campaign()
    (lead,) = (await service.get("/leads", phone=ASHA))["items"]
    path = f"/leads/{lead['id']}"
    changed = await service.client.patch(
        path,
        json={
            "timezone": "Europe/London",
            "external_id": None,
            "consent_kind": "express",
            "attributes": {"clinic": None, "plan": "gold"},
        },
    )
    assert changed.status_code == 200, changed.text
    found = changed.json()
    assert (found["name"], found["external_id"]) == (lead["name"], None)
    assert found["attributes"] == {"plan": "gold"}
    assert [one["kind"] for one in found["consents"]] == ["inferred", "express"]
    async with service.db.begin() as tx:
        assert await tx.scalar(select(campaigns.c.lead_zones)) == ["Europe/London"]
    for body, status in (
        ({"phone": ASHA}, 400),
        ({"timezone": "IST"}, 400),
        ({"external_id": "A2"}, 409),
    ):
        assert (await service.client.patch(path, json=body)).status_code == status
    assert await service.get(path) == found


async def test_a_running_campaign_keeps_the_words_it_will_say(service: Service) -> None:
    campaign = await service.campaign()
    await service.client.put(f"/campaigns/{campaign['id']}/state", json={"state": "running"})
    (lead,) = (await service.get("/leads", phone=ASHA))["items"]
    path = f"/leads/{lead['id']}"
    emptied = await service.client.patch(path, json={"attributes": {"clinic": None}})
    assert (emptied.status_code, "clinic" in emptied.json()["detail"]) == (400, True)
    other = await service.client.patch(path, json={"attributes": {"clinic": "Green Leaf"}})
    assert other.json()["attributes"] == {"clinic": "Green Leaf"}
