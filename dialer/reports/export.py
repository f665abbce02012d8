"""A campaign's results as a file or as bytes on their way to somebody."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Final, TypeVar
from uuid import uuid4

from dialer.errors import FieldError, InvalidInput, Unavailable
from dialer.reports.encode import ENCODERS, Format
from dialer.reports.results import columns_of, result_chunks
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx

T = TypeVar("T")

CONTENT_TYPES: Final[Mapping[Format, str]] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}


def parse_format(text: str) -> Format:
    """Return the format called ``text``; `InvalidInput` names those there are."""
    for known in ENCODERS:
        if text == known:
            return known
    message = f"format: found {text!r}; allowed: {', '.join(ENCODERS)}"
    raise InvalidInput(message, [FieldError("format", message, text)])


async def export_file(tx: Tx, campaign: Campaign, format: Format, path: Path) -> int:
    """Write the report to ``path`` and return its number of rows.

    It is written beside its place and moved there when it is whole, so that ``path`` holds the
    old file or the new one. `InvalidInput` or `Unavailable` when it cannot be written; nothing
    is read then.
    """
    try:
        path = await asyncio.to_thread(_check_target, path)
        part = path.with_name(f".report-{uuid4().hex}.part")
        file = await asyncio.to_thread(part.open, "xb")
        try:
            with file:
                rows = await _fill(tx, campaign, format, file)
            await asyncio.to_thread(os.replace, part, path)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
    except ConnectionError:  # of the database
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unavailable(f"cannot write {path}: {reason}; choose another file") from None
    return rows


async def _fill(tx: Tx, campaign: Campaign, format: Format, file: BinaryIO) -> int:
    total = 0
    async with aclosing(_pieces(tx, campaign, format)) as pieces:
        async for rows, data in pieces:
            total += rows
            await asyncio.to_thread(file.write, data)
    await asyncio.to_thread(_sync, file)
    return total


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _check_target(path: Path) -> Path:
    """Follow links to where the file belongs; refuse what a file cannot be put in place of."""
    found = path.resolve()
    problem = None
    if found.is_dir():
        problem = "is a folder; name a file in it"
    elif found.exists() and not found.is_file():
        problem = "is not an ordinary file; name one"
    elif not found.parent.is_dir():
        problem = "its folder does not exist; make it first"
    if problem is not None:
        message = f"output: {path}: {problem}"
        raise InvalidInput(message, [FieldError("output", message, str(path))])
    return found


async def export_stream(tx: Tx, campaign: Campaign, format: Format) -> AsyncGenerator[bytes]:
    """Yield the report's bytes while ``tx`` stays open; CSV and JSON come as they are read.

    An XLSX or Parquet file comes as one piece at the end, so that an error comes before it.
    """
    async with aclosing(_pieces(tx, campaign, format)) as pieces:
        async for _, data in pieces:
            if data:
                yield data


async def _pieces(tx: Tx, campaign: Campaign, format: Format) -> AsyncGenerator[tuple[int, bytes]]:
    """Yield how many rows were encoded, and the bytes that are ready by now.

    Encoding is work for the processor, so it runs beside the event loop that carries calls.
    """
    columns = await columns_of(tx, campaign)
    buffer = io.BytesIO()
    async with (
        _in_thread(ENCODERS[format](buffer, columns)) as write,
        aclosing(result_chunks(tx, campaign, columns)) as chunks,
    ):
        async for rows in chunks:
            await asyncio.to_thread(write, rows)
            yield len(rows), _take(buffer)
    yield 0, _take(buffer)


def _take(buffer: io.BytesIO) -> bytes:
    data = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return data


@asynccontextmanager
async def _in_thread(context: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave ``context`` in a worker thread: the last step of a file is the longest."""
    value = await asyncio.to_thread(context.__enter__)
    try:
        yield value
    except BaseException as error:
        await asyncio.to_thread(context.__exit__, type(error), error, error.__traceback__)
        raise
    await asyncio.to_thread(context.__exit__, None, None, None)
