"""A file of leads → rows of one list, in the caller's transaction: all of it or nothing.

The rows are copied into a temporary table and merged from there by a few statements over the
whole set. What is not in the file is left alone: an empty cell, or a column that a second file
does not have, never erases what the list knows.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import text

from dialer.domain.events import ListImported
from dialer.domain.ids import uuid7, uuid7s
from dialer.domain.lead import Problem, read_region
from dialer.errors import FieldError, InvalidInput
from dialer.leads.csv import Chunk, LeadFile, Reject, open_leads
from dialer.leads.erased import without_erased
from dialer.leads.typed import LEAD_COLUMNS
from dialer.store.engine import Tx
from dialer.store.outbox import tell
from dialer.store.suppressions import erased_marks

if TYPE_CHECKING:
    import polars as pl

MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class ImportResult:
    """One import: ``rows`` = ``loaded`` + ``updated`` + ``duplicate`` + ``rejected``.

    header, delimiter: of the file, for `rejects.rejects_csv`. fields: field → the file's column.
    notes: how the file was read, where a person should know.
    """

    list_id: UUID
    name: str
    rows: int
    loaded: int
    updated: int
    duplicate: int
    rejected: int
    header: tuple[str, ...]
    delimiter: str
    fields: Mapping[str, str]
    notes: tuple[str, ...]


async def import_leads(
    tx: Tx,
    *,
    name: str,
    data: bytes | Path,
    mapping: Mapping[str, str] | None = None,
    default_region: str = "IN",
) -> ImportResult:
    """Load a CSV into the list ``name``, which is made if there is none.

    A row whose phone is already in the list adds what it knows to that lead (updated) or tells
    nothing new (duplicate). A row whose external_id belongs to another phone there is rejected.
    A kind of consent makes a row of ``consents`` unless the lead has the same fact already.
    Raises `InvalidInput`, before anything is written, for a file that holds no leads.
    """
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME or "\x00" in name:
        raise _wrong("name", f"a list needs a name of 1 to {MAX_NAME} characters")
    region = read_region(default_region)
    if isinstance(region, Problem):
        raise _wrong("default_region", region.reason)
    file = await asyncio.to_thread(open_leads, data, mapping)
    list_id, has_leads = await _lock_list(tx, name)
    await tx.execute(text("SET LOCAL work_mem = '64MB'"))  # sorts and joins of a whole file
    await tx.execute(text(_STAGE))
    chunks = file.chunks(now=tx.now, default_region=region)
    rows = duplicate = rejected = 0
    erased = await erased_marks(tx)
    while chunk := await asyncio.to_thread(next, chunks, None):
        if erased and chunk.leads is not None:
            chunk = await asyncio.to_thread(without_erased, chunk, erased, tx.mark_of, file)
        await _copy_leads(tx, chunk, keep_raw=has_leads)
        await _copy_rejects(tx, list_id, chunk.rejects)
        rows += chunk.rows
        duplicate += sum(reject.is_duplicate for reject in chunk.rejects)
        rejected += sum(not reject.is_duplicate for reject in chunk.rejects)
    merged = await _merge(tx, list_id, file)
    rejected += merged.rejected
    duplicate += merged.duplicate
    counts = (rows, merged.loaded, merged.updated, duplicate, rejected)
    await _finish(tx, list_id, file, counts)
    tx.grew("leads", "consents", rows=merged.loaded + merged.updated)
    named = dict(zip(_COUNTS, counts, strict=True))
    await tell(tx, ListImported(list_id=list_id, name=name, counts=named))
    fields = {field: file.columns.name_of(field) for field in file.columns.fields}
    header, delimiter = file.columns.header, file.source.delimiter
    return ImportResult(list_id, name, *counts, header, delimiter, fields, file.notes)


def _wrong(field: str, message: str) -> InvalidInput:
    return InvalidInput(f"{field}: {message}", [FieldError(field, message)])


async def _lock_list(tx: Tx, name: str) -> tuple[UUID, bool]:
    """Return the list's id under its row lock, so that imports into it queue, and whether it
    has leads."""
    ids = {"account_id": tx.account_id, "id": uuid7(), "name": name, "now": tx.now}
    await tx.execute(text(_ADD_LIST), ids)
    row = (await tx.execute(text(_LOCK_LIST), ids)).one()
    return row.id, row.has_leads


async def _copy_leads(tx: Tx, chunk: Chunk, *, keep_raw: bool) -> None:
    """``keep_raw``: only a list that has leads can reject a row from now on."""
    if chunk.leads is None or chunk.leads.is_empty():
        return
    source = await asyncio.to_thread(_as_csv, chunk.leads, keep_raw)
    await tx.copy_csv("lead_import", ["id", *LEAD_COLUMNS], source)


def _as_csv(leads: pl.DataFrame, keep_raw: bool) -> io.BytesIO:
    import polars as pl

    ids = pl.Series([made.hex for made in uuid7s(len(leads))], dtype=pl.String)
    raw = leads["raw"] if keep_raw else pl.repeat("", len(leads), dtype=pl.String, eager=True)
    frame = leads.with_columns(raw.alias("raw")).select(ids.alias("id"), *LEAD_COLUMNS)
    target = io.BytesIO()
    frame.write_csv(target, include_header=False)
    target.seek(0)
    return target


async def _copy_rejects(tx: Tx, list_id: UUID, rejects: Sequence[Reject]) -> None:
    if not rejects:
        return
    records = [
        (tx.account_id, made, list_id, row.line, row.raw, row.column, row.reason, row.is_duplicate)
        for made, row in zip(uuid7s(len(rejects)), rejects, strict=True)
    ]
    columns = ["account_id", "id", "list_id", "line", "raw", "column", "reason", "is_duplicate"]
    await tx.copy_rows("rejects", columns, records)


@dataclass(frozen=True, slots=True)
class _Merged:
    loaded: int
    updated: int
    duplicate: int
    rejected: int


async def _merge(tx: Tx, list_id: UUID, file: LeadFile) -> _Merged:
    values = {"account_id": tx.account_id, "list_id": list_id, "now": tx.now}
    await tx.execute(text("ANALYZE lead_import"))
    clashes = (await tx.execute(text(_TAKE_CLASHES), values)).all()
    for block in _blocks(clashes, 10_000):
        await _copy_rejects(tx, list_id, [_clash(row, file) for row in block])
    await tx.execute(text(_FIND_KNOWN), values)
    await tx.execute(text(_UPDATE), values)
    loaded = (await tx.execute(text(_INSERT), values)).rowcount
    await tx.execute(text(_ADD_CONSENTS), values)
    row = (await tx.execute(text(_COUNT), values)).one()
    await tx.execute(text("DROP TABLE lead_import"))
    duplicate = row.staged - loaded - row.updated
    return _Merged(loaded, row.updated, duplicate, len(clashes))


def _blocks(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (rows[first : first + size] for first in range(0, len(rows), size))


def _clash(row: Any, file: LeadFile) -> Reject:
    reason = "belongs to another phone in this list; correct the id or the phone"
    return Reject(row.line, row.raw, file.columns.name_of("external_id"), reason)


async def _finish(tx: Tx, list_id: UUID, file: LeadFile, counts: Iterable[int]) -> None:
    columns = [attribute for attribute, _ in file.columns.attributes]
    values = {
        "account_id": tx.account_id,
        "list_id": list_id,
        "columns": columns,
        "header": list(file.columns.header),
        "delimiter": file.source.delimiter,
    }
    await tx.execute(text(_FINISH), values | dict(zip(_COUNTS, counts, strict=True)))


_COUNTS = ("rows", "loaded", "updated", "duplicate", "rejected")

_ADD_LIST = """
INSERT INTO lead_lists (account_id, id, name, status, created_at)
VALUES (:account_id, :id, :name, 'importing', :now)
ON CONFLICT (account_id, name) DO NOTHING
"""

_LOCK_LIST = """
SELECT id, EXISTS (
    SELECT FROM leads WHERE leads.account_id = :account_id AND leads.list_id = lead_lists.id
) AS has_leads
FROM lead_lists WHERE account_id = :account_id AND name = :name
FOR NO KEY UPDATE
"""

# id: of the lead and of the consent that the row may become. lead_id: the lead of this list that
# has the phone already.
_STAGE = """
CREATE TEMPORARY TABLE lead_import (
    id uuid, line integer, raw text, phone text, other_phones text,
    external_id text, name text, first_name text, timezone text, language text,
    consent_kind text, consent_at timestamptz, consent_source text, consent_evidence text,
    attributes jsonb, lead_id uuid, has_news boolean NOT NULL DEFAULT false
) ON COMMIT DROP
"""

_TAKE_CLASHES = """
DELETE FROM lead_import USING leads
WHERE leads.account_id = :account_id AND leads.list_id = :list_id
  AND leads.external_id = lead_import.external_id AND leads.phone <> lead_import.phone
