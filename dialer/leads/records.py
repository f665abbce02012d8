"""An uploaded file → its records, each with its line and its text. No field is interpreted here.

The records are split before anything else looks at them, so that a damaged one costs itself and
nothing more: a ragged row never shifts cells, an unclosed quote never swallows the rest.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NamedTuple

from dialer.errors import InvalidInput

SNIFF_BYTES: Final = 65_536
#: A quoted cell longer than this is a quote that was never closed.
MAX_RECORD_LINES: Final = 100
DELIMITERS: Final = ",;\t|"

_SAVE_AS = "export it as CSV (UTF-8) and import that"
_MAGIC: Final = (
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"RIFF", "a sound or image file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
)
_MARKUP = re.compile(rb'^\s*(?:<!doctype|<html|<\?xml|<table|\{\s*"|\[\s*\{)', re.IGNORECASE)
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like UTF-16's, so it is asked first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Excel's own first line of a file that names its delimiter.
_DECLARED_DELIMITER = re.compile(r'^\ufeff?"?sep=([,;\t|])"?\s*$', re.IGNORECASE)
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_UNDECODED = re.compile("[\udc80-\udcff]")
_NO_TEXT: Final = "has bytes that are not text in the file's encoding; enter the row again"
_MULTI_BYTE = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]")


class Record(NamedTuple):
    """One record. ``line``: physical line where it begins, from 1. ``fault``: it has no cells."""

    line: int
    raw: str
    cells: list[str]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file that looks like CSV. ``notes``: what a person should know about how it was read."""

    data: bytes | Path
    encoding: str
    delimiter: str
    notes: tuple[str, ...] = ()

    def records(self) -> Iterator[Record]:
        """Yield every record, the header first; lines without any text are skipped.

        Raises `InvalidInput` where the bytes stop being text of this encoding.
        """
        with _text(self.data, self.encoding) as text:
            split = _split(_Tape(text), self.delimiter)
            first = next(split, None)
            if first is not None and not _DECLARED_DELIMITER.match(first.raw):
                yield first
            yield from split


def open_source(data: bytes | Path) -> Source:
    """Look at a file's bytes; raise `InvalidInput` if it is empty or plainly no CSV."""
    with _raw(data) as raw:
        head = raw.read(SNIFF_BYTES)
    if not head.strip(b"\x00\r\n\t \xef\xbb\xbf\xff\xfe"):
        raise InvalidInput("the file is empty; it needs a header line and one line per lead")
    kind = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
    if kind is None and _MARKUP.match(head):
        kind = "HTML, XML or JSON"
    if kind is not None:
        raise InvalidInput(f"the file is {kind}, not CSV; {_SAVE_AS}")
    encoding, notes = _encoding(data, head)
    first = _first_line(data, encoding)
    return Source(data, encoding, _delimiter(first), notes)


def _raw(data: bytes | Path) -> IO[bytes]:
    if isinstance(data, bytes):
        return io.BytesIO(data)
    try:
        return data.open("rb")
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise InvalidInput(f"cannot read {data}: {reason}; check the path") from None


def _text(data: bytes | Path, encoding: str) -> io.TextIOWrapper:
    # Bytes that are no text become lone surrogates, and cost their row instead of the file.
    errors = "strict" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    return io.TextIOWrapper(_raw(data), encoding=encoding, errors=errors, newline="")


def _encoding(data: bytes | Path, head: bytes) -> tuple[str, tuple[str, ...]]:
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name, ()
    even, odd = head[::2].count(0), head[1::2].count(0)
    if even + odd > len(head) // 4 and min(even, odd) <= max(even, odd) // 10:
        return ("utf-16-be" if even > odd else "utf-16-le"), ()
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > 8 and controls > len(head) // 50:  # fewer are damage, and cost their rows
        raise InvalidInput(f"the file is binary, not CSV; {_SAVE_AS}")
    has_undecoded, has_multi_byte = _utf8_evidence(data)
    if not has_undecoded:
        return "utf-8", ()
    if has_multi_byte:
        return "utf-8", ("some rows hold bytes that are not UTF-8; they were rejected",)
    return "cp1252", (
        "the file is not UTF-8 and was read as Windows-1252; check names with accents",
    )


