"""Rows go when they are too old, files follow their rows, and younger ones stay."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select

from dialer.dialing.forget_old import forget_old
from dialer.domain.ids import id_before, uuid7
from dialer.domain.retention import DEFAULT_DAYS, Retention, check_days
from dialer.errors import InvalidInput
from dialer.store.calls import add_recording
from dialer.store.engine import Tx
from dialer.store.retention import save_retention
from dialer.store.tables import (
    admin_log,
    attempts,
    carrier_events,
    idempotency_keys,
    recordings,
    turns,
)
from tests.integration.dialing_floor import ASHA, RAVI, Floor


def _aged(attempt_id: UUID, days: int) -> UUID:
    """The id that the attempt would have had, made so many days ago."""
    return UUID(int=id_before(timedelta(days=days)).int | (attempt_id.int & ((1 << 80) - 1)))


def _record(path: Path, days: int) -> Path:
    """A recording that was last written to so many days ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"voice")
    long_ago = time.time() - days * 86_400
    os.utime(path, (long_ago, long_ago))
    return path


async def _call(floor: Floor, phone: str, days: int, file: Path) -> UUID:
    """A finished call of so many days ago, with words, a callback and a recording."""
    await floor.launch([phone], name=f"to {phone}")
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "hangup", HangupCauseCode="4000", CallStatus="completed")
    old = _aged(attempt_id, days)
    path = _record(file.with_name(f"{old}-x.wav"), days)

    async def work(tx: Tx) -> None:
        row = (await tx.one_or_none(select(attempts).where(attempts.c.id == attempt_id)))._asdict()
        await tx.execute(insert(attempts).values(**row | {"id": old}))
        mine = {"account_id": tx.account_id, "attempt_id": old}
        said = {"number": 1, "speaker": "callee", "said": "yes", "starts_s": 1.0}
        await tx.execute(insert(turns).values(**mine, **said))
        event = {"digest": b"d", "kind": "ring", "path": "ring", "body": {}, "received_at": tx.now}
        await tx.execute(insert(carrier_events).values(**mine, **event))
        await add_recording(tx, old, path=f"recordings/day/{path.name}", seconds=1.0)

    await floor.db.run(work)
    return old


async def test_each_kind_goes_at_its_own_age(floor: Floor, tmp_path: Path) -> None:
    folder = tmp_path / "recordings/day/x.wav"
    await floor.db.run(lambda tx: save_retention(tx, {"transcripts": 20, "recordings": 50}))
    young = await _call(floor, ASHA, 10, folder)
    old = await _call(floor, RAVI, 30, folder)
    stranger = _record(folder.with_name(f"{uuid7()}-x.wav"), 1000)

    gone = await forget_old(floor.db, tmp_path)

    assert gone["transcripts"] == 1 and gone["recordings"] == 0 and gone["files"] == 0
    await floor.db.run(lambda tx: save_retention(tx, {"recordings": 20}))
    gone = await forget_old(floor.db, tmp_path)
    assert gone["recordings"] == 1 and gone["files"] == 1 and gone["carrier_events"] == 0
    left = set(os.listdir(folder.parent))
    assert left == {f"{young}-x.wav", stranger.name}
    async with floor.db.begin() as tx:
        said = await tx.all(select(turns.c.attempt_id))
        kept = await tx.all(select(recordings.c.attempt_id))
        log = await tx.all(select(admin_log.c.detail).where(admin_log.c.action == "forgot_old"))
        calls = await tx.scalar(select(func.count()).select_from(attempts))
    assert [row[0] for row in said] == [row[0] for row in kept] == [young]
    assert [row[0]["counts"] for row in log] == [{"transcripts": 1}, {"recordings": 1, "files": 1}]
    assert old and calls == 4


async def test_replies_go_after_two_days(floor: Floor, tmp_path: Path) -> None:
    async def keep(tx: Tx) -> None:
        for key, age in (("old", 3), ("new", 1)):
            at = tx.now - timedelta(days=age)
            await tx.execute(
                insert(idempotency_keys).values(
                    account_id=tx.account_id, key=key, request_hash=b"", created_at=at
                )
            )

    await floor.db.run(keep)
    assert (await forget_old(floor.db, tmp_path))["replies"] == 1


def test_periods_are_the_defaults_until_changed_and_bounded() -> None:
    assert Retention.of({}).days == DEFAULT_DAYS
    assert Retention.of({"rejects": 5}).age("rejects") == timedelta(days=5)
    with pytest.raises(InvalidInput, match=r"checks: is no kind of row.*rejects: found 0"):
        check_days({"checks": 1, "rejects": 0})