RETURNING lead_import.line, lead_import.raw
"""

# What a lead becomes: the row's word where it has one, else the lead's own.
_BECOMES: Final = {
    "other_phones": "coalesce(string_to_array(s.other_phones, ','), l.other_phones)",
    "external_id": "coalesce(s.external_id, l.external_id)",
    "name": "coalesce(s.name, l.name)",
    "first_name": "coalesce(s.first_name, l.first_name)",
    "timezone": "coalesce(s.timezone, l.timezone)",
    "language": "coalesce(s.language, l.language)",
    "attributes": "l.attributes || jsonb_strip_nulls(s.attributes)",
}

_FIND_KNOWN = f"""
UPDATE lead_import AS s
SET lead_id = l.id,
    has_news = ({", ".join(f"l.{column}" for column in _BECOMES)})
        IS DISTINCT FROM ({", ".join(_BECOMES.values())})
FROM leads AS l
WHERE l.account_id = :account_id AND l.list_id = :list_id AND l.phone = s.phone
"""

_UPDATE = f"""
UPDATE leads AS l
SET {", ".join(f"{column} = {value}" for column, value in _BECOMES.items())}, updated_at = :now
FROM lead_import AS s
WHERE s.has_news AND l.account_id = :account_id AND l.id = s.lead_id
"""

# In the file's order, so that ids, and with them the queue, follow it. A lead that someone else
# adds in this moment keeps its place: the row then counts as a duplicate.
_INSERT = """
INSERT INTO leads (account_id, id, list_id, phone, other_phones, external_id, name, first_name,
    timezone, language, attributes, created_at, updated_at)
