"""Rows → CSV, JSON, XLSX or Parquet. Each encoder is a context that gives a function for rows.

A cell that a spreadsheet would run is disarmed where it could: in CSV it is led by an apostrophe,
in XLSX it is a cell of type text, which is never computed, with the words unchanged. JSON and
Parquet hold exactly what we hold.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final, Literal, TypeAlias

import msgspec

from dialer.domain.spreadsheet import neutral
from dialer.errors import FieldError, InvalidInput
from dialer.reports.results import Column, Row

Format = Literal["csv", "json", "xlsx", "parquet"]
Write: TypeAlias = Callable[[Sequence[Row]], None]
Encoder: TypeAlias = Callable[[BinaryIO, Sequence[Column]], AbstractContextManager[Write]]

_SHEET_ROWS: Final = 1_048_576  # of a worksheet, the header among them
_SHEET_COLUMNS: Final = 16_384
_EXACT: Final = 2**53  # a worksheet's numbers are IEEE doubles


@contextmanager
def to_csv(target: BinaryIO, columns: Sequence[Column]) -> Iterator[Write]:
    """RFC 4180 in UTF-8 without a byte order mark: CRLF, a header, null as an empty cell."""

    def write(rows: Sequence[Sequence[Any]]) -> None:
        lines = io.StringIO(newline="")
        csv.writer(lines, lineterminator="\r\n").writerows(map(_cells, rows))
        target.write(lines.getvalue().encode())

    write([[column.name for column in columns]])
    yield write


def _cells(row: Sequence[Any]) -> list[str]:
    return [_cell(value) for value in row]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return neutral(value)
    return _text(value)


def _text(value: Any) -> str:
    """Write a value that is no text: ISO 8601 with ``Z``, decimals in full, ``true``, JSON."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return format(value, "f")
    return msgspec.json.encode(value).decode()


@contextmanager
def to_json(target: BinaryIO, columns: Sequence[Column]) -> Iterator[Write]:
    """One array of one object a line, its keys in the columns' order; money is a number."""
    names = [column.name for column in columns]
    encoder = msgspec.json.Encoder(decimal_format="number")
    before = b"[\n"

    def write(rows: Sequence[Row]) -> None:
        nonlocal before
        for row in rows:
            values = (_text(value) if isinstance(value, datetime) else value for value in row)
            target.write(before + encoder.encode(dict(zip(names, values, strict=True))))
            before = b",\n"

    yield write
    target.write(b"[]\n" if before == b"[\n" else b"\n]\n")


@contextmanager
def to_xlsx(target: BinaryIO, columns: Sequence[Column]) -> Iterator[Write]:
    """One worksheet, ``results``, written row by row through a temporary file.

    `InvalidInput` for what a worksheet cannot hold whole: nothing is cut.
    """
    from xlsxwriter import Workbook

    if len(columns) > _SHEET_COLUMNS:
        raise _too_large(f"{len(columns)} columns of at most {_SHEET_COLUMNS}")
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "use_zip64": True,
    }
    with TemporaryDirectory(prefix="dialer-report-") as folder:
        book = Workbook(target, options | {"tmpdir": folder})
        sheet = book.add_worksheet("results")
        sheet.freeze_panes(1, 0)
        count = 0

        def write(rows: Sequence[Sequence[Any]]) -> None:
            nonlocal count
            if count + len(rows) > _SHEET_ROWS:
                raise _too_large(f"more than {_SHEET_ROWS - 1} rows")
            for row in rows:
                for place, value in enumerate(row):
                    _write_cell(sheet, count, place, value, columns)
                count += 1

        try:
            write([[column.name for column in columns]])
            yield write
        finally:  # after a failure as well: the workbook holds its temporary file open
            _close(book)


def _close(book: Any) -> None:
    from xlsxwriter.exceptions import FileCreateError

    try:
        book.close()
    except FileCreateError as error:
        raise OSError(f"the temporary folder: {error}") from error


def _write_cell(sheet: Any, row: int, place: int, value: Any, columns: Sequence[Column]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, int | float | Decimal) and -_EXACT < value < _EXACT:
        sheet.write_number(row, place, float(value))
    else:
        text = value if isinstance(value, str) else _text(value)
        if sheet.write_string(row, place, text) != 0:
            raise _too_large(f"{len(text)} characters in {columns[place].name}, row {row + 1}")


def _too_large(what: str) -> InvalidInput:
    message = f"format: xlsx cannot hold {what}; use csv or parquet"
    return InvalidInput(message, [FieldError("format", message, "xlsx")])


@contextmanager
def to_parquet(target: BinaryIO, columns: Sequence[Column]) -> Iterator[Write]:
    """Typed columns: times in UTC microseconds, money as decimal(38, 6), answers as text.

    Columns are kept in memory, packed, until the end: a Parquet file needs them together.
    """
    import polars as pl

    types = {
        "text": pl.String(),
        "any": pl.String(),
        "integer": pl.Int64(),
        "number": pl.Float64(),
        "money": pl.Decimal(38, 6),
        "time": pl.Datetime("us", "UTC"),
    }
    schema = {column.name: types[column.kind] for column in columns}
    frames = [pl.DataFrame(schema=schema)]

    def write(rows: Sequence[Row]) -> None:
        plain = [list(map(_plain, columns, row)) for row in rows]
        frames.append(pl.DataFrame(plain, schema=schema, orient="row"))

    yield write
    pl.concat(frames).write_parquet(target)


def _plain(column: Column, value: Any) -> Any:
    """A column has one type, so what is not text in a mixed one is written as JSON."""
    if column.kind != "any" or value is None or isinstance(value, str):
        return value
    return _text(value)


ENCODERS: Final[Mapping[Format, Encoder]] = {
    "csv": to_csv,
    "json": to_json,
    "xlsx": to_xlsx,
    "parquet": to_parquet,
}
