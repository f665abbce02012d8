"""Rows of text → typed leads, a column at a time; a cell that does not parse names its reason.

Polars (0.2 s to load) is imported where it is used: the command line starts without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from dialer.domain import lead
from dialer.domain.lead import PhoneCell, Problem
from dialer.leads.columns import Columns
from dialer.leads.records import Record

if TYPE_CHECKING:
    import polars as pl

#: A B-tree key in Postgres ends at 2,704 bytes, and no CRM's id comes near this.
MAX_EXTERNAL_ID: Final = 200

#: The columns of a frame of leads. All but ``line`` are text: ``other_phones`` joined by commas,
#: ``consent_at`` ISO 8601 in UTC, ``attributes`` a JSON object in which an empty cell is null.
LEAD_COLUMNS: Final = (
    "line",
    "raw",
    "phone",
    "other_phones",
    "external_id",
    "name",
    "first_name",
    "timezone",
    "language",
    "consent_kind",
    "consent_at",
    "consent_source",
    "consent_evidence",
    "attributes",
)

_CONSENT_DETAILS: Final = ("consent_at", "consent_source", "consent_evidence")

Read: TypeAlias = Callable[[str], str | Problem | None]
#: Row → (header of the column, reason); the first bad cell of a row speaks for it.
Reasons: TypeAlias = dict[int, tuple[str, str]]


def read_rows(
    records: Sequence[Record], columns: Columns, *, default_region: str, now: datetime
) -> tuple[pl.DataFrame, Reasons]:
    """Read records that are as wide as the header: every row in order, and why some are bad."""
    import polars as pl

    cells = _cells(records, columns)
    reasons: Reasons = {}
    typed: dict[str, pl.Series] = {}
    kept = _read_phones(cells, columns, default_region, typed, reasons)
    for field, read in _readers(now).items():
        position = columns.fields.get(field)
        if position is None:
            typed[field] = pl.repeat(None, len(records), dtype=pl.String, eager=True)
            continue
        typed[field], wrong = _read_column(cells[str(position)], read)
        _note(reasons, columns.header[position], wrong)
    _note_long_ids(typed["external_id"], columns, reasons)
    kept += _without_a_kind(cells, columns, typed["consent_kind"])
    frame = pl.DataFrame(
        {
            "line": pl.Series([record.line for record in records], dtype=pl.Int32),
            "raw": pl.Series([record.raw for record in records], dtype=pl.String),
            **typed,
            "attributes": _attributes(cells, columns, kept),
        }
    )
    return frame.select(LEAD_COLUMNS), reasons


def _readers(now: datetime) -> Mapping[str, Read | None]:
    """How each field but the phone is read; None: any text will do."""
    return {
        "external_id": None,
        "name": None,
        "first_name": None,
        "timezone": lead.read_timezone,
        "language": lead.read_language,
        "consent_kind": lead.read_consent_kind,
        "consent_at": partial(_read_consent_at, now=now),
        "consent_source": None,
        "consent_evidence": None,
    }


def _read_consent_at(text: str, *, now: datetime) -> str | Problem | None:
    at = lead.read_consent_at(text, now=now)
    return at.isoformat() if isinstance(at, datetime) else at


def _cells(records: Sequence[Record], columns: Columns) -> pl.DataFrame:
    """Every column of the file under its position, trimmed, an empty cell as null."""
    import polars as pl

    by_column = _transposed(records, len(columns.header))
    frame = pl.DataFrame(
        [pl.Series(str(at), cells, dtype=pl.String) for at, cells in enumerate(by_column)]
    )
    text = pl.all().str.strip_chars()
    if columns.is_rejects_file:  # undo what neutralised the formulas on the way out
        text = text.str.replace(r"^'([=+\-@])", "${1}")
    return frame.select(text).select(pl.when(pl.all() != "").then(pl.all()))


def _transposed(records: Sequence[Record], width: int) -> list[list[str]]:
    """Rows to columns, a few hundred rows at a time: nine times faster than all at once, whose
    row iterators do not fit into the processor's cache."""
    by_column: list[list[str]] = [[] for _ in range(width)]
    for first in range(0, len(records), 500):
        block = (record.cells for record in records[first : first + 500])
        for column, cells in zip(by_column, zip(*block, strict=True), strict=True):
            column.extend(cells)
    return by_column


