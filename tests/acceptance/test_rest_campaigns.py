"""Campaigns over REST: made from JSON or TOML, redefined, moved, reported."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.conftest import ASHA, LEADS, Service, definition

FILE = Path(__file__).parents[2] / "campaigns" / "appointment_reminder.toml"
SAMPLE_LEADS = FILE.with_suffix(".csv")


async def test_a_campaign_file_is_created_as_it_is(service: Service) -> None:
    made = await service.upload(SAMPLE_LEADS.read_text())
    reply = await service.client.post(
        f"/campaigns?list_id={made['id']}",
        content=FILE.read_bytes(),
        headers={"content-type": "application/toml"},
    )
    assert reply.status_code == 201, reply.text
    campaign = reply.json()
    assert (campaign["name"], campaign["state"]) == ("Appointment reminder", "draft")
    assert (campaign["version"], campaign["list_id"]) == (1, made["id"])
    stats = await service.get(f"/campaigns/{campaign['id']}/stats")
    assert (stats["state"], stats["leads"]) == ("draft", made["counts"]["loaded"])
    assert (await service.get("/campaigns"))["items"] == [campaign]


async def test_a_definition_that_cannot_be_names_its_key(service: Service) -> None:
    made = await service.upload(LEADS)
    tables = definition()
    tables["dialing"]["hours"] = ["25:00"]
    bad = {"list_id": made["id"], "definition": tables}
    nobody = "00000000-0000-7000-8000-000000000000"
    for body, status, path in (
        (bad, 400, "dialing.hours[0]"),
        ({"list_id": made["id"]}, 400, "definition"),
        ({"list_id": 3, "definition": {}}, 400, "list_id"),
        ({"lst": 3, "definition": {}, "list_id": made["id"]}, 400, "lst"),
        ({"list_id": nobody, "definition": definition()}, 404, None),
    ):
        reply = await service.client.post("/campaigns", json=body)
        assert reply.status_code == status, reply.text
        assert path is None or reply.json()["errors"][0]["path"] == path
    for content, kind, says in (
        (b"{", "application/json", "not JSON"),
        (b"a = ", "application/toml", "TOML"),
        (b"\xff", "application/toml", "UTF-8"),
        (b'{"definition":' * 50_000, "application/json", "nested too deep"),
        (b"a = " + b"[" * 100_000, "application/toml", "nested deeper"),
    ):
        reply = await service.client.post(
            f"/campaigns?list_id={made['id']}", content=content, headers={"content-type": kind}
        )
        assert (reply.status_code, says in reply.json()["detail"]) == (400, True), reply.text


async def test_a_draft_takes_a_new_definition_and_a_running_campaign_none(
    service: Service,
) -> None:
    campaign = await service.campaign()
    path = f"/campaigns/{campaign['id']}"
    tables = definition()
    tables["dialing"] |= {"weight": 3.0, "ends_at": "2100-01-01T00:00:00+05:30"}
    changed = await service.client.put(path, json={"definition": tables})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["version"], changed.json()["name"]) == (2, "reminder")
    assert changed.json()["ends_at"].startswith("2099-12-31T18:30:00")
    tables["notification"]["message"] = "{salary}"
    unknown = await service.client.put(path, json={"definition": tables})
    assert unknown.json()["errors"][0]["path"] == "notification.message"
    await service.client.put(f"{path}/state", json={"state": "running"})
    refused = await service.client.put(path, json={"definition": definition()})
    assert (refused.status_code, "pause it first" in refused.json()["detail"]) == (409, True)
    assert (await service.get(path))["version"] == 2


async def test_moves_are_logged_and_illegal_ones_name_the_legal(service: Service) -> None:
    path = f"/campaigns/{(await service.campaign())['id']}"
    early = await service.client.put(f"{path}/state", json={"state": "paused"})
    assert (early.status_code, early.json()["legal"]) == (409, ["running", "cancelled"])
    for state in ("running", "paused", "cancelled"):
        moved = await service.client.put(f"{path}/state", json={"state": state})
        assert (moved.status_code, moved.json()["state"]) == (200, state)
    wrong = await service.client.put(f"{path}/state", json={"state": "finished"})
    assert wrong.json()["errors"] == [
        {
            "path": "state",
            "message": "found 'finished'; allowed: cancelled, paused, running",
            "found": None,
        }
    ]
    first = await service.get(f"{path}/log", limit=3)
    rest = await service.get(f"{path}/log", limit=3, after=first["next"])
    moves = [(one["from_state"], one["to_state"]) for one in first["items"] + rest["items"]]
    assert moves == [
        (None, "draft"),
        ("draft", "running"),
        ("running", "paused"),
        ("paused", "cancelled"),
    ]


FORMATS = {
    "csv": ("text/csv; charset=utf-8", b"lead_id,external_id,phone,name,state,"),
    "json": ("application/json", b"["),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK"),
    "parquet": ("application/vnd.apache.parquet", b"PAR1"),
}


async def test_results_come_as_a_file_of_every_format(service: Service) -> None:
    path = f"/campaigns/{(await service.campaign('Diwali, 2026!'))['id']}/results"
    for name, (content_type, begins) in FORMATS.items():
        reply = await service.client.get(path, params={"format": name})
        assert (reply.status_code, reply.headers["content-type"]) == (200, content_type)
        assert f'filename="diwali-2026-results.{name}"' in reply.headers["content-disposition"]
        assert reply.content.lstrip(b"\xef\xbb\xbf").startswith(begins)
    rows = await service.get(path, format="json")
    assert [row["lead.clinic"] for row in rows] == ["Eye Centre", "Green Leaf"]
    wrong = await service.client.get(f"{path}?format=doc")
    assert wrong.json()["errors"][0]["path"] == "format"
    assert "csv" in wrong.json()["errors"][0]["message"]


async def test_leads_can_join_a_campaign_and_are_due_while_it_runs(service: Service) -> None:
    campaign = await service.campaign()
    path = f"/campaigns/{campaign['id']}"
    await service.client.put(f"{path}/state", json={"state": "running"})
    more = await service.upload(
        "phone,name,clinic\n9000000003,Meera,Eye Centre\n9000000004,Om,\n", name="more"
    )
    meera, om = (await service.get("/leads", list_id=more["id"]))["items"]
    for _ in range(2):
        joined = await service.client.post(f"{path}/leads", json={"lead_ids": [meera["id"]]})
        assert joined.status_code == 200, joined.text
    assert joined.json() == {"enrolled": 0}
    assert (await service.get(f"{path}/stats"))["leads"] == 3
    # The campaign would say {clinic}, and this lead has none.
    empty = await service.client.post(f"{path}/leads", json={"list_id": more["id"]})
    assert (empty.status_code, "clinic" in empty.json()["detail"]) == (400, True)
    assert (await service.get(f"{path}/stats"))["leads"] == 3
    nobody = campaign["id"]
    for body, status in (
        ({"lead_ids": [nobody]}, 404),
        ({"list_id": nobody}, 404),
        ({}, 400),
        ({"lead_ids": [om["id"]], "list_id": more["id"]}, 400),
    ):
        assert (await service.client.post(f"{path}/leads", json=body)).status_code == status
    used = await service.client.delete(f"/lists/{more['id']}")
    assert (used.status_code, "'reminder'" in used.json()["detail"]) == (409, True)


async def test_a_list_in_use_cannot_be_undone(service: Service) -> None:
    campaign = await service.campaign()
    reply = await service.client.delete(f"/lists/{campaign['list_id']}")
    assert reply.status_code == 409
    assert (await service.get("/leads", phone=ASHA))["items"] != []