SELECT :account_id, id, :list_id, phone, coalesce(string_to_array(other_phones, ','), '{}'),
    external_id, name, first_name, timezone, language, jsonb_strip_nulls(attributes), :now, :now
FROM lead_import WHERE lead_id IS NULL
ORDER BY line
ON CONFLICT DO NOTHING
"""

# The same fact twice is one fact, also when a later one took it back: an old file, imported
# again, does not revive a consent that has ended since.
_ADD_CONSENTS = """
INSERT INTO consents (account_id, id, lead_id, kind, captured_at, has_ended, source, evidence,
    recorded_at)
SELECT :account_id, s.id, l.id, split_part(s.consent_kind, ':', 1), s.consent_at,
    s.consent_kind LIKE '%\\:ended', s.consent_source, s.consent_evidence, :now
FROM lead_import AS s
JOIN leads AS l ON l.account_id = :account_id AND l.id = coalesce(s.lead_id, s.id)
WHERE s.consent_kind IS NOT NULL AND NOT EXISTS (
    SELECT FROM consents AS c
    WHERE c.account_id = :account_id AND c.lead_id = l.id
      AND (c.kind, c.captured_at, c.has_ended, c.source, c.evidence) IS NOT DISTINCT FROM
          (split_part(s.consent_kind, ':', 1), s.consent_at, s.consent_kind LIKE '%\\:ended',
           s.consent_source, s.consent_evidence)
)
ORDER BY s.line
"""

_COUNT = """
SELECT count(*) AS staged, count(*) FILTER (WHERE s.lead_id IS NOT NULL AND (s.has_news OR EXISTS (
    SELECT FROM consents AS c WHERE c.account_id = :account_id AND c.id = s.id
))) AS updated
FROM lead_import AS s
"""

_FINISH = """
UPDATE lead_lists SET status = 'ready', problem = NULL, rows = rows + :rows,
    loaded = loaded + :loaded, updated = updated + :updated,
    duplicate = duplicate + :duplicate, rejected = rejected + :rejected,
    header = CAST(:header AS text[]), delimiter = :delimiter,
    columns = columns || ARRAY(
        SELECT new FROM unnest(CAST(:columns AS text[])) WITH ORDINALITY AS given (new, place)
        WHERE new <> ALL (columns) ORDER BY place
    )
WHERE account_id = :account_id AND id = :list_id
"""
