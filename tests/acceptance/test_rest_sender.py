"""Sender and carrier over REST: what is said is kept, and leads that waited for it wake."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from dialer.store.tables import enrolments
from tests.acceptance.conftest import Service

A2P = {"reference": "OAP-1", "declared_on": "2026-10-01", "objective": "reminders"}
NOBODY = {"peid": None, "tmid": None, "a2p": None, "caller_ids": []}


async def test_a_sender_is_replaced_and_its_caller_ids_are_added(service: Service) -> None:
    assert await service.get("/sender") == NOBODY
    first = await service.client.put(
        "/sender",
        json={
            "peid": "1101",
            "tmid": "1102",
            "a2p": A2P,
            "caller_ids": [
                {"number": "+91 1601 200001", "series": "1600"},
                {"number": "0091-1402000001", "series": "140"},
            ],
        },
    )
    assert first.status_code == 200
    assert first.json()["a2p"] == A2P
    again = {"number": "+911601200001", "series": "1601"}
    await service.client.put("/sender", json={"peid": "1101", "caller_ids": [again]})
    assert await service.get("/sender") == {
        "peid": "1101",
        "tmid": None,
        "a2p": None,
        "caller_ids": [{"number": "+911402000001", "series": "140"}, again],
    }


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"caller_ids": [{"number": "1", "series": "140"}]}, "caller_ids[0].number", "+91160"),
    ({"caller_ids": [{"number": "+911601200001", "series": "160"}]}, "caller_ids[0].series",
     "allowed: 140, 1600, 1601, ordinary"),
    ({"caller_ids": [{"number": "+911601200001"}]}, "caller_ids[0].series", "required"),
    ({"a2p": {"reference": "x", "declared_on": "soon"}}, "a2p.declared_on", "date"),
    ({"a2p": {"reference": "x"}}, "a2p.declared_on", "required"),
    ({"ped": "1"}, "ped", "allowed: peid, tmid, a2p, caller_ids"),
]  # fmt: skip  # one case a row


async def test_a_wrong_field_is_named_with_what_is_allowed(service: Service) -> None:
    for body, path, says in WRONG:
        reply = await service.client.put("/sender", json=body)
        assert reply.status_code == 400, reply.text
        found = reply.json()["errors"][0]
        assert (found["path"], says in found["message"]) == (path, True), reply.text
    assert await service.get("/sender") == NOBODY


async def test_a_declaration_wakes_the_leads_that_waited_for_it(service: Service) -> None:
    await service.campaign()
    async with service.db.begin() as tx:
        codes = ["A2P_UNDECLARED", "DNC_SCRUB_STALE"]
        ids = [row.id for row in await tx.all(select(enrolments.c.id))]
        for enrolment_id, code in zip(ids, codes, strict=True):
            await tx.execute(
                update(enrolments).where(enrolments.c.id == enrolment_id).values(blocked_code=code)
            )
    await service.client.put("/sender", json={"a2p": A2P})
    async with service.db.begin() as tx:
        rows = await tx.all(select(enrolments.c.blocked_code, enrolments.c.due_at))
    assert {row.blocked_code: row.due_at is not None for row in rows} == {
        "A2P_UNDECLARED": True,
        "DNC_SCRUB_STALE": False,
    }


async def test_the_carriers_limits_can_be_changed_one_by_one(service: Service) -> None:
    assert await service.get("/carrier") == {"cap": 50, "cps": 2.0, "inbound_reserve": 0}
    await service.client.put("/carrier", json={"cap": 5, "cps": 0.5, "inbound_reserve": 1})
    await service.client.put("/carrier", json={"cap": 6})
    assert await service.get("/carrier") == {"cap": 6, "cps": 0.5, "inbound_reserve": 1}
    for body, path in (
        ({"cap": 0}, "cap"),
        ({"cps": 0}, "cps"),
        ({"cps": 1e-300}, "cps"),  # a slot so far away has no date
        ({"inbound_reserve": -1}, "inbound_reserve"),
        ({"inbound_reserve": 6}, "inbound_reserve"),
        ({"cap": "many"}, "cap"),
    ):
        reply = await service.client.put("/carrier", json=body)
        assert reply.status_code == 400, body
        assert reply.json()["errors"][0]["path"] == path
    assert (await service.get("/carrier"))["cap"] == 6
