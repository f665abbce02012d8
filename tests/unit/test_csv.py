"""Uploaded files, the nasty ones above all: every row is a lead or a reject with its reason."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain import lead
from dialer.errors import InvalidInput
from dialer.leads import records
from dialer.leads.csv import Chunk, Reject, open_leads

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
ASHA = "+919876543210"
RAVI = "+919123456789"


class Read:
    """A whole file, read in chunks of two rows so that every test crosses a chunk's edge."""

    def __init__(self, data: bytes | Path, mapping: Mapping[str, str] | None = None) -> None:
        self.file = open_leads(data, mapping)
        chunks = list(self.file.chunks(now=NOW, chunk_rows=2))
        self.rows = sum(chunk.rows for chunk in chunks)
        self.leads = [row for chunk in chunks for row in _rows(chunk)]
        self.rejects: list[Reject] = [reject for chunk in chunks for reject in chunk.rejects]

    @property
    def phones(self) -> list[str]:
        return [row["phone"] for row in self.leads]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Loaded, duplicate, rejected."""
        duplicates = sum(reject.is_duplicate for reject in self.rejects)
        return len(self.leads), duplicates, len(self.rejects) - duplicates


def _rows(chunk: Chunk) -> list[dict[str, Any]]:
    return [] if chunk.leads is None else chunk.leads.to_dicts()


def _attributes(row: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in json.loads(row["attributes"]).items() if value is not None}


@pytest.mark.parametrize(
    ("data", "counts"),
    [
        (b"phone\n9876543210\n", (1, 0, 0)),
        (b"phone\n9876543210", (1, 0, 0)),
        (b"phone,name\r\n9876543210,Asha\r\n9123456789,Ravi\r\n", (2, 0, 0)),
        (b"phone,name\r9876543210,Asha\r9123456789,Ravi\r", (2, 0, 0)),
        (b"\n\nphone,name\n\n9876543210,Asha\n\n\n  \n", (1, 0, 0)),
        (b"\xef\xbb\xbfphone,name\n9876543210,Asha\n", (1, 0, 0)),
        (b'\xef\xbb\xbf"phone","name"\n"9876543210","Asha"\n', (1, 0, 0)),
        ("phone,name\n9876543210,आशा\n".encode("utf-16"), (1, 0, 0)),
        ("phone,name\n9876543210,Asha\n".encode("utf-16-le"), (1, 0, 0)),
        ("phone,name\n9876543210,Asha\n".encode("utf-16-be"), (1, 0, 0)),
        ("phone,name\n9876543210,Asha\n".encode("utf-32"), (1, 0, 0)),
        ("phone,name\n9876543210,José\n".encode("cp1252"), (1, 0, 0)),
        (b"phone;name\n9876543210;Asha, Rao\n", (1, 0, 0)),
        (b"phone\tname\n9876543210\tAsha\n", (1, 0, 0)),
        (b"phone|name\n9876543210|Asha\n", (1, 0, 0)),
        (b"sep=;\nphone;name\n9876543210;Asha\n", (1, 0, 0)),
        (b"sep=,\r\nphone,name\r\n9876543210,Asha\r\n", (1, 0, 0)),
        (b'phone,name\n9876543210, "Rao, Asha"\n', (1, 0, 0)),
        (b'phone,name\n9876543210,"Asha\nRao"\n9123456789,"a\r\nb\r\nc"\n', (2, 0, 0)),
        (b'phone,name\n9876543210,"say ""hi"""\n', (1, 0, 0)),
        (b'phone,name\n9876543210,5" pipe\n9123456789,6" pipe\n', (2, 0, 0)),
        (b"phone,name\n9876543210\n9123456789,Ravi,extra\n9000000001,Ok\n", (1, 0, 2)),
        (b"phone,name\n9876543210,Asha,\n", (0, 0, 1)),
        (b'phone,name\n9876543210,"Asha\n9123456789,Ravi\n', (1, 0, 1)),
        (b'phone,name\n9876543210,"Asha" Rao\n9123456789,Ravi\n', (1, 0, 1)),
        (b"phone,name\n,\n9876543210,Asha\n", (1, 0, 1)),
        (b"phone,name\n9876543210,A\x00sha\n9123456789,Ravi\n", (1, 0, 1)),
        ("phone,name\n9876543210,आशा\n".encode() + b"9123456789,Rav\xff\n", (1, 0, 1)),
        (b"phone,name\n9876543210,A\n09876543210,B\n+91 98765 43210,A\n", (1, 2, 0)),
        (b"phone,external_id\n9876543210,1\n9123456789,1\n9000000001,\n9000000002,\n", (3, 1, 0)),
        (b"phone,external_id\n9876543210,1\n9876543210,2\n9123456789,2\n", (2, 1, 0)),
        (b"phone,external_id\n9876543210," + b"x" * 201 + b"\n9123456789,2\n", (1, 0, 1)),
        (b"phone,timezone\n9876543210,Asia/Calcutta\n9123456789,IST\n", (1, 0, 1)),
        (b"phone,language\n9876543210,Hindi\n9123456789,xx\n", (1, 0, 1)),
        (b"phone,consent_kind\n9876543210,inferred\n9123456789,yes\n9000000001,\n", (2, 0, 1)),
        (b"phone,consent_at\n9876543210,03/04/2026\n9123456789,04/25/2026\n", (1, 0, 1)),
        (b"phone\n12345\n9.19877E+11\n140 123 4567\nabc\n9876543210.0\n", (1, 0, 4)),
        (b"phone,name\n9876543210," + b"x" * 140_000 + b"\n9123456789,Ravi\n", (1, 0, 1)),
        (b"Name,Mobile No.,City\nAsha,98765-43210,Pune\n", (1, 0, 0)),
        ("नाम,मोबाइल\nआशा,९८७६५४३२१०\n".encode(), (1, 0, 0)),
    ],
)
def test_every_row_of_a_nasty_file_is_accounted_for(
    data: bytes, counts: tuple[int, int, int]
) -> None:
    read = Read(data)
    assert read.counts == counts
    assert read.rows == sum(counts)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b" \r\n\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"phone,name\n", "no rows"),
        (b"phone,name\n\n\n", "no rows"),
        (b"PK\x03\x04" + b"\x00" * 100, "Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b'[{"phone": "9876543210"}]', "JSON"),
        (bytes(range(256)) * 8, "binary"),
        (b"name,city\nAsha,Pune\n", r"no phone column.*name, city.*--map"),
        (b"9876543210,Asha\n9123456789,Ravi\n", "first line holds data"),
        (b'phone,"name\n9876543210,Asha\n', "header"),
        ("phone\n9876543210\n".encode("utf-16")[:-1], "UTF-16"),
    ],
)
def test_a_file_without_leads_is_one_clear_line(data: bytes, why: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Read(data)
    assert re.search(why, str(refused.value))
    assert "\n" not in str(refused.value)
    assert "98765" not in str(refused.value), "a number of a person in an error message"


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cannot read .*no such file"):
        open_leads(tmp_path / "nobody.csv")
    with pytest.raises(InvalidInput, match="directory"):
        open_leads(tmp_path)


def test_a_file_on_disk_reads_like_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(b"phone,name\n9876543210,Asha\nx,y\n")
    assert Read(path).leads == Read(path.read_bytes()).leads


def test_a_reject_names_line_text_column_and_reason() -> None:
    read = Read(
        b'Mobile,tz,note\n9876543210,,"two\nlines"\n9123456789,IST,\n\n9000000001\n9876543210,,\n'
    )
    zone, ragged, duplicate = read.rejects
    assert (zone.line, zone.raw, zone.column) == (4, "9123456789,IST,", "tz")
    assert "Area/City" in zone.reason
    assert (ragged.line, ragged.raw, ragged.column) == (6, "9000000001", None)
    assert "has 1 cells, the header has 3" in ragged.reason
    assert (duplicate.line, duplicate.is_duplicate) == (7, True)
    assert duplicate.reason == "duplicate of line 2: the same phone"


def test_a_multi_line_ragged_row_keeps_its_whole_text() -> None:
    (reject,) = Read(b'phone,name\n9876543210,"a\nb",c\n').rejects
    assert reject.raw == '9876543210,"a\nb",c'


def test_an_unclosed_quote_costs_its_own_line_only() -> None:
    rows = b"".join(b"9%09d,x\n" % row for row in range(300))
    read = Read(b'phone,name\n9876543210,"oops\n' + rows)
    assert read.counts == (300, 0, 1)
    assert (read.rejects[0].line, read.rejects[0].raw) == (2, '9876543210,"oops')
    assert read.leads[0]["line"] == 3


def test_every_field_arrives_typed() -> None:
    header = "phone,name,first_name,external_id,timezone,language,consent_kind,consent_at"
    row = "98765 43210/9123456789, Asha Rao ,Asha,E1,asia/calcutta,Hindi,Explicit DCA,03/04/2026"
    read = Read(
        f"{header},consent_source,consent_evidence,Loan amount\n{row},web,form-7,5000\n".encode()
    )
    (found,) = read.leads
    assert _attributes(found) == {"Loan amount": "5000"}
    assert {k: v for k, v in found.items() if k not in ("attributes", "raw", "line")} == {
        "phone": ASHA,
        "other_phones": RAVI,
        "external_id": "E1",
        "name": "Asha Rao",
        "first_name": "Asha",
        "timezone": "Asia/Kolkata",
        "language": "hi",
        "consent_kind": "explicit_dca",
        "consent_at": "2026-04-02T18:30:00+00:00",
        "consent_source": "web",
        "consent_evidence": "form-7",
    }


def test_other_columns_keep_their_header_and_nothing_is_lost() -> None:
    read = Read(b"City,phone,City,,  Due  on ,Amount\nPune,9876543210,Thane,x,2026-12-01,\n")
    assert _attributes(read.leads[0]) == {
        "City": "Pune",
        "City_2": "Thane",
        "column_4": "x",
        "Due on": "2026-12-01",
    }
    assert [name for name, _ in read.file.columns.attributes] == [
        "City", "City_2", "column_4", "Due on", "Amount",
    ]  # fmt: skip


def test_a_phone_cell_that_is_half_a_number_is_kept_whole() -> None:
    read = Read(b"Mobile\n080-22345678/79\n9876543210\n")
    assert read.phones == ["+918022345678", ASHA]
    assert [_attributes(row) for row in read.leads] == [{"Mobile": "080-22345678/79"}, {}]


@pytest.mark.parametrize(
    ("header", "mapping", "phone"),
    [
        ("Phone No,Mobile", {}, RAVI),
        ("phone,Mobile", {}, ASHA),
        ("MOBILE-NO,x", {}, ASHA),
        ("a,b", {"b": "phone"}, RAVI),
        ("phone,b", {"B ": "PHONE"}, RAVI),
        ("phone,phone", {}, ASHA),
        ("phone,phone", {"phone_2": "phone"}, RAVI),
    ],
)
def test_the_phone_column_is_the_mapped_then_the_exact_then_the_likely_one(
    header: str, mapping: dict[str, str], phone: str
) -> None:
    assert Read(f"{header}\n9876543210,9123456789\n".encode(), mapping).phones == [phone]


@pytest.mark.parametrize(
    ("mapping", "why"),
    [
        ({"b": "fone"}, "no field; use one of phone"),
        ({"z": "phone"}, "no column 'z'; the file has a, b"),
        ({"a": "phone", "b": "phone"}, "only once"),
        ({"a": "phone", "A": "name"}, "only once"),
    ],
)
def test_a_wrong_mapping_says_what_there_is(mapping: dict[str, str], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        open_leads(b"a,b\n9876543210,x\n", mapping)


def test_a_message_about_columns_never_shows_a_number() -> None:
    with pytest.raises(InvalidInput, match="a number, Asha") as refused:
        open_leads(b"9876543210,Asha\n9123456789,Ravi\n", {"Mobile": "phone"})
    assert "98765" not in str(refused.value)


def test_consent_without_a_kind_is_no_consent_but_is_kept() -> None:
    read = Read(
        b"phone,consent_kind,consent_at,consent_source\n"
        b"9876543210,,2026-04-03,web\n9123456789,inferred,2026-04-03,web\n"
    )
    assert [row["consent_kind"] for row in read.leads] == [None, "inferred"]
    kept = {"consent_at": "2026-04-03", "consent_source": "web"}
    assert [_attributes(row) for row in read.leads] == [kept, {}]


def test_windows_1252_is_said_so_and_damaged_utf8_is_not_taken_for_it() -> None:
    old = Read("phone,name\n9876543210,José\n".encode("cp1252"))
    assert (old.leads[0]["name"], old.file.source.encoding) == ("José", "cp1252")
    assert "Windows-1252" in old.file.notes[0]
    damaged = Read("phone,name\n9876543210,आशा\n".encode() + b"9123456789,\xff\n")
    assert damaged.leads[0]["name"] == "आशा"
    assert "not text" in damaged.rejects[0].reason


def test_importing_the_import_does_not_load_polars() -> None:
    code = "import dialer.leads.load, sys; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


NASTY = st.text(alphabet="0123456789,;\t|\"\r\n '+-.=aE\x00é९\u2028", max_size=200)


@settings(deadline=None)
@given(NASTY, st.sampled_from(["utf-8", "utf-16", "cp1252"]), st.booleans())
def test_no_text_is_lost_or_breaks_the_reader(body: str, encoding: str, headed: bool) -> None:
    text = ("phone,name,external_id\n9876543210,Asha,1\n" if headed else "") + body
    _assert_accounted_for(text.encode(encoding, "replace"))


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"phone,name\n9876543210,x\n", b"\xff\xfe"]))
def test_no_bytes_raise_anything_but_invalid_input(body: bytes, head: bytes) -> None:
    _assert_accounted_for(head + body)


