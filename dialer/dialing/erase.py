"""A person asked to be forgotten: name, number, words and voice go, the proof of the law stays.

Nobody who asked for that is called again: a mark of the number, a keyed hash, stays on the
do-not-call list, and is matched by every claim and every import.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import phonenumbers

from dialer.dialing.optout import suppress
from dialer.domain.erasure import tombstone
from dialer.errors import NotFound
from dialer.store import admin_log, erasure
from dialer.store.attempts import CarrierIds
from dialer.store.engine import Database, Tx
from dialer.store.erasure import Counts

log = logging.getLogger(__name__)

# What a call's session writes at its end comes seconds after the carrier has ended the call, and
# a recording that its killed session left behind is taken in a minute later.
_LATE_WORDS = timedelta(minutes=10)


@dataclass(slots=True)
class Erased:
    """``is_done`` False: a call to the person is up; it is ended, and the rest follows.

    to_end: calls to end after the commit. files: recordings to delete, below the data folder.
    """

    erasure_id: UUID
    is_done: bool
    counts: Counts = field(default_factory=dict)
    to_end: Sequence[CarrierIds] = ()
    files: Sequence[str] = ()


async def erase_person(tx: Tx, phone: str, *, actor: str) -> Erased:
    """Forget the person behind a number; `NotFound` if no row has it.

    From this commit on nothing new is dialed for them, whatever was claimed before.
    """
    if not await erasure.is_known(tx, phone):
        raise NotFound("nobody here has this number; nothing was erased")
    is_free = await erasure.lock_person(tx, phone)
    to_end = await suppress(tx, phone=phone, source=actor, reason="erasure")
    await erasure.cancel_waiting(tx, phone)
    erasure_id = await erasure.open_erasure(tx, phone)
    if erasure_id is None:
        erasure_id = await erasure.add_erasure(tx, phone=phone, actor=actor)
    if not is_free:
        return Erased(erasure_id, is_done=False, to_end=to_end)
    return await _erase(tx, erasure_id, phone, actor)


async def _erase(tx: Tx, erasure_id: UUID, phone: str, actor: str) -> Erased:
    stone = tombstone(erasure_id)
    await erasure.cancel_waiting(tx, phone)
    counts = await erasure.erase_rows(tx, phone, stone=stone, digits=_national(phone))
    of_calls, files = await erasure.erase_calls(tx, stone)
    counts |= of_calls
    await erasure.close_erasure(tx, erasure_id, counts)
    await admin_log.note(
        tx, actor=actor, action="person_erased", erasure_id=str(erasure_id), counts=counts
    )
    log.info("person_erased", extra={"erasure_id": erasure_id})
    return Erased(erasure_id, is_done=True, counts=counts, files=files)


def _national(phone: str) -> str:
    """The digits that every way of writing a number has in common."""
    return str(phonenumbers.parse(phone).national_number)


async def finish_erasures(db: Database, data_dir: Path) -> int:
    """Erase those whose call has ended by now, and what calls wrote after their person was
    erased; return how many. Harmless on every node at once."""
    finished = await db.run(_finish)
    await delete_files(data_dir, [file for one in finished for file in one.files])
    return len(finished)


async def _finish(tx: Tx) -> list[Erased]:
    finished = []
    for row in await erasure.open_erasures(tx):
        if await erasure.lock_person(tx, row.phone):
            finished.append(await _erase(tx, row.id, row.phone, row.actor))
    for erasure_id in await erasure.erased_since(tx, tx.now - _LATE_WORDS):
        counts, files = await erasure.erase_calls(tx, tombstone(erasure_id))
        if any(Counter(counts).values()) or files:
            finished.append(Erased(erasure_id, is_done=True, counts=counts, files=files))
    return finished


async def delete_files(data_dir: Path, paths: Sequence[str]) -> None:
    """Delete recordings; one that lies on another machine is deleted there (`retention`)."""
    for path in paths:
        await asyncio.to_thread((data_dir / path).unlink, missing_ok=True)
