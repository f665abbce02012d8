"""Encoders: what a person wrote comes back from every format, and no spreadsheet runs it."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.spreadsheet import neutral
from dialer.errors import InvalidInput
from dialer.reports import encode
from dialer.reports.encode import ENCODERS, Format
from dialer.reports.export import CONTENT_TYPES, parse_format
from dialer.reports.results import Column

COLUMNS = [
    Column("name"),
    Column("attempts", "integer"),
    Column("answered_at", "time"),
    Column("talk_s", "number"),
    Column("cost_usd", "money"),
    Column("answer.budget", "any"),
    Column("lead.=City", "any"),
]
NASTY = '=HYPERLINK("http://evil","x"),\r\n"Asha" ,\'; आशा'
AT = datetime(2026, 11, 23, 11, 0, 0, 250000, tzinfo=timezone(timedelta(hours=5.5)))
FULL = (NASTY, 2, AT, -0.5, Decimal("-0.006100"), [1, "=2"], "http://evil")
EMPTY = ("Ravi", 0, None, None, None, None, None)

FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "+91 98765 43210",
            "＝1", "+", "-", "=", "+91٣", "+1\n", "-1e5"]  # fmt: skip
HARMLESS = ["+919876543210", "-1200.50", "-1", "42", "", "Asha", "a=b", "1+1", "'=1", "आशा"]


def _encode(format: Format, rows: Sequence[Any], columns: Sequence[Column] = COLUMNS) -> bytes:
    target = io.BytesIO()
    with ENCODERS[format](target, columns) as write:
        for row in rows:
            write([row])
    return target.getvalue()


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_led_by_an_apostrophe(text: str) -> None:
    assert neutral(text) == "'" + text


@pytest.mark.parametrize("text", HARMLESS)
def test_phones_and_plain_numbers_stay_as_they_are(text: str) -> None:
    assert neutral(text) == text


@given(st.text())
def test_no_cell_begins_as_a_formula_and_none_loses_a_character(text: str) -> None:
    safe = neutral(text)
    assert safe.removeprefix("'") == text.removeprefix("'")
    if safe[:1] in tuple("=+-@\t\r\n"):
        float(safe)  # a plain number computes to itself


def test_csv_is_rfc_4180_with_nulls_as_empty_cells() -> None:
    data = _encode("csv", [FULL, EMPTY])
    assert data.count(b"\r\n") == 4  # header, two rows, and one inside a quoted cell
    header, full, empty = csv.reader(io.StringIO(data.decode(), newline=""))
    assert header == [column.name for column in COLUMNS]
    assert full == [
        "'" + NASTY, "2", "2026-11-23T05:30:00.250000Z", "-0.5", "-0.006100", '[1,"=2"]',
        "http://evil",
    ]  # fmt: skip
    assert empty == ["Ravi", "0", "", "", "", "", ""]


def test_json_is_one_array_of_objects_in_column_order() -> None:
    full, empty = json.loads(_encode("json", [FULL, EMPTY]))
    assert list(full) == [column.name for column in COLUMNS]
    assert list(full.values()) == [
        NASTY, 2, "2026-11-23T05:30:00.250000Z", -0.5, -0.0061, [1, "=2"], "http://evil"
    ]  # fmt: skip
    assert list(empty.values()) == list(EMPTY)


def test_parquet_keeps_types_and_text_as_it_was() -> None:
    frame = pl.read_parquet(io.BytesIO(_encode("parquet", [FULL, EMPTY])))
    assert dict(frame.schema) == {
        "name": pl.String(),
        "attempts": pl.Int64(),
        "answered_at": pl.Datetime("us", "UTC"),
        "talk_s": pl.Float64(),
        "cost_usd": pl.Decimal(38, 6),
        "answer.budget": pl.String(),
        "lead.=City": pl.String(),
    }
    assert frame.rows() == [(*FULL[:5], '[1,"=2"]', FULL[6]), EMPTY]


def _sheet(data: bytes) -> tuple[str, list[list[tuple[str | None, str]]]]:
    """Return the worksheet's XML and its cells as (type, text)."""
    xml = zipfile.ZipFile(io.BytesIO(data)).read("xl/worksheets/sheet1.xml").decode()
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    rows = ElementTree.fromstring(xml).iter(f"{space}row")
    return xml, [
        [(cell.get("t"), "".join(cell.itertext())) for cell in row.iter(f"{space}c")]
        for row in rows
    ]


def test_xlsx_holds_text_as_text_with_no_formula_and_no_link() -> None:
    xml, (header, full, empty) = _sheet(_encode("xlsx", [FULL, EMPTY]))
    assert header == [("inlineStr", column.name) for column in COLUMNS]
    assert full == [
        ("inlineStr", NASTY.replace("\r", "_x000D_")),  # how OOXML writes a control character
        (None, "2"),
        ("inlineStr", "2026-11-23T05:30:00.250000Z"),
        (None, "-0.5"),
        (None, "-0.0061"),
        ("inlineStr", '[1,"=2"]'),
        ("inlineStr", "http://evil"),
    ]
    assert empty == [("inlineStr", "Ravi"), (None, "0")]
    assert "<f>" not in xml and "hyperlink" not in xml


def test_xlsx_keeps_phones_whole_and_large_numbers_exact() -> None:
    columns = [Column("phone"), *(Column(f"answer.{name}", "any") for name in "abc")]
    _, (_, row) = _sheet(_encode("xlsx", [("+919876543210", 2**60 + 1, True, 7)], columns))
    assert row == [
        ("inlineStr", "+919876543210"),
        ("inlineStr", str(2**60 + 1)),
        ("b", "1"),
        (None, "7"),
    ]


def test_what_a_worksheet_cannot_hold_is_refused_not_cut(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(InvalidInput, match="xlsx cannot hold 32768 characters in name, row 2"):
        _encode("xlsx", [("x" * 32_768,)], [Column("name")])
    monkeypatch.setattr(encode, "_SHEET_ROWS", 3)
    _encode("xlsx", [EMPTY, EMPTY])
    with pytest.raises(InvalidInput, match="more than 2 rows; use csv or parquet"):
        _encode("xlsx", [EMPTY, EMPTY, EMPTY])
    monkeypatch.setattr(encode, "_SHEET_COLUMNS", 6)
    with pytest.raises(InvalidInput, match="7 columns of at most 6"):
        _encode("xlsx", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ENCODERS)
def test_a_report_of_nobody_has_its_columns_still(format: Format) -> None:
    data = _encode(format, [])
    if format == "csv":
        assert data.decode().strip().split(",") == [column.name for column in COLUMNS]
    elif format == "json":
        assert json.loads(data) == []
    elif format == "parquet":
        assert pl.read_parquet(io.BytesIO(data)).columns == [column.name for column in COLUMNS]
    else:
        assert len(_sheet(data)[1]) == 1


def test_each_format_has_a_content_type_and_others_are_named() -> None:
    assert set(CONTENT_TYPES) == set(ENCODERS) == {parse_format(one) for one in ENCODERS}
    with pytest.raises(InvalidInput, match="'xls'; allowed: csv, json, xlsx, parquet") as caught:
        parse_format("xls")
    assert [field.path for field in caught.value.fields] == ["format"]


def test_a_time_of_any_zone_is_written_in_utc() -> None:
    local, utc = AT, AT.astimezone(UTC)
    columns = [Column("at", "time")]
    assert _encode("csv", [(local,)], columns) == _encode("csv", [(utc,)], columns)
    assert _encode("json", [(local,)], columns) == _encode("json", [(utc,)], columns)
