"""Lists over REST: counts that add up, uploads that survive a restart, imports undone."""

from __future__ import annotations

import asyncio

import pytest

from dialer.leads.spool import FOLDER, import_spooled
from dialer.web.context import Background
from tests.acceptance.conftest import Service

CSV = """phone,name,clinic
9876543210,Asha,Eye Centre
9123456789,Ravi,Green Leaf
098765 43210,Asha again,Eye Centre
12345,Nobody,
"""
COUNTS = {"rows": 4, "loaded": 2, "updated": 0, "duplicate": 1, "rejected": 1}


async def test_an_upload_answers_with_counts_that_add_up(service: Service) -> None:
    made = await service.upload(CSV)
    assert (made["name"], made["status"], made["counts"]) == ("diwali", "ready", COUNTS)
    again = await service.upload("phone,city\n9123456789,Pune\n")
    assert again["id"] == made["id"]
    assert again["counts"] == {"rows": 1, "loaded": 0, "updated": 1, "duplicate": 0, "rejected": 0}
    found = await service.get(f"/lists/{made['id']}")
    assert (found["counts"]["rows"], found["counts"]["updated"]) == (5, 1)
    assert found["columns"] == ["clinic", "city"]
    rejects = await service.client.get(f"/lists/{made['id']}/rejects.csv")
    assert rejects.headers["content-type"].startswith("text/csv")
    assert [row.split(",")[0] for row in rejects.text.splitlines()] == ["line", "4", "5"]


async def test_columns_can_be_mapped_and_a_wrong_map_names_itself(service: Service) -> None:
    made = await service.upload("Nummer;Wer\n9876543210;Asha\n", map='{"Nummer": "phone"}')
    assert made["counts"]["loaded"] == 1
    for bad in ("[1]", '{"Nummer": "telefon"}', "{"):
        reply = await service.client.post(
            "/lists", data={"name": "b", "map": bad}, files={"file": ("a.csv", b"Nummer\n1\n")}
        )
        assert reply.status_code == 400
        assert reply.json()["errors"][0]["path"].startswith("map")


async def test_a_bad_upload_names_the_part_and_keeps_nothing(service: Service) -> None:
    post = service.client.post
    file = {"file": ("leads.csv", CSV.encode())}
    for reply, path in (
        (await post("/lists", files=file), "name"),
        (await post("/lists", data={"name": ""}, files=file), "name"),
        (await post("/lists", data={"name": "x", "nam": "y"}, files=file), "nam"),
        (await post("/lists", data={"name": "x", "default_region": "Q"}, files=file),
         "default_region"),
        (await post("/lists", data={"name": "x"}, files={"file": ("a.csv", b"name\nAsha\n")}),
         "file"),
    ):  # fmt: skip
        assert reply.status_code == 400, reply.text
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["errors"][0]["path"] == path
    no_file = await post("/lists", files={"name": (None, "x")})
    assert no_file.status_code == 400
    assert "file" in no_file.json()["detail"]
    not_multipart = await post("/lists", json={"name": "x"})
    assert not_multipart.status_code == 400
    assert "multipart/form-data" in not_multipart.json()["detail"]
    empty = await post("/lists", data={"name": "x"}, files={"file": ("a.csv", b"")})
    assert "empty" in empty.json()["detail"]
    assert (await service.get("/lists"))["items"] == []


async def test_a_list_comes_in_pages(service: Service) -> None:
    names = ["a", "b", "c"]
    for name in names:
        await service.upload("phone\n9876543210\n", name=name)
    first = await service.get("/lists", limit=2)
    second = await service.get("/lists", limit=2, after=first["next"])
    assert [one["name"] for one in first["items"] + second["items"]] == names
    assert second["next"] is None


async def _upload_later(service: Service, csv: str = CSV) -> str:
    reply = await service.client.post(
        "/lists?wait=false", data={"name": "later"}, files={"file": ("a.csv", csv.encode())}
    )
    assert reply.status_code == 202, reply.text
    assert (reply.json()["status"], reply.json()["counts"]) == ("importing", None)
    found: str = reply.json()["id"]
    return found


async def test_an_upload_that_does_not_wait_is_ready_soon(service: Service) -> None:
    list_id = await _upload_later(service)
    await service.context.background.drain(30)
    found = await service.get(f"/lists/{list_id}")
    assert (found["status"], found["counts"]) == ("ready", COUNTS)
    assert list((service.context.data_dir / FOLDER).iterdir()) == []


async def test_an_upload_survives_a_restart_and_is_loaded_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Background, "spawn", lambda _, work: work.close())  # killed before it ran
    list_id = await _upload_later(service)
    folder = service.context.data_dir / FOLDER
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    blocked = await service.client.post(
        "/lists", data={"name": "later"}, files={"file": ("a.csv", CSV.encode())}
    )
    assert blocked.status_code == 409
    both = await asyncio.gather(  # as a tick of every process would
        *(import_spooled(service.db, service.context.data_dir) for _ in range(2))
    )
    assert sorted(both) == [0, 1]
    for name, content in kept.items():  # as if killed after the commit, before the removal
        (folder / name).write_bytes(content)
    assert await import_spooled(service.db, service.context.data_dir) == 0
    assert list(folder.iterdir()) == []
    assert (await service.get(f"/lists/{list_id}"))["counts"] == COUNTS


async def test_a_file_that_cannot_be_imported_fails_its_list_with_the_reason(
    service: Service,
) -> None:
    list_id = await _upload_later(service, "city\nPune\n")
    await service.context.background.drain(30)
    found = await service.get(f"/lists/{list_id}")
    assert found["status"] == "failed"
    assert "no phone column" in found["problem"]
    assert (await service.upload(CSV, name="later"))["status"] == "ready"


async def test_an_import_can_be_undone(service: Service) -> None:
    made = await service.upload(CSV)
    reply = await service.client.delete(f"/lists/{made['id']}")
    assert (reply.status_code, reply.content) == (204, b"")
    gone = await service.client.get(f"/lists/{made['id']}")
    assert gone.status_code == 404
    assert gone.json()["status"] == 404


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b'name="name"\r\n\r\n\xff\xfe', "is not UTF-8"),
        (b'name="name"\r\nContent-Type: text/plain; charset=frob\r\n\r\na', "is not UTF-8"),
        (b'name="file"\r\n\r\nphone\r\n9876543210', "the body cannot be read"),
    ],
)
async def test_a_form_that_cannot_be_read_is_a_problem(
    service: Service, head: bytes, says: str
) -> None:
    reply = await service.client.post(
        "/lists",
        content=b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n--b\r\n",
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert reply.status_code == 400, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert says in reply.json()["detail"]


async def test_parts_of_the_wrong_kind_or_number_are_told_apart(service: Service) -> None:
    name, file = (None, "a"), ("a.csv", CSV)
    for files, path, says in (
        ([("name", name), ("file", (None, CSV))], "file", "send it as a file"),
        ([("name", ("n", "a")), ("file", file)], "name", "send it as text"),
        ([("name", name), ("file", file), ("file", file)], "file", "more than once"),
    ):
        reply = await service.client.post("/lists", files=files)
        (error,) = reply.json()["errors"]
        assert reply.status_code == 400 and error["path"] == path and says in error["message"]
