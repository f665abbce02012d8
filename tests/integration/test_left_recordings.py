"""Recordings that a killed process left on the disk."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from dialer.audio.mulaw import SAMPLE_RATE_HZ
from dialer.audio.wav import Side, StereoWav
from dialer.dialing.left_recordings import adopt_left_recordings
from dialer.domain.ids import uuid7
from dialer.store.calls import recording_of
from tests.acceptance.aftermath import is_whole_wav
from tests.integration.dialing_floor import ASHA, Floor


async def call_of(floor: Floor) -> UUID:
    await floor.launch([ASHA], notification={"delivery": "stream"})
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "answer", CallUUID="call-1")
    return attempt_id


async def left(floor: Floor, folder: Path, attempt_id: UUID, seconds: float) -> Path:
    """Record as a session does that is killed: the file is never closed."""
    async with floor.db.begin() as tx:
        day = tx.now.strftime("%Y-%m-%d")
    path = folder / "recordings" / day / f"{attempt_id}-0a1b2c3d.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    wav = StereoWav(path)
    wav.write(Side.AGENT, 0.0, b"\x20" * int(seconds * SAMPLE_RATE_HZ))
    with path.open("ab") as file:
        file.write(bytes(1000))  # beyond what the header counts
    return path


async def test_it_gets_its_row_once_and_plays(floor: Floor, tmp_path: Path) -> None:
    attempt_id = await call_of(floor)
    path = await left(floor, tmp_path, attempt_id, 7.0)
    assert await adopt_left_recordings(floor.db, tmp_path) == 0, "it may still be written to"
    assert await adopt_left_recordings(floor.db, tmp_path, quiet_s=0) == 1
    assert await adopt_left_recordings(floor.db, tmp_path, quiet_s=0) == 0
    async with floor.db.begin() as tx:
        row = await recording_of(tx, attempt_id)
    assert tmp_path / row.path == path
    assert row.seconds == pytest.approx(5.0, abs=2.0), "the last two seconds were in memory"
    assert is_whole_wav(path)


async def test_one_without_a_sound_goes_and_anothers_stays(floor: Floor, tmp_path: Path) -> None:
    silent = await left(floor, tmp_path, await call_of(floor), 0.0)
    unknown = await left(floor, tmp_path, uuid7(), 7.0)
    await adopt_left_recordings(floor.db, tmp_path, quiet_s=0)
    assert (silent.exists(), unknown.exists()) == (False, True)