def _assert_accounted_for(data: bytes) -> None:
    try:
        read = Read(data)
    except InvalidInput as refused:
        assert str(refused)
        return
    assert read.rows == len(read.leads) + len(read.rejects)
    lines = [row["line"] for row in read.leads] + [reject.line for reject in read.rejects]
    assert len(set(lines)) == read.rows
    assert len(set(read.phones)) == len(read.phones)
    for row in read.leads:
        json.loads(row["attributes"])
        (row["raw"] + row["phone"]).encode()


def test_splitting_keeps_every_character_of_the_file() -> None:
    data = b'phone,name\r\n1,"a\r\nb"\r\n2,"x\n3,y\n\n4\n'
    raw = [record.raw for record in records.open_source(data).records()]
    assert raw == ["phone,name", '1,"a\r\nb"', '2,"x', "3,y", "4"]


@settings(deadline=None)
@given(
    st.lists(
        st.from_regex(r"\A'?(\+91|91|0091|0)?[ -]?[5-9][0-9]{4}[- .]?[0-9]{5}(\.0)?\Z")
        | st.text(alphabet="0123456789+-. ()", min_size=1, max_size=14),
        min_size=1,
        max_size=20,
    ).filter(lambda written: any(text.strip() for text in written))
)
def test_a_column_of_phones_reads_like_each_phone_alone(written: list[str]) -> None:
    read = Read(("phone\n" + "".join(f'"{text}"\n' for text in written)).encode())
    alone = [lead.read_phones(text) for text in written if text.strip()]
    phones = [cell.phone for cell in alone if isinstance(cell, lead.PhoneCell)]
    assert read.phones == list(dict.fromkeys(phones))
