"""What is older than its retention period is deleted: by schedule, on every node, and logged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from dialer.dialing.erase import delete_files
from dialer.dialing.left_recordings import RECORDINGS, attempt_of
from dialer.store import admin_log, retention
from dialer.store.engine import Database

log = logging.getLogger(__name__)

# A recording is written before its row, and one that a killed session left gets its row later.
_NAMED_WITHIN = timedelta(days=3)
_FILES = 500  # looked up at a time


async def forget_old(db: Database, data_dir: Path) -> Counter[str]:
    """Delete what is too old, block by block; return rows by kind, with ``files`` of this disk."""
    async with db.begin() as tx:
        kept = await retention.get_retention(tx)
    gone: Counter[str] = Counter()
    for kind in kept.days:
        gone[kind] = await _forget(db, kind, kept.age(kind))
    gone["files"] = await delete_unnamed(db, data_dir)
    told = {kind: count for kind, count in gone.items() if count}
    if told:
        await db.run(
            lambda tx: admin_log.note(tx, actor="retention", action="forgot_old", counts=told)
        )
        log.info("forgot_old", extra={"counts": told})
    return gone


async def _forget(db: Database, kind: str, age: timedelta) -> int:
    gone, block = 0, retention.BLOCK
    while block == retention.BLOCK:
        block = await db.run(lambda tx: retention.forget_block(tx, kind, age))
        gone += block
    return gone


async def delete_unnamed(db: Database, data_dir: Path) -> int:
    """Delete recordings on this disk whose row is gone: the rows decide, on whichever node they
    were deleted. A file of a call that this database does not know is left alone."""
    files = await asyncio.to_thread(_old_files, data_dir)
    deleted = 0
    for first in range(0, len(files), _FILES):
        block = files[first : first + _FILES]
        async with db.begin() as tx:
            named = await retention.named_recordings(tx, [path for path, _ in block])
            known = await retention.known_attempts(tx, [attempt_id for _, attempt_id in block])
        left = [path for path, attempt_id in block if attempt_id in known and path not in named]
        await delete_files(data_dir, left)
        deleted += len(left)
    return deleted


def _old_files(data_dir: Path) -> list[tuple[str, UUID]]:
    """Return (path below the data folder, attempt) of each recording that has had its time."""
    before = time.time() - _NAMED_WITHIN.total_seconds()
    found = []
    for file in sorted((data_dir / RECORDINGS).glob("*/*.wav")):
        attempt_id = attempt_of(file.name)
        if attempt_id is not None and file.stat().st_mtime < before:
            found.append((file.relative_to(data_dir).as_posix(), attempt_id))
    return found
