"""An uploaded CSV → typed chunks of leads, and every row that is not one with its reason.

Rows go through in chunks, so memory holds one chunk and the numbers seen so far, not the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dialer.errors import InvalidInput
from dialer.leads.columns import Columns, match_columns
from dialer.leads.records import Record, Source, open_source
from dialer.leads.typed import read_rows

if TYPE_CHECKING:
    import polars as pl

CHUNK_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not loaded. ``line``: its first physical line; ``column``: None = the row."""

    line: int
    raw: str
    column: str | None
    reason: str
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """``rows`` of the file: each is either in ``leads`` or in ``rejects``."""

    rows: int
    leads: pl.DataFrame | None  # of `typed.LEAD_COLUMNS`; None: every row was rejected
    rejects: Sequence[Reject]


@dataclass(frozen=True, slots=True)
class LeadFile:
    """A file whose header is understood. ``notes``: how it was read, for a person."""

    source: Source
    columns: Columns

    @property
    def notes(self) -> tuple[str, ...]:
        return self.source.notes

    def chunks(
        self, *, now: datetime, default_region: str = "IN", chunk_rows: int = CHUNK_ROWS
    ) -> Iterator[Chunk]:
        """Yield the file's rows in order, ``chunk_rows`` at a time. Raises `InvalidInput`."""
        seen = _Seen()
        records = self.source.records()
        next(records)  # the header
        batch: list[Record] = []
        for record in records:
            batch.append(record)
            if len(batch) >= chunk_rows:
                yield _read_chunk(batch, self.columns, seen, default_region, now)
                batch = []
        if batch:
            yield _read_chunk(batch, self.columns, seen, default_region, now)


def open_leads(data: bytes | Path, mapping: Mapping[str, str] | None = None) -> LeadFile:
    """Look at a file's kind, encoding and header; ``mapping`` is column → field.

    Raises `InvalidInput`, one line with the fix, for a file that holds no leads at all.
    """
    source = open_source(data)
    records = source.records()
    header = next(records, None)
    if header is None:
        raise InvalidInput("the file is empty; it needs a header line and one line per lead")
    if header.fault is not None:
        raise InvalidInput(f"the header (line {header.line}): {header.fault}")
    columns = match_columns(header.cells, mapping or {})
    if next(records, None) is None:
        raise InvalidInput("the file has a header and no rows; add one line per lead")
    return LeadFile(source, columns)


@dataclass(slots=True)
class _Seen:
    """Phones and external ids of the rows so far, with the line of each."""

    phones: dict[str, int] = field(default_factory=dict)
    external_ids: dict[str, int] = field(default_factory=dict)

    def take_all(self, lines: list[int], phones: list[str], ids: list[str | None]) -> bool:
        """Remember rows of which none is a duplicate, at a fraction of the cost of one by one;
        otherwise return False and remember nothing."""
        new_phones = dict(zip(phones, lines, strict=True))
        new_ids = {id_: line for id_, line in zip(ids, lines, strict=True) if id_ is not None}
        if len(new_phones) < len(phones) or len(new_ids) < len(ids) - ids.count(None):
            return False
        if not self.phones.keys().isdisjoint(new_phones):
            return False
        if not self.external_ids.keys().isdisjoint(new_ids):
            return False
        self.phones |= new_phones
        self.external_ids |= new_ids
        return True

    def why_duplicate(self, line: int, phone: str, external_id: str | None) -> str | None:
        """Say of which line this row is a duplicate; a row that is none is remembered."""
        first = self.phones.get(phone)
        if first is not None:
            return f"duplicate of line {first}: the same phone"
        if external_id is not None:
            first = self.external_ids.setdefault(external_id, line)
            if first != line:
                return f"duplicate of line {first}: the same external_id"
        self.phones[phone] = line
        return None


def _read_chunk(
    records: Sequence[Record], columns: Columns, seen: _Seen, default_region: str, now: datetime
) -> Chunk:
    whole, rejects = _whole_rows(records, len(columns.header))
    if not whole:
        return Chunk(len(records), None, rejects)
    typed, reasons = read_rows(whole, columns, default_region=default_region, now=now)
    lines, phones, ids = (typed[name].to_list() for name in ("line", "phone", "external_id"))
    if not reasons and seen.take_all(lines, phones, ids):
        return Chunk(len(records), typed, rejects)
    keep: list[bool] = []
    for row, (record, phone, external_id) in enumerate(zip(whole, phones, ids, strict=True)):
        column, reason = reasons.get(row, (None, None))
        duplicate = None if reason else seen.why_duplicate(record.line, phone, external_id)
        why = reason or duplicate
        if why is not None:
            is_duplicate = duplicate is not None
            rejects.append(Reject(record.line, record.raw, column, why, is_duplicate))
        keep.append(why is None)
    rejects.sort(key=lambda reject: reject.line)
    return Chunk(len(records), typed.filter(keep), rejects)


def _whole_rows(records: Sequence[Record], width: int) -> tuple[list[Record], list[Reject]]:
    whole: list[Record] = []
    rejects: list[Reject] = []
    for record in records:
        if record.fault is None and len(record.cells) == width:
            whole.append(record)
            continue
        reason = record.fault or (
            f"has {len(record.cells)} cells, the header has {width}; look for a missing or extra "
            "delimiter, or a quote"
        )
        rejects.append(Reject(record.line, record.raw, None, reason))
    return whole, rejects
