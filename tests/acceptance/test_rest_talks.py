"""What a talk leaves behind, over REST: turns with their times, answers, costs, the recording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import insert, update

from dialer.call.desk import Metered, RecordingFile, Turn
from dialer.dialing.live_call import LiveCall
from dialer.providers.speech import ModelUsage
from dialer.store.tables import attempts, recordings
from dialer.web.server import build_web
from tests.acceptance.conftest import ASHA, Service

MARKS = {"end_of_speech": 2.0, "end_of_turn": 2.4, "first_audio_heard": 2.9}
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "


async def _talk(service: Service) -> tuple[str, LiveCall]:
    """A call of a campaign's lead, and its desk."""
    campaign = await service.lawful_campaign()
    body = {"campaign_id": campaign["id"], "phone": ASHA}
    reply = await service.client.post("/calls", json=body)
    assert reply.status_code == 201, reply.text
    context, call_id = service.context, reply.json()["id"]
    spawn = context.background.spawn
    return call_id, LiveCall(service.db, context.carrier, context.urls, spawn, UUID(call_id))


async def test_a_call_shows_what_was_said_answered_and_spent(service: Service) -> None:
    call_id, desk = await _talk(service)
    await desk.keep_turn(Turn(2, "callee", "yes I do", 1.2, 2.0))
    await desk.keep_turn(Turn(1, "agent", "Do you own", 0.1, 1.1, True))
    await desk.keep_turn(Turn(3, "agent", "Got it.", 2.9, None, False, MARKS))
    await desk.record("owns_house", True, 2)
    await desk.record("units", 300, 4)
    await desk.record("city", "Pune", 6)
    turns = await service.get(f"/calls/{call_id}/turns")
    assert turns["next"] is None
    first, second, third = turns["items"]
    assert (first["said"], first["is_interrupted"]) == ("Do you own", True)
    assert second == {
        "number": 2,
        "speaker": "callee",
        "said": "yes I do",
        "starts_s": 1.2,
        "ends_s": 2.0,
        "is_interrupted": False,
        "marks": {},
    }
    assert (third["ends_s"], third["marks"]) == (None, MARKS)
    call = await service.get(f"/calls/{call_id}")
    assert call["answers"] == {"owns_house": True, "units": 300, "city": "Pune"}
    assert (call["costs"], call["total_cost_usd"]) == (None, None)
    await desk.close(
        Metered(30.0, model="gpt-6-luna", model_usage=ModelUsage(1_000_000, 0, 1_000_000)), None
    )
    call = await service.get(f"/calls/{call_id}")
    assert call["costs"] == {
        "carrier": None,
        "stream": None,
        "speech_to_text": None,
        "model": 0.6,
        "text_to_speech": None,
    }
    assert call["total_cost_usd"] is None
    (listed,) = (await service.get("/calls"))["items"]
    assert listed["costs"] == call["costs"] and "answers" not in listed


async def test_a_recording_is_downloaded_as_it_lies(service: Service) -> None:
    call_id, desk = await _talk(service)
    folder = service.context.data_dir / "recordings"
    folder.mkdir()
    (folder / "a.wav").write_bytes(WAV)
    await desk.close(Metered(1.0), RecordingFile(Path("recordings/a.wav"), 1.0))
    reply = await service.client.get(f"/calls/{call_id}/recording")
    assert (reply.status_code, reply.content) == (200, WAV)
    assert reply.headers["content-type"] == "audio/wav"
    (folder / "a.wav").unlink()
    gone = await service.client.get(f"/calls/{call_id}/recording")
    assert (gone.status_code, "no recording" in gone.json()["detail"]) == (404, True)


async def test_no_row_makes_a_recording_of_a_file_outside_the_data_folder(
    service: Service, tmp_path: Path
) -> None:
    call_id, desk = await _talk(service)
    secret = service.context.data_dir.parent / "secret.wav"
    secret.write_bytes(b"not yours")
    inside = service.context.data_dir / "link.wav"
    inside.symlink_to(secret)
    await desk.close(Metered(1.0), RecordingFile(Path("x.wav"), 1.0))
    for path in ("../secret.wav", str(secret), "a/../../secret.wav", "link.wav", "."):
        await _point_recording_at(service, path)
        reply = await service.client.get(f"/calls/{call_id}/recording")
        assert reply.status_code == 404, path


async def _point_recording_at(service: Service, path: str) -> None:
    async with service.db.begin() as tx:
        await tx.execute(update(recordings).values(path=path))


async def test_what_a_carrier_recorded_elsewhere_is_no_file_of_ours(service: Service) -> None:
    call_id, _ = await _talk(service)
    async with service.db.begin() as tx:
        row: dict[str, Any] = {"source": "carrier", "url": "https://h/r.mp3", "created_at": tx.now}
        ids = {"account_id": tx.account_id, "attempt_id": UUID(call_id), "id": UUID(call_id)}
        await tx.execute(insert(recordings).values(**ids, **row))
    assert (await service.client.get(f"/calls/{call_id}/recording")).status_code == 404


async def test_a_campaign_that_talks_starts_only_with_the_keys_it_needs(service: Service) -> None:
    made = await service.upload(f"phone\n{ASHA}\n", name="talkers")
    tables = {
        "campaign": {
            "name": "solar",
            "kind": "qualification",
            "category": "service",
            "entity": "other",
            "rule_packs": ["in"],
        },
        "dialing": {"caller_ids": ["+911601200001"]},
        "agent": {
            "opening": "Hello.",
            "disclosure": "I am an AI, this call is recorded; say stop and we never call again.",
            "questions": [{"id": "owns", "ask": "Do you own a house?", "type": "yes_no"}],
        },
    }
    body = {"name": "solar", "list_id": made["id"], "definition": tables}
    campaign = (await service.client.post("/campaigns", json=body)).json()
    path = f"/campaigns/{campaign['id']}/state"
    keyless = replace(service.context.law, missing_keys=("OPENAI_API_KEY",))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build_web(replace(service.context, law=keyless))),
        base_url=service.client.base_url,
        headers=service.client.headers,
    ) as client:
        refused = await client.put(path, json={"state": "running"})
    assert refused.status_code == 409, refused.text
    assert "OPENAI_API_KEY" in refused.json()["detail"]
    started = await service.client.put(path, json={"state": "running"})
    assert (started.status_code, started.json()["state"]) == (200, "running")
    async with service.db.begin() as tx:
        assert await tx.all(attempts.select()) == []