def _utf8_evidence(data: bytes | Path) -> tuple[bool, bool]:
    """Whether the file has bytes that are not UTF-8, and whether it has UTF-8 beyond ASCII.

    Both together are a damaged UTF-8 file: read as Windows-1252, each Indian name in it would
    silently become nonsense.
    """
    has_undecoded = has_multi_byte = False
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    with _raw(data) as raw:
        while block := raw.read(1 << 20):
            text = decoder.decode(block)
            if not text.isascii():
                has_undecoded = has_undecoded or _UNDECODED.search(text) is not None
                has_multi_byte = has_multi_byte or _MULTI_BYTE.search(text) is not None
        has_undecoded = has_undecoded or bool(decoder.decode(b"", final=True))
    return has_undecoded, has_multi_byte


def _first_line(data: bytes | Path, encoding: str) -> str:
    with _text(data, encoding) as text:
        try:
            return next((line for line in text if line.strip()), "")
        except UnicodeError:
            raise _not_text(encoding) from None


def _not_text(encoding: str) -> InvalidInput:
    return InvalidInput(f"the file is not valid {encoding.upper()} text; {_SAVE_AS}")


def _delimiter(first_line: str) -> str:
    if declared := _DECLARED_DELIMITER.match(first_line):
        return declared[1]
    outside_quotes = re.sub(r'"[^"]*"', "", first_line)
    return max(DELIMITERS, key=outside_quotes.count)


class _Runaway(Exception):
    """A quote was opened and not closed within `MAX_RECORD_LINES`."""


class _Tape:
    """Feeds lines to the CSV reader, remembers what the present record took, can give it back."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._returned: deque[str] = deque()
        self._taken: list[str] = []
        self._line = 1  # of the first line in `_taken`

    def __iter__(self) -> _Tape:
        return self

    def __next__(self) -> str:
        if len(self._taken) >= MAX_RECORD_LINES:
            raise _Runaway
        try:
            line = self._returned.popleft() if self._returned else next(self._text)
        except UnicodeError:
            raise _not_text(self._text.encoding) from None
        self._taken.append(line)
        return line

    def take(self) -> tuple[int, str]:
        """Return line number and text of the present record and begin the next."""
        line, taken = self._line, self._taken
        self._line += len(taken)
        self._taken = []
        return line, (taken[0] if len(taken) == 1 else "".join(taken)).rstrip("\r\n")

    def take_first_line(self) -> tuple[int, str]:
        """The present record is broken: give up its first line, give the others back."""
        self._returned.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]
        return self.take()


def _split(tape: _Tape, delimiter: str) -> Iterator[Record]:
    """Strict on purpose: a reader that repairs quotes moves cells into their neighbours."""
    while True:
        reader = csv.reader(tape, delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            for cells in reader:
                line, raw = tape.take()
                if cells and (len(cells) > 1 or cells[0].strip()):
                    if _is_text(raw):
                        yield Record(line, raw, cells)
                    else:
                        yield Record(line, _storable(raw), [], _NO_TEXT)
            return
        except _Runaway:
            fault = "a quote is opened and never closed"
        except csv.Error as error:
            fault = _fault(str(error))
        line, raw = tape.take_first_line()
        yield Record(line, _storable(raw), [], fault)


def _fault(error: str) -> str:
    if "field limit" in error:
        return "a cell is longer than 131,072 characters"
    if "unexpected end" in error:
        return "a quote is opened and never closed"
    return "text follows a closing quote; double the quotes that belong to the text"


def _is_text(raw: str) -> bool:
    return "\x00" not in raw and (raw.isascii() or not _UNDECODED.search(raw))


def _storable(raw: str) -> str:
    """What is no text as a visible mark: Postgres takes neither NUL nor lone surrogates."""
    return _UNDECODED.sub("\ufffd", raw.replace("\x00", "\ufffd"))
