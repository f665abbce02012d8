"""Uploads that are imported after their request: kept on disk, then loaded in the background.

The list's status ``importing`` is the work to do, the file in ``<data_dir>/imports`` what to do it
with. A file whose list is not importing any more is left over and is removed, so that a process
killed at any line loses nothing and loads nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from dialer.errors import DatabaseAway, DialerError
from dialer.leads.load import ImportResult, import_leads
from dialer.store import lists
from dialer.store.engine import Database, Tx

log = logging.getLogger(__name__)

FOLDER: Final = "imports"
_ORPHAN_S: Final = 3600.0  # a request that has not committed by then never will


class How(Struct):
    """How an upload is to be read; beside its file as JSON."""

    mapping: dict[str, str]
    default_region: str


def spool(
    data_dir: Path, list_id: UUID, data: bytes, *, mapping: Mapping[str, str], default_region: str
) -> None:
    """Keep an upload on disk, durably. Call it before the list's status is committed."""
    folder = data_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / f"{list_id}.json", msgspec.json.encode(How(dict(mapping), default_region)))
    _write(folder / str(list_id), data)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, data: bytes) -> None:
    """Replace a file whole: whoever sees the name sees all of it."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


async def import_spooled(db: Database, data_dir: Path) -> int:
    """Import every upload that waits on this machine; return how many lists were settled.

    Harmless on every node and at any time: each list is locked by whoever imports it. A file that
    cannot be imported makes its list ``failed`` with the reason; a database that is away leaves
    everything for the next turn.
    """
    folder = data_dir / FOLDER
    settled = 0
    while waiting := await asyncio.to_thread(_waiting, folder):
        if await _import_one(db, folder, waiting) is None:
            break
        settled += 1
    await _tidy(db, folder)
    return settled


def _waiting(folder: Path) -> list[UUID]:
    """Ids of the lists whose upload is here, with nothing of it missing."""
    return sorted(UUID(path.stem) for path in folder.glob("*-*.json") if _is_whole(path))


def _is_whole(how: Path) -> bool:
    return how.with_suffix("").exists()


async def _import_one(db: Database, folder: Path, waiting: list[UUID]) -> UUID | None:
    taken: list[UUID] = []
    try:
        return await db.run(lambda tx: _load(tx, folder, waiting, taken))
    except (SQLAlchemyError, OSError, DatabaseAway):
        raise
    except DialerError as error:
        problem = str(error)
    except Exception:
        if not taken:
            raise
        # A file that no reader was ready for must not come back with every tick.
        log.exception("import_crashed", extra={"list_id": taken[-1] if taken else None})
        problem = "this file could not be read; the log of the server says why"
    await db.run(lambda tx: _fail(tx, taken[-1], problem))
    return taken[-1]


async def _load(tx: Tx, folder: Path, waiting: list[UUID], taken: list[UUID]) -> UUID | None:
    row = await lists.take_importing(tx, waiting)
    if row is None:
        return None
    taken.append(row.id)
    how = msgspec.json.decode((folder / f"{row.id}.json").read_bytes(), type=How)
    result: ImportResult = await import_leads(
        tx,
        name=row.name,
        data=folder / str(row.id),
        mapping=how.mapping,
        default_region=how.default_region,
    )
    log.info("list_imported", extra={"list_id": row.id, "rows": result.rows})
    return result.list_id


async def _fail(tx: Tx, list_id: UUID, problem: str) -> None:
    if await lists.take_importing(tx, [list_id]) is not None:
        await lists.fail_import(tx, list_id, problem)


async def _tidy(db: Database, folder: Path) -> None:
    """Remove files whose list is settled, and those of a request that never committed.

    The list is locked meanwhile, so that it is never the file of the next upload that goes.
    """
    for list_id in await asyncio.to_thread(_waiting, folder):
        async with db.begin() as tx:
            status = await lists.lock_status(tx, list_id)
            is_settled = status in ("ready", "failed")
            if is_settled or (status is None and await asyncio.to_thread(_is_old, folder, list_id)):
                await asyncio.to_thread(_remove, folder, list_id)


def _is_old(folder: Path, list_id: UUID) -> bool:
    try:
        return time.time() - (folder / str(list_id)).stat().st_mtime > _ORPHAN_S
    except FileNotFoundError:
        return False


def _remove(folder: Path, list_id: UUID) -> None:
    (folder / str(list_id)).unlink(missing_ok=True)
    (folder / f"{list_id}.json").unlink(missing_ok=True)
