"""Reports on their way out: every format, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dialer.errors import InvalidInput, Unavailable
from dialer.reports import results as reports
from dialer.reports.encode import ENCODERS, Format
from dialer.reports.export import export_file, export_stream
from tests.integration.report_rows import NOW, Rows, open_rows

NASTY = '=HYPERLINK("http://evil","x"),\n"Asha" ,\'; आशा'


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Rows]:
    async with open_rows(database_url) as opened:
        yield opened


async def _exported(rows: Rows, format: Format) -> bytes:
    campaign = await rows.read()
    return b"".join([piece async for piece in export_stream(rows.tx, campaign, format)])


async def test_every_format_carries_nasty_names_nulls_and_all_rows(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "CHUNK", 2)
    await rows.campaign(columns=["City", "=cmd"])
    lead = await rows.lead("done", name=NASTY, external_id="-7+1", attributes={"City": "@Pune"})
    await rows.attempt(lead, outcome="completed", answered_at=NOW, cost_usd=Decimal("0.0061"))
    for _ in range(4):
        await rows.lead()
    first, *others = csv.DictReader(
        io.StringIO((await _exported(rows, "csv")).decode(), newline="")
    )
    assert (first["name"], first["external_id"], first["phone"]) == (
        "'" + NASTY,
        "'-7+1",
        lead[2],
    )
    assert (first["answered_at"], first["cost_usd"]) == ("2026-11-23T05:30:00Z", "0.006100")
    assert (first["lead.City"], first["lead.=cmd"]) == ("'@Pune", "")
    assert (len(others), {row["cost_usd"] for row in others}) == (4, {""})
    listed = json.loads(await _exported(rows, "json"))
    assert (listed[0]["name"], listed[0]["cost_usd"], listed[4]["name"]) == (NASTY, 0.0061, None)
    frame = pl.read_parquet(io.BytesIO(await _exported(rows, "parquet")))
    assert (frame["name"][0], frame["answered_at"][0], len(frame)) == (NASTY, NOW, 5)
    assert [list(row) for row in listed] == [frame.columns] * 5
    assert (await _exported(rows, "xlsx")).startswith(b"PK")


async def test_a_file_is_whole_or_as_it_was_before(
    rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await rows.campaign()
    await rows.lead()
    target = tmp_path / "report.csv"
    assert await export_file(rows.tx, campaign, "csv", target) == 1
    assert target.read_bytes() == await _exported(rows, "csv")
    before = target.read_bytes()

    def break_off(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", break_off)
    with pytest.raises(Unavailable, match=r"report\.csv: No space left on device; choose another"):
        await export_file(rows.tx, campaign, "json", target)
    assert (target.read_bytes(), os.listdir(tmp_path)) == (before, ["report.csv"])


@pytest.mark.parametrize("format", ENCODERS)
async def test_a_reader_that_leaves_midway_leaves_nothing_behind(
    rows: Rows, format: Format, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reports, "CHUNK", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    campaign = await rows.campaign()
    for _ in range(3):
        await rows.lead()
    pieces = export_stream(rows.tx, campaign, format)
    assert await anext(pieces)
    await pieces.aclose()
    assert os.listdir(tmp_path) == []
    assert len((await reports.results(rows.tx, campaign)).rows) == 3  # the transaction goes on


async def test_a_target_that_cannot_be_written_is_said_in_one_line(
    rows: Rows, tmp_path: Path
) -> None:
    campaign = await rows.campaign()
    os.mkfifo(tmp_path / "pipe")
    for name, problem in (
        ("", "is a folder"),
        ("no/report.csv", "its folder does not exist"),
        ("pipe", "is not an ordinary file"),
    ):
        with pytest.raises(InvalidInput, match=problem) as caught:
            await export_file(rows.tx, campaign, "csv", tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(Unavailable, match="choose another file"):
        await export_file(rows.tx, campaign, "csv", tmp_path / ("x" * 300))
    assert os.listdir(tmp_path) == ["pipe"]