def _read_phones(
    cells: pl.DataFrame,
    columns: Columns,
    default_region: str,
    typed: dict[str, pl.Series],
    reasons: Reasons,
) -> list[pl.Series]:
    """Fill ``phone`` and ``other_phones``; return the cells of which some part is no number."""
    written = cells[str(columns.fields["phone"])].fill_null("")
    fast = lead.FAST_PHONE if default_region.upper() == "IN" else lead.FAST_PHONE_ABROAD
    phone = "+91" + written.str.replace_all(lead.FAST_SEPARATORS, "${1}").str.extract(fast, 1)
    slow = {
        text: lead.read_phones(text, default_region)
        for text in written.filter(phone.is_null()).unique().to_list()
    }
    good = {text: cell for text, cell in slow.items() if isinstance(cell, PhoneCell)}
    wrong = {text: cell.reason for text, cell in slow.items() if isinstance(cell, Problem)}
    typed["phone"] = phone.fill_null(_look_up(written, {t: c.phone for t, c in good.items()}))
    typed["other_phones"] = _look_up(
        written, {text: ",".join(cell.others) for text, cell in good.items() if cell.others}
    )
    _note(reasons, columns.name_of("phone"), _look_up(written, wrong))
    unread = {text: text for text, cell in good.items() if cell.unread}
    return [_look_up(written, unread).alias(columns.name_of("phone"))] if unread else []


def _without_a_kind(cells: pl.DataFrame, columns: Columns, kinds: pl.Series) -> list[pl.Series]:
    """What a row says of a consent whose kind it does not give: no consent, but not lost."""
    has_none = kinds.is_null()
    if not has_none.any():
        return []
    found = [name for name in _CONSENT_DETAILS if name in columns.fields]
    return [
        cells[str(columns.fields[name])].set(~has_none, None).alias(columns.name_of(name))
        for name in found
    ]


def _read_column(cells: pl.Series, read: Read | None) -> tuple[pl.Series, pl.Series | None]:
    """Return the values, and the reasons of those that are none. Each text is read once."""
    if read is None:
        return cells, None
    results = {text: read(text) for text in cells.drop_nulls().unique().to_list()}
    good = {text: value for text, value in results.items() if isinstance(value, str)}
    wrong = {text: value.reason for text, value in results.items() if isinstance(value, Problem)}
    return _look_up(cells, good), _look_up(cells, wrong) if wrong else None


def _look_up(cells: pl.Series, values: Mapping[str, str]) -> pl.Series:
    import polars as pl

    if not values:
        return pl.repeat(None, len(cells), dtype=pl.String, eager=True)
    return cells.replace_strict(
        list(values), list(values.values()), default=None, return_dtype=pl.String
    )


def _note(reasons: Reasons, column: str, wrong: pl.Series | None) -> None:
    if wrong is None:
        return
    for row in wrong.is_not_null().arg_true().to_list():
        reasons.setdefault(row, (column, wrong[row]))


def _note_long_ids(ids: pl.Series, columns: Columns, reasons: Reasons) -> None:
    reason = f"is longer than {MAX_EXTERNAL_ID} characters; use a shorter id"
    for row in (ids.str.len_chars() > MAX_EXTERNAL_ID).arg_true().to_list():
        reasons.setdefault(row, (columns.name_of("external_id"), reason))


def _attributes(cells: pl.DataFrame, columns: Columns, kept: Sequence[pl.Series]) -> pl.Series:
    """The other columns as JSON, and what is ``kept`` of a field's cell beside its value."""
    import polars as pl

    others = [cells[str(at)].alias(name) for name, at in columns.attributes]
    others += kept
    if not others:
        return pl.repeat("{}", len(cells), dtype=pl.String, eager=True)
    return pl.DataFrame(others).to_struct("attributes").struct.json_encode()
