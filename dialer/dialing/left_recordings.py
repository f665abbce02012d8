"""Recordings of sessions that were killed: on the disk, but named by no row.

A session writes its row when it ends. One whose process is gone leaves a file that plays (see
`audio.wav`): it is taken in here, so that nobody's voice lies where no report and no erasure
finds it. One without a sound is deleted; one of a call that this database does not know is left
alone, as the folder may be another's too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from dialer.audio.wav import mend
from dialer.domain.erasure import is_erased
from dialer.store import attempts as ledger
from dialer.store.calls import add_recording, has_recording
from dialer.store.engine import Database, Tx
from dialer.store.tables import recordings

log = logging.getLogger(__name__)

RECORDINGS = "recordings"  # under the data directory, by the day of the call
_QUIET_S = 60.0  # a session that lives writes every second, and its row 44 s after the last
_DAYS = 2  # whoever starts later than that looks at nothing older


async def adopt_left_recordings(db: Database, data_dir: Path, *, quiet_s: float = _QUIET_S) -> int:
    """Give each file that nobody has written to for ``quiet_s`` its row; return how many."""
    async with db.begin() as tx:
        today = tx.now
    quiet = await asyncio.to_thread(_quiet_files, data_dir, today, quiet_s)
    if not quiet:
        return 0
    async with db.begin() as tx:
        r = recordings.c
        named = await tx.all(select(r.path).where(r.account_id == tx.account_id, r.path.in_(quiet)))
    left = sorted(quiet - {row.path for row in named})
    for path in left:
        await _adopt(db, data_dir, path)
    return len(left)


def _quiet_files(data_dir: Path, today: datetime, quiet_s: float) -> set[str]:
    """Return the recordings of the last days, relative to the data directory."""
    found = set()
    before = time.time() - quiet_s
    for back in range(-1, _DAYS):  # a call's day is its own process's
        day = (today - timedelta(days=back)).strftime("%Y-%m-%d")
        for file in (data_dir / RECORDINGS / day).glob("*.wav"):
            if file.stat().st_mtime < before:
                found.add(file.relative_to(data_dir).as_posix())
    return found


async def _adopt(db: Database, data_dir: Path, path: str) -> None:
    attempt_id = attempt_of(path)
    if attempt_id is None:
        return
    extra: dict[str, object] = {"attempt_id": attempt_id}
    try:
        seconds = await asyncio.to_thread(mend, data_dir / path)
        is_kept = await db.run(lambda tx: _name(tx, attempt_id, path, seconds))
        if is_kept is None:
            return
        if not is_kept:
            (data_dir / path).unlink(missing_ok=True)
        log.warning("recording_adopted", extra=extra | {"seconds": round(seconds, 1)})
    except OSError as error:
        log.error("recording_not_adopted", extra=extra | {"error": type(error).__name__})


async def _name(tx: Tx, attempt_id: UUID, path: str, seconds: float) -> bool | None:
    """Write the row unless another process did; return whether the file is to be kept, None if
    there is no such call."""
    held = await ledger.hold(tx, attempt_id)
    if held is None:
        return None
    if seconds == 0 or is_erased(held.attempt.phone):
        return False
    if not await has_recording(tx, held.attempt.id, path):
        await add_recording(tx, held.attempt.id, path=path, seconds=seconds)
    return True


def attempt_of(path: str) -> UUID | None:
    """Return the attempt whose recording a file of this name is, None if it is none."""
    try:
        return UUID(Path(path).stem[:36])
    except ValueError:
        return None
