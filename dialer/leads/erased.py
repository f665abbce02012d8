"""Rows of people who asked to be forgotten: a new file does not bring them back."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Final

from dialer.leads.csv import Chunk, LeadFile, Reject

ERASED: Final = (
    "its person asked to be erased, and nothing of the row was kept; if they want calls again, "
    "lift the suppression of the number first"
)


def without_erased(
    chunk: Chunk, erased: Set[str], mark_of: Callable[[str], str], file: LeadFile
) -> Chunk:
    """Reject the rows whose number bears one of the marks ``erased``, and keep no text of them."""
    assert chunk.leads is not None
    is_erased = [mark_of(phone) in erased for phone in chunk.leads["phone"]]
    if not any(is_erased):
        return chunk
    column = file.columns.name_of("phone")
    lines = [line for line, hit in zip(chunk.leads["line"], is_erased, strict=True) if hit]
    rejects = [Reject(line, "", column, ERASED) for line in lines]
    kept = chunk.leads.filter([not hit for hit in is_erased])
    return Chunk(chunk.rows, kept, sorted([*chunk.rejects, *rejects], key=lambda row: row.line))
