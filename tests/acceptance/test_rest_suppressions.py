"""The do-not-call list over REST."""

from __future__ import annotations

from sqlalchemy import select, update

from dialer.store.tables import admin_log, lines
from tests.acceptance.conftest import ASHA, RAVI, Service, definition


async def test_a_number_is_suppressed_once_and_found_however_it_is_written(
    service: Service,
) -> None:
    made = await service.client.post("/suppressions", json={"phone": "098765 43210"})
    assert made.status_code == 201, made.text
    assert (made.json()["phone"], made.json()["scope"]) == (ASHA, "everywhere")
    assert (made.json()["source"], made.json()["reason"]) == ("api", "opt_out")
    again = await service.client.post("/suppressions", json={"phone": ASHA, "reason": "complaint"})
    assert again.json() == made.json()
    for written in (ASHA, "9876543210", "098765-43210"):
        assert (await service.get("/suppressions", phone=written))["items"] == [made.json()]
    unencoded = await service.client.get(f"/suppressions?phone={ASHA}")
    assert unencoded.json()["items"] == [made.json()]
    assert (await service.get("/suppressions", phone=RAVI))["items"] == []


async def test_a_scope_that_cannot_be_is_refused(service: Service) -> None:
    campaign = await service.campaign()
    for body, status, path in (
        ({"phone": "12"}, 400, "phone"),
        ({}, 400, "phone"),
        ({"phone": ASHA, "scope": "here"}, 400, "scope"),
        ({"phone": ASHA, "scope": "campaign"}, 400, "campaign_id"),
        ({"phone": ASHA, "campaign_id": campaign["id"]}, 400, "campaign_id"),
        ({"phone": ASHA, "scope": "campaign", "campaign_id": campaign["list_id"]}, 404, None),
    ):
        reply = await service.client.post("/suppressions", json=body)
        assert reply.status_code == status, reply.text
        assert path is None or reply.json()["errors"][0]["path"] == path
    body = {"phone": ASHA, "scope": "campaign", "campaign_id": campaign["id"]}
    good = await service.client.post("/suppressions", json=body)
    assert good.json()["campaign_id"] == campaign["id"]


async def test_a_file_of_numbers_is_suppressed_but_for_its_bad_lines(service: Service) -> None:
    await service.client.post("/suppressions", json={"phone": RAVI})
    csv = f"Mobile No,why\n9876543210,x\n{RAVI},y\n12,z\n9876543210,again\n"
    reply = await service.client.post("/suppressions/import", files={"file": ("d.csv", csv)})
    assert reply.status_code == 200, reply.text
    counts = reply.json()
    problems = counts.pop("problems")
    assert counts == {"rows": 4, "added": 1, "known": 1, "duplicate": 1, "rejected": 1}
    assert [problem["line"] for problem in problems] == [4]
    bare = await service.client.post(
        "/suppressions/import", files={"file": ("d.txt", b"9000000003\n9000000004\n")}
    )
    assert (bare.json()["rows"], bare.json()["added"]) == (2, 2)
    assert len((await service.get("/suppressions"))["items"]) == 4
    async with service.db.begin() as tx:  # each line was locked against a claim (invariant 6)
        locked = {row.phone for row in await tx.all(select(lines.c.phone))}
    assert locked == {ASHA, RAVI, "+919000000003", "+919000000004"}


async def test_lifting_a_suppression_is_logged_without_the_number(service: Service) -> None:
    made = (await service.client.post("/suppressions", json={"phone": ASHA})).json()
    path = f"/suppressions/{made['id']}"
    assert (await service.client.delete(path)).status_code == 204
    assert (await service.client.delete(path)).status_code == 404
    assert (await service.get("/suppressions"))["items"] == []
    async with service.db.begin() as tx:
        (row,) = await tx.all(select(admin_log))
    assert (row.action, row.detail["suppression_id"]) == ("suppression_lifted", made["id"])
    assert ASHA not in str(row.detail)


async def test_a_suppression_ends_the_call_that_rings_and_denies_the_next(
    service: Service,
) -> None:
    service.twin.set_callees({ASHA: {"behaviour": "ring_out"}})
    tables = definition()
    tables["dialing"]["ring_timeout_s"] = 120
    campaign = await service.lawful_campaign()
    await service.client.put(f"/campaigns/{campaign['id']}", json={"definition": tables})
    call = {"campaign_id": campaign["id"], "phone": ASHA}
    assert (await service.client.post("/calls", json=call)).status_code == 201
    await service.context.loop.drain(30)
    await service.client.post("/suppressions", json={"phone": ASHA, "reason": "complaint"})
    await service.context.background.drain(30)
    await service.twin.wait_quiet()
    (ended,) = service.twin.ledger.kept("ended")
    assert ended["source"] == "API Request"
    async with service.db.begin() as tx:
        await tx.execute(update(lines).values(live_attempt_id=None))
    denied = await service.client.post("/calls", json=call)
    assert (denied.status_code, denied.json()["code"]) == (409, "INTERNAL_OPT_OUT")
