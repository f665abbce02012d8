"""Register runs over REST: kept whole or not at all, and what waited for one wakes."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import httpx
from sqlalchemy import select, update

from dialer.store.tables import enrolments, scrub_results
from tests.acceptance.conftest import ASHA, RAVI, Service

CSV = f"phone,verdict\n{ASHA},clear\n09123456789,block:2,4\n+919000000003,band_on:08-10\n"
FORM = {"ref": "S-1", "provider": "portal", "at": "2026-01-05T09:00:00+05:30"}


async def _post(service: Service, csv: str = CSV, **form: Any) -> httpx.Response:
    return await service.client.post(
        "/scrubs", data=FORM | form, files={"file": ("s.csv", csv.encode())}
    )


async def test_a_run_is_kept_with_its_verdicts_and_wakes_the_leads_that_waited(
    service: Service,
) -> None:
    campaign = await service.campaign()
    async with service.db.begin() as tx:
        await tx.execute(update(enrolments).values(blocked_code="DNC_SCRUB_STALE"))
    reply = await _post(service, list_id=campaign["list_id"])
    assert reply.status_code == 201, reply.text
    run = reply.json()
    assert {key: run[key] for key in ("ref", "provider", "list_id", "submitted", "blocked")} == {
        "ref": "S-1",
        "provider": "portal",
        "list_id": campaign["list_id"],
        "submitted": 3,
        "blocked": 1,
    }
    async with service.db.begin() as tx:
        kept = await tx.all(select(scrub_results.c.phone, scrub_results.c.verdict))
        waiting = await tx.all(select(enrolments.c.due_at))
    assert dict(map(tuple, kept)) == {
        ASHA: "clear",
        RAVI: "block:2,4",
        "+919000000003": "band_on:08-10",
    }
    assert all(row.due_at is not None for row in waiting)
    (kept_run,) = (await service.get("/scrubs"))["items"]
    assert run == kept_run | {"list_hash": run["list_hash"], "notes": run["notes"]}


WRONG: list[tuple[str, dict[str, str], str]] = [
    (CSV + "12,clear\n", {}, "line 5: phone"),
    (CSV + "9000000009,maybe\n", {}, "line 5: verdict"),
    (CSV + "9000000009,block:9\n", {}, "line 5: verdict: block: takes sector numbers from 1 to 8"),
    (CSV + f"{ASHA},blocked\n", {}, "line 5: phone: has another verdict"),
    (CSV + "9000000009\n", {}, "line 5: has 1 cells"),
    ("number,verdict\n1,clear\n", {}, "no column phone"),
    ("phone,verdict\n", {}, "no rows"),
    ("", {}, "empty"),
    (CSV, {"at": "2026-01-05T09:00:00"}, "offset"),
    (CSV, {"at": "2999-01-05T09:00:00Z"}, "future"),
    (CSV, {"at": "0001-01-05T09:00:00+14:00"}, "at: found"),
    (CSV, {"ref": ""}, "ref"),
    (CSV, {"list_id": "x"}, "list_id"),
]


async def test_one_bad_row_or_field_and_nothing_is_kept(service: Service) -> None:
    for csv, form, says in WRONG:
        reply = await _post(service, csv, **form)
        assert (reply.status_code, says in reply.json()["detail"]) == (400, True), reply.text
    assert (await service.get("/scrubs"))["items"] == []


async def test_a_list_goes_to_the_portal_and_who_joins_later_is_not_covered(
    service: Service,
) -> None:
    campaign = await service.campaign()
    url = f"/lists/{campaign['list_id']}/scrub.csv"
    reply = await service.client.get(url)
    header, *phones = reply.text.splitlines()
    assert (reply.status_code, header) == (200, "phone")
    found = reply.headers["list-hash"]
    assert found == sha256("\n".join(sorted(phones)).encode()).hexdigest()
    csv = "phone,verdict\n" + "".join(f"{phone},clear\n" for phone in phones)
    same = await _post(service, csv, list_id=campaign["list_id"], list_hash=found)
    assert (same.json()["list_hash"], same.json()["notes"]) == (found, [])
    grown = await service.client.post(
        "/lists",
        data={"name": (await service.client.get(f"/lists/{campaign['list_id']}")).json()["name"]},
        files={"file": ("more.csv", b"phone,name\n+919876599999,New\n")},
    )
    assert grown.status_code == 201, grown.text
    again = (await _post(service, csv, list_id=campaign["list_id"], list_hash=found)).json()
    assert again["list_hash"] != found
    assert "has changed since" in again["notes"][0]
    assert again["notes"][1].startswith(f"1 of {len(phones) + 1} numbers of the list are not")
