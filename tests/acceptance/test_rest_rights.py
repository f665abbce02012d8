"""Being forgotten, and periods of keeping, over REST."""

from __future__ import annotations

from sqlalchemy import select

from dialer.store.tables import admin_log
from tests.acceptance.conftest import ASHA, RAVI, Service


async def test_a_person_is_forgotten_by_number_and_stays_uncalled(service: Service) -> None:
    campaign = await service.campaign()
    made = await service.client.post("/erasures", json={"phone": "098765 43210"})
    assert made.status_code == 201, made.text
    erasure = made.json()
    assert (erasure["status"], erasure["counts"]["leads"]) == ("done", 1)
    assert await service.get(f"/erasures/{erasure['id']}") == erasure
    assert ASHA not in made.text

    (kept,) = (await service.get("/suppressions", phone=ASHA))["items"]
    assert (kept["phone"], kept["reason"]) == (None, "erasure")
    results = await service.client.get(f"/campaigns/{campaign['id']}/results?format=json")
    (asha, ravi) = results.json()
    assert (asha["phone"], asha["name"], asha["state"]) == (None, None, "cancelled")
    assert (ravi["phone"], ravi["state"]) == (RAVI, "waiting")

    again = await service.client.post("/erasures", json={"phone": ASHA})
    assert again.status_code == 404, again.text
    listed = await service.upload(f"phone,name\n{ASHA},Asha\n", name="later")
    assert listed["counts"] == {
        "rows": 1, "loaded": 0, "updated": 0, "duplicate": 0, "rejected": 1
    }  # fmt: skip
    alone = await service.client.post("/leads", json={"list_id": listed["id"], "phone": ASHA})
    assert alone.status_code == 409 and "erased" in alone.json()["detail"]

    assert (await service.client.delete(f"/suppressions/{kept['id']}")).status_code == 204
    back = await service.client.post("/leads", json={"list_id": listed["id"], "phone": ASHA})
    assert back.status_code == 201, back.text
    async with service.db.begin() as tx:
        log = await tx.all(select(admin_log.c.action, admin_log.c.detail))
    assert {row.action for row in log} == {"person_erased", "suppression_lifted"}
    assert not any("9876543210" in str(row.detail) for row in log)


async def test_deleting_a_lead_forgets_its_person_everywhere(service: Service) -> None:
    await service.campaign("one")
    await service.campaign("two")
    first, second = (await service.get("/leads", phone=ASHA))["items"]
    gone = await service.client.delete(f"/leads/{first['id']}")
    assert gone.status_code == 204, gone.text
    shown = await service.get(f"/leads/{second['id']}")
    assert (shown["phone"], shown["name"], shown["attributes"]) == (None, None, {})
    assert (await service.get("/leads", phone=ASHA))["items"] == []
    for reply in (
        await service.client.delete(f"/leads/{second['id']}"),
        await service.client.patch(f"/leads/{second['id']}", json={"name": "Asha"}),
    ):
        assert reply.status_code == 404, reply.text


async def test_periods_of_keeping_are_shown_and_changed(service: Service) -> None:
    days = (await service.get("/retention"))["days"]
    assert (days["recordings"], days["carrier_events"], days["rejects"]) == (184, 366, 90)
    changed = await service.client.put("/retention", json={"recordings": 30})
    assert changed.json()["days"] == days | {"recordings": 30}
    assert (await service.get("/retention"))["days"]["recordings"] == 30
    refused = await service.client.put("/retention", json={"checks": 1, "rejects": 0})
    assert refused.status_code == 400
    assert {one["path"] for one in refused.json()["errors"]} == {"checks", "rejects"}
