"""CSV files of phones that are no leads: a register's verdicts, a do-not-call list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dialer.compliance.preferences import NO_PREFERENCES, parse_verdict
from dialer.domain.lead import Phone, PhoneProblem, normalise_phone
from dialer.errors import FieldError, InvalidInput
from dialer.leads.columns import match_columns
from dialer.leads.records import Record, open_source


@dataclass(frozen=True, slots=True)
class Verdicts:
    """``pairs``: (phone, verdict), each phone once. ``blocked``: how many verdicts forbid anything,
    be it all calls or some hours."""

    pairs: list[tuple[str, str]]
    blocked: int


@dataclass(frozen=True, slots=True)
class PhoneList:
    """``phones``: in the file's order, each once. ``problems``: (line, reason) of the others.

    rows = len(phones) + duplicate + len(problems)."""

    rows: int
    phones: list[Phone]
    duplicate: int
    problems: list[tuple[int, str]]


def read_verdicts(data: bytes) -> Verdicts:
    """Read ``phone,verdict`` rows (compliance.md §6).

    All or nothing: a verdict that was skipped would leave a number without one, so the first bad
    row raises `InvalidInput` with its line and the fix.
    """
    records = open_source(data).records()
    header = _first(records)
    phone_at, verdict_at = _columns(header)
    found: dict[str, str] = {}
    for record in records:
        cells = _whole(record, len(header.cells), verdict_at)
        read = normalise_phone(cells[phone_at])
        if isinstance(read, PhoneProblem):
            raise _wrong(record.line, f"phone: {read.reason}")
        verdict = cells[verdict_at].strip()
        if found.setdefault(read, verdict) != verdict:
            raise _wrong(record.line, "phone: has another verdict further up; keep one of them")
        _check(record.line, verdict)
    if not found:
        raise _wrong(header.line, "the file has a header and no rows; add one line per phone")
    blocked = sum(
        parse_verdict(verdict).without_extension() != NO_PREFERENCES for verdict in found.values()
    )
    return Verdicts(list(found.items()), blocked)


def read_phones(data: bytes) -> PhoneList:
    """Read a column ``phone``, or a file of one number a line without any header."""
    records = open_source(data).records()
    first = _first(records)
    has_header = all(isinstance(normalise_phone(cell), PhoneProblem) for cell in first.cells)
    phone_at = _phone_column(first) if has_header else 0
    phones: dict[Phone, None] = {}
    problems: list[tuple[int, str]] = []
    rows = 0
    for record in records if has_header else _again(first, records):
        rows += 1
        cells = record.cells
        read = normalise_phone(cells[phone_at]) if phone_at < len(cells) else None
        if read is None:
            problems.append((record.line, record.fault or "has no phone"))
        elif isinstance(read, PhoneProblem):
            problems.append((record.line, read.reason))
        else:
            phones[read] = None
    return PhoneList(rows, list(phones), rows - len(phones) - len(problems), problems)


def _first(records: Iterator[Record]) -> Record:
    first = next(records, None)
    if first is None:
        raise _wrong(1, "the file is empty; add one line per phone")
    if first.fault is not None:
        raise _wrong(first.line, first.fault)
    return first


def _phone_column(header: Record) -> int:
    try:
        return match_columns(header.cells, {}).fields["phone"]
    except InvalidInput:
        message = "is neither a number nor a header with a column phone; correct or remove it"
        raise _wrong(header.line, message) from None


def _again(first: Record, others: Iterator[Record]) -> Iterator[Record]:
    yield first
    yield from others


def _columns(header: Record) -> tuple[int, int]:
    """Return where ``phone`` and ``verdict`` stand."""
    names = [cell.strip().lower() for cell in header.cells]
    for name in ("phone", "verdict"):
        if name not in names:
            raise _wrong(header.line, f"no column {name}; the header must be phone,verdict")
    return names.index("phone"), names.index("verdict")


def _whole(record: Record, width: int, verdict_at: int) -> list[str]:
    """Return the row's cells; a verdict in the last column may have commas without quotes."""
    if record.fault is not None:
        raise _wrong(record.line, record.fault)
    cells = record.cells
    if verdict_at == width - 1 and len(cells) > width:
        cells = [*cells[:verdict_at], ",".join(cells[verdict_at:])]
    if len(cells) != width:
        raise _wrong(record.line, f"has {len(cells)} cells, the header has {width}")
    return cells


def _check(line: int, verdict: str) -> None:
    try:
        parse_verdict(verdict)
    except ValueError as error:
        raise _wrong(line, f"verdict: {error}") from None


def _wrong(line: int, message: str) -> InvalidInput:
    text = f"line {line}: {message}"
    return InvalidInput(f"file: {text}", [FieldError("file", text)])
