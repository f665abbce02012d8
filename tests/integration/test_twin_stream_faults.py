"""What goes wrong on the twin's end of a stream, on demand, and that it goes wrong as told."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.integration.stream_customer import Line, report, talking

SILENT = {"name": "silent"}


def fault(kind: str, **fields: object) -> dict[str, Any]:
    return {"faults": [{"kind": kind, **fields}]}


async def test_refused_three_times_it_is_dropped_and_the_document_goes_on() -> None:
    async def talk(line: Line) -> None:
        raise AssertionError("nobody should have connected")

    script = fault("stream_refused", times=3)
    async with talking(talk, script=script, after="<Hangup/>") as (one, lines):
        await one.twin.wait_quiet()
        assert lines == [] and one.last("/status")["Event"] == "DroppedStream"
        assert one.last("/hangup")["HangupSource"] == "Answer XML"


async def test_refused_twice_it_connects_at_last() -> None:
    async def talk(line: Line) -> None:
        await line.until(lambda each: each.of("media"))

    async with talking(talk, script=fault("stream_refused", times=2)) as (one, lines):
        await one.twin.wait_quiet()
        assert len(lines) == 1


async def test_a_cut_stream_is_dropped() -> None:
    async def talk(line: Line) -> None:
        await line.until(lambda each: each.socket.closed)

    async with talking(talk, script=fault("stream_cut", delay_s=0.3)) as (one, lines):
        await one.twin.wait_quiet()
        assert lines[0].socket.close_code == 1006
        assert "DroppedStream" in [e.params["Event"] for e in one.received if e.path == "/status"]


async def test_a_stalled_stream_says_nothing_more_and_ends_with_its_call() -> None:
    async def talk(line: Line) -> None:
        await line.mark("unread")
        await line.until(lambda each: each.socket.closed)

    script = {"hang_up_after_s": 1.5, **fault("stream_stalls", delay_s=0.4)}
    async with talking(talk, script=script) as (one, lines):
        await one.twin.wait_quiet()
        assert len(lines[0].of("media")) < 40
        assert one.last("/hangup")["HangupSource"] == "Callee"


async def test_a_second_stream_takes_over_and_the_first_stays_open() -> None:
    second_is_over = asyncio.Event()
    had: list[Line] = []

    async def talk(line: Line) -> None:
        had.append(line)
        if len(had) == 1:
            await asyncio.wait_for(second_is_over.wait(), 20)
            assert not line.socket.closed
            return
        await line.mark("here")
        await line.until(lambda each: each.of("playedStream") and len(each.of("media")) > 5)
        second_is_over.set()

    async with talking(talk, script=fault("second_stream", delay_s=0.2)) as (one, lines):
        await one.twin.wait_quiet()
        first, second = (line.of("start")[0] for line in lines)
        assert first["start"]["callId"] == second["start"]["callId"]
        assert first["start"]["streamId"] != second["start"]["streamId"]
        assert one.last("/hangup")["HangupCauseCode"] == "4010"


async def test_a_reached_checkpoint_may_not_be_told_of() -> None:
    async def talk(line: Line) -> None:
        await line.mark("one")
        await line.mark("two")
        await line.until(lambda each: each.of("playedStream"))

    async with talking(talk, script=fault("played_lost")) as (one, lines):
        await one.twin.wait_quiet()
        assert [m["name"] for m in lines[0].of("playedStream")] == ["two"]
        assert report(one)["checkpoints"]["lost"] == 1


async def test_garbage_comes_between_good_frames() -> None:
    async def talk(line: Line) -> None:
        await line.until(lambda each: len(each.of("media")) >= 150)

    script = {"faults": [{"kind": "garbage_media"}, {"kind": "media_before_start"}]}
    async with talking(talk, script=script) as (one, lines):
        await one.twin.wait_quiet()
        messages = lines[0].messages
        assert messages[0]["event"] == "media" and messages[1]["event"] == "start"
        assert "this is not JSON" in messages and [] in messages and b"\x00\x01binary" in messages
        assert len([m for m in lines[0].of("start")]) == 2


async def test_lost_frames_leave_gaps_in_the_chunks() -> None:
    async def talk(line: Line) -> None:
        await line.until(lambda each: len(each.of("media")) >= 60)

    async with talking(talk, script=fault("media_gaps")) as (one, lines):
        await one.twin.wait_quiet()
        chunks = [m["media"]["chunk"] for m in lines[0].of("media")]
        assert 25 not in chunks and 50 not in chunks and 51 in chunks


async def test_a_stop_event_can_be_had_before_the_end() -> None:
    async def talk(line: Line) -> None:
        await line.until(lambda each: each.socket.closed)

    script = {"hang_up_after_s": 2.0}
    async with talking(talk, script=script, stream_stop_event=True) as (one, lines):
        await one.twin.wait_quiet()
        assert lines[0].messages[-1]["event"] == "stop" and lines[0].socket.close_code == 1000
