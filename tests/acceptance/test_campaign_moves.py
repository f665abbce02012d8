"""A running campaign as its owner moves it about, all through the REST API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.line import CALLER_ID, DEFINITION, Line, phone, running_line

SENDER = {
    "a2p": {"reference": "A2P-1", "declared_on": "2026-01-01", "objective": "reminders"},
    "caller_ids": [{"number": CALLER_ID, "series": "1601"}],
}


@pytest.fixture
async def line(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path
) -> AsyncIterator[Line]:
    twin = getattr(request, "param", {})
    async with running_line(database_url, tmp_path, **twin) as running:
        assert (await running.client.put("/api/v1/sender", json=SENDER)).status_code == 200
        yield running


async def create(line: Line, name: str, people: Mapping[str, object], **changes: Any) -> str:
    """Make a campaign to these people and start it; return its path."""
    line.twin.set_callees(people)
    rows = "".join(f"{number},Asha,inferred,2026-01-05\n" for number in people)
    csv = f"phone,name,consent_kind,consent_at\n{rows}".encode()
    files, data = {"file": ("a.csv", csv)}, {"name": f"leads of {name}"}
    leads = await line.client.post("/api/v1/lists", files=files, data=data)
    body = {"name": name, "list_id": leads.json()["id"], "definition": DEFINITION | changes}
    made = await line.client.post("/api/v1/campaigns", json=body)
    assert made.status_code == 201, made.text
    path = f"/api/v1/campaigns/{made.json()['id']}"
    assert (await ask(line, path, "running"))["state"] == "running"
    return path


async def ask(line: Line, path: str, state: str, **more: str) -> Any:
    reply = await line.client.put(f"{path}/state", json={"state": state, **more})
    assert reply.status_code == 200, reply.text
    return reply.json()


async def stats_when(line: Line, path: str, holds: Any, limit_s: float = 240.0) -> Any:
    async with asyncio.timeout(limit_s):
        while True:
            stats = (await line.client.get(f"{path}/stats")).json()
            if holds(stats):
                return stats
            await asyncio.sleep(0.05)


def is_finished(stats: Any) -> bool:
    return bool(stats["state"] == "finished")


def ended(stats: Any) -> int:
    return sum(stats["outcomes"].values())


async def test_paused_edited_and_resumed_it_calls_everybody_once(line: Line) -> None:
    await line.client.put("/api/v1/carrier", json={"cap": 3})
    people = {phone(number): "confirms" for number in range(12)}
    path = await create(line, "edited", people)
    await stats_when(line, path, lambda stats: ended(stats) >= 3)
    paused = await ask(line, path, "paused", in_flight="finish")
    assert (paused["state"], paused["dropped"]) == ("paused", 0)
    still = await stats_when(line, path, lambda stats: not stats["in_flight"])
    await asyncio.sleep(1.5)  # more than a pass's poll
    later = (await line.client.get(f"{path}/stats")).json()
    assert ended(later) == ended(still) < 12, "nothing new while it is paused"
    changed = DEFINITION | {"notification": {**DEFINITION["notification"], "message": "New {name}"}}
    edited = await line.client.put(path, json={"definition": changed})
    assert (edited.status_code, edited.json()["version"]) == (200, 2), edited.text
    await ask(line, path, "running")
    stats = await stats_when(line, path, is_finished)
    assert (stats["done"], stats["outcomes"]) == ({"confirmed": 12}, {"completed": 12})
    versions = [attempt.version for attempt in await line.attempts() if attempt.state == "ended"]
    assert sorted(set(versions)) == [1, 2] and versions.count(1) == ended(still)
    assert all(line.rings(number) == 1 for number in people)
    assert (await line.compare()).disagreements == 0


# Talks of a quarter of a minute: they are still up when they are to be hung up.
@pytest.mark.parametrize("line", [{"time_scale": 1.0}], indirect=True)
async def test_a_pause_or_a_cancellation_may_hang_up_and_says_what_it_drops(line: Line) -> None:
    await line.client.put("/api/v1/carrier", json={"cap": 2})
    talkers = {phone(number): {"ring_s": 1, "answer_after_s": 1} for number in range(6)}
    path = await create(line, "cut", talkers)
    await stats_when(line, path, lambda stats: stats["in_flight"].get("in_call"))
    paused = await ask(line, path, "paused", in_flight="hang_up")
    assert paused["in_flight"] >= 1
    await stats_when(line, path, lambda stats: not stats["in_flight"])
    waiting = (await line.client.get(f"{path}/stats")).json()["waiting"]
    cancelled = await ask(line, path, "cancelled")
    assert (cancelled["dropped"], cancelled["in_flight"]) == (waiting, 0)
    assert waiting >= 4
    for again in ("redial", "state"):
        refused = (
            await line.client.post(f"{path}/redial")
            if again == "redial"
            else await line.client.put(f"{path}/state", json={"state": "running"})
        )
        assert refused.status_code == 409, refused.text


async def test_who_was_not_reached_is_redialed_with_a_plan_begun_anew(line: Line) -> None:
    retry = {"retry": {"max_attempts": 1, "delays": {}}}
    people: dict[str, object] = {phone(number): "busy" for number in range(4)}
    people[phone(9)] = "confirms"
    path = await create(line, "again", people, **retry)
    first = await stats_when(line, path, is_finished)
    assert first["done"] == {"unreachable": 4, "confirmed": 1}
    line.twin.set_callees(dict.fromkeys(people, "confirms"))
    redialed = await line.client.post(f"{path}/redial")
    assert redialed.status_code == 200, redialed.text
    assert (redialed.json()["redialed"], redialed.json()["state"]) == (4, "running")
    last = await stats_when(line, path, is_finished)
    outcomes = {"completed": 5, "busy": 4}
    assert (last["done"], last["outcomes"]) == ({"confirmed": 5}, outcomes), "history is kept"
    nobody = await line.client.post(f"{path}/redial")
    assert (nobody.json()["redialed"], nobody.json()["state"]) == (0, "finished")
    moves = (await line.client.get(f"{path}/log")).json()["items"]
    assert ("finished", "running", "redial of 4 leads that were not reached") in [
        (move["from_state"], move["to_state"], move["reason"]) for move in moves
    ]
    assert line.rings(phone(9)) == 1
    assert (await line.compare()).disagreements == 0


async def test_a_clone_is_a_draft_of_the_same_and_a_draft_is_not_redialed(line: Line) -> None:
    dialing = {"dialing": {"caller_ids": [CALLER_ID], "weight": 2.5}}
    path = await create(line, "first", {phone(1): "confirms"}, **dialing)
    await stats_when(line, path, is_finished)
    made = await line.client.post(f"{path}/clone", json={"name": "second"})
    assert made.status_code == 201, made.text
    draft = made.json()
    assert (draft["name"], draft["state"], draft["version"]) == ("second", "draft", 1)
    copy = f"/api/v1/campaigns/{draft['id']}"
    assert (await line.client.get(f"{copy}/stats")).json()["leads"] == 1
    taken = await line.client.post(f"{path}/clone", json={"name": "second"})
    assert (taken.status_code, "another name" in taken.json()["detail"]) == (409, True)
    early = await line.client.post(f"{copy}/redial")
    assert (early.status_code, "start it" in early.json()["detail"]) == (409, True)
    await ask(line, copy, "running")
    assert (await stats_when(line, copy, is_finished))["done"] == {"confirmed": 1}


async def test_two_campaigns_that_share_numbers_never_call_at_once_and_both_get_their_turn(
    line: Line,
) -> None:
    people = {phone(number): "confirms" for number in range(8)}
    paths = [await create(line, name, people) for name in ("one", "two")]
    for path in paths:
        stats = await stats_when(line, path, is_finished)
        assert stats["done"] == {"confirmed": 8}
    calls = await line.attempts()
    for number in people:
        rang = sorted(
            (call.placing_at, call.ended_at, call.campaign_id)
            for call in calls
            if call.phone == number and call.state == "ended"
        )
        assert len({campaign_id for _, _, campaign_id in rang}) == 2
        for (_, ended_at, _), (placing_at, _, _) in pairwise(rang):
            assert ended_at <= placing_at, "each call began after the one before had ended"
    assert (await line.compare()).disagreements == 0
