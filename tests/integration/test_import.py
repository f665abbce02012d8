"""Imports into a real Postgres: counts that add up, merges that lose nothing."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from dialer.errors import InvalidInput
from dialer.leads.csv import Reject
from dialer.leads.load import ImportResult, import_leads
from dialer.leads.rejects import rejects_csv, rejects_of
from dialer.store.connect import create_engine
from dialer.store.engine import Database, Tx
from dialer.store.tables import consents, lead_lists, leads

ASHA = "+919876543210"
RAVI = "+919123456789"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    engine = create_engine(database_url)
    yield Database(engine)
    await engine.dispose()


async def _import(database: Database, text: str, name: str = "diwali", **more: Any) -> ImportResult:
    async with database.begin() as tx:
        result = await import_leads(tx, name=name, data=text.encode(), **more)
    assert result.rows == result.loaded + result.updated + result.duplicate + result.rejected
    return result


def _counts(result: ImportResult) -> tuple[int, int, int, int]:
    return result.loaded, result.updated, result.duplicate, result.rejected


async def _lead(tx: Tx, phone: str) -> Any:
    return await tx.one_or_none(select(leads).where(leads.c.phone == phone))


async def test_every_imported_row_is_loaded_updated_duplicate_or_rejected(
    database: Database,
) -> None:
    first = await _import(
        database,
        "phone,name,external_id,City\n"
        "9876543210,Asha,1,Pune\n"
        "098765 43210,Asha again,9,Pune\n"
        "9123456789,Ravi,2,\n"
        "12345,Nobody,3,Pune\n"
        "9000000001,Ragged\n",
    )
    assert _counts(first) == (2, 0, 1, 2)
    second = await _import(
        database,
        "phone,name,external_id,City\n"
        "9876543210,Asha,1,Pune\n"
        "9123456789,,,Thane\n"
        "9000000003,Clash,2,Pune\n"
        "9000000004,New,4,Pune\n",
    )
    assert second.list_id == first.list_id
    assert _counts(second) == (1, 1, 1, 1)
    async with database.begin() as tx:
        row = await tx.one_or_none(select(lead_lists))
        listed = await rejects_of(tx, first.list_id)
    assert (row.rows, row.loaded, row.updated, row.duplicate, row.rejected) == (9, 3, 1, 2, 3)
    assert (row.status, row.columns) == ("ready", ["City"])
    assert sorted((reject.line, reject.column, reject.is_duplicate) for reject in listed) == [
        (3, None, True),
        (4, "external_id", False),
        (5, "phone", False),
        (6, None, False),
    ]
    clash = next(reject for reject in listed if reject.column == "external_id")
    assert clash.raw == "9000000003,Clash,2,Pune"


async def test_a_second_file_adds_what_it_knows_and_erases_nothing(database: Database) -> None:
    await _import(
        database,
        "phone,name,first_name,external_id,timezone,language,Plan,Due\n"
        "9876543210/9123456789,Asha Rao,Asha,1,Asia/Calcutta,Hindi,gold,\n",
    )
    again = await _import(database, "Due,Mobile,Plan,lang\n5000,9876543210,,\n")
    assert _counts(again) == (0, 1, 0, 0)
    async with database.begin() as tx:
        row = await _lead(tx, ASHA)
        columns = await tx.scalar(select(lead_lists.c.columns))
    assert (row.name, row.first_name, row.external_id) == ("Asha Rao", "Asha", "1")
    assert (row.timezone, row.language, row.other_phones) == ("Asia/Kolkata", "hi", [RAVI])
    assert row.attributes == {"Plan": "gold", "Due": "5000"}
    assert columns == ["Plan", "Due"]
    assert row.updated_at > row.created_at


async def test_consents_are_facts_that_are_added_once(database: Database) -> None:
    header = "phone,consent_kind,consent_at,consent_source,consent_evidence\n"
    first = f"{header}9876543210,inferred,2026-04-03,crm,c-1\n9123456789,none,,,\n"
    first += "9000000001,express,,,\n"
    assert _counts(await _import(database, first)) == (3, 0, 0, 0)
    assert _counts(await _import(database, first)) == (0, 0, 3, 0)
    ended = f"{header}9876543210,inferred:ended,2026-05-01,crm,c-1\n"
    assert _counts(await _import(database, ended)) == (0, 1, 0, 0)
    assert _counts(await _import(database, first)) == (0, 0, 3, 0)
    async with database.begin() as tx:
        lead_id = (await _lead(tx, ASHA)).id
        assert await tx.scalar(select(func.count()).select_from(consents)) == 3
        rows = await tx.all(
            select(consents).where(consents.c.lead_id == lead_id).order_by(consents.c.id)
        )
    assert [(row.lead_id, row.kind, row.has_ended, row.source, row.evidence) for row in rows] == [
        (lead_id, "inferred", False, "crm", "c-1"),
        (lead_id, "inferred", True, "crm", "c-1"),
    ]
    assert rows[0].captured_at.isoformat() == "2026-04-02T18:30:00+00:00"


async def test_nothing_is_half_done(database: Database) -> None:
    for text in ("", "name,city\nAsha,Pune\n", "phone\n"):
        with pytest.raises(InvalidInput):
            await _import(database, text)
    with pytest.raises(InvalidInput, match="name"):
        await _import(database, "phone\n9876543210\n", name="  ")
    with pytest.raises(InvalidInput, match="default_region"):
        await _import(database, "phone\n9876543210\n", default_region="XX")
    with pytest.raises(InvalidInput):  # the bytes turn bad after rows that were copied already
        async with database.begin() as tx:
            data = ("phone\n" + "".join(f"{9000000000 + n}\n" for n in range(25_000))).encode(
                "utf-16"
            )
            await import_leads(tx, name="broken", data=data[:-1])
    async with database.begin() as tx:
        assert await tx.scalar(select(func.count()).select_from(lead_lists)) == 0
        assert await tx.scalar(select(func.count()).select_from(leads)) == 0


async def test_lists_do_not_mix_and_leads_keep_the_order_of_the_file(database: Database) -> None:
    text = "phone\n" + "".join(f"{9000000000 + 7 * n % 1000}\n" for n in range(1000))
    one = await _import(database, text, name="one")
    two = await _import(database, text, name="two")
    assert one.loaded == two.loaded == 1000
    async with database.begin() as tx:
        rows = await tx.all(
            select(leads.c.phone).where(leads.c.list_id == two.list_id).order_by(leads.c.id)
        )
    assert [row.phone for row in rows] == [f"+91{9000000000 + 7 * n % 1000}" for n in range(1000)]


async def test_rejects_are_corrected_and_come_back(database: Database) -> None:
    result = await _import(
        database,
        'Mobile;"Sum; due";tz\n98765;=1+1;IST\n9123456789;5;IST\n9000000001;"a";x;y\n',
    )
    async with database.begin() as tx:
        listed = await rejects_of(tx, result.list_id)
    written = rejects_csv(listed, header=result.header, delimiter=result.delimiter)
    table = list(csv.reader(io.StringIO(written)))
    assert table[0] == ["line", "column", "reason", "Mobile", "Sum; due", "tz"]
    assert [row[:2] + row[3:] for row in table[1:]] == [
        ["2", "Mobile", "98765", "'=1+1", "IST"],
        ["3", "tz", "9123456789", "5", "IST"],
        ["4", "", "9000000001", "a", "x", "y"],
    ]
    corrected = written.replace("98765,", "9876543210,").replace("IST", "Asia/Kolkata")
    assert _counts(await _import(database, corrected)) == (2, 0, 0, 1)
    async with database.begin() as tx:
        assert (await _lead(tx, ASHA)).attributes == {"Sum; due": "=1+1"}


def test_rejects_without_a_header_keep_their_text() -> None:
    text = rejects_csv([Reject(2, '+1,"open', "phone", "is empty")])
    assert list(csv.reader(io.StringIO(text))) == [
        ["line", "column", "reason", "raw"],
        ["2", "phone", "is empty", "'+1,\"open"],
    ]


ROW = st.tuples(
    st.sampled_from(["9876543210", "9123456789", "9000000001", "12", "9876543210/9123456789", ""]),
    st.sampled_from(["", "1", "2", "3"]),
    st.sampled_from(["", "Asha", "Ravi", '"', '"a\nb"', "x,y"]),
    st.sampled_from(["", "inferred", "inferred:ended", "yes"]),
).map(",".join)


async def test_the_counts_add_up_whatever_is_imported_over_whatever(database: Database) -> None:
    loop = asyncio.get_running_loop()

    @settings(
        max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(st.lists(st.lists(ROW, min_size=1, max_size=6), min_size=1, max_size=3), st.uuids())
    def imports(files: list[list[str]], name: object) -> None:
        work = _import_all(database, files, str(name))
        asyncio.run_coroutine_threadsafe(work, loop).result(timeout=60)

    await asyncio.to_thread(imports)


async def _import_all(database: Database, files: list[list[str]], name: str) -> None:
    for rows in files:
        text = "phone,external_id,name,consent_kind\n" + "\n".join(rows) + "\n"
        result = await _import(database, text, name)
    async with database.begin() as tx:
        row = await tx.one_or_none(select(lead_lists).where(lead_lists.c.name == name))
        held = await tx.scalar(
            select(func.count()).select_from(leads).where(leads.c.list_id == result.list_id)
        )
        listed = await rejects_of(tx, result.list_id)
    assert row.rows == row.loaded + row.updated + row.duplicate + row.rejected
    assert held == row.loaded
    assert sum(not reject.is_duplicate for reject in listed) == row.rejected
