"""The twin's end of a bidirectional stream, over a real socket: media, playback, talk, the end."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from dialer.twin import mulaw
from dialer.twin.recognition import Listener
from tests.integration.stream_customer import Line, report, talking
from tests.integration.twin_customer import Customer

SILENT = {"name": "silent"}


async def said(one: Customer, text: str) -> bytes:
    return (await one.twin.exchange.studio.record(text, voice="agent")).audio


async def test_media_comes_in_order_in_frames_with_noise_and_product_timestamps() -> None:
    async def talk(line: Line) -> None:
        await line.until(lambda each: len(each.of("media")) >= 50)

    async with talking(talk, script=SILENT, attributes='extraHeaders="a=b"') as (one, lines):
        await one.twin.wait_quiet()
        (line,) = lines
        start, media = line.of("start")[0], line.of("media")
        assert line.messages[0] is start and start["sequenceNumber"] == 1
        assert start["start"]["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000}
        assert [m["sequenceNumber"] for m in media] == list(range(2, 2 + len(media)))
        assert [m["media"]["chunk"] for m in media] == list(range(1, 1 + len(media)))
        stamps = [int(m["media"]["timestamp"]) for m in media]
        assert all(later - earlier == 20 for earlier, later in pairwise(stamps))
        assert abs(stamps[0] / 1000 - one.twin.exchange.clock.now().timestamp()) < 60
        assert {m["media"]["track"] for m in media} == {"inbound"}
        assert {m["extra_headers"] for m in media} == {"a=b"}
        assert {m["streamId"] for m in media} == {line.stream_id}
        frames = [line.audio[at : at + 160] for at in range(0, len(line.audio), 160)]
        assert len(frames) == len(media)
        assert all(-58 < mulaw.level_dbfs(frame) < -52 for frame in frames)
        events = [each.params["Event"] for each in one.received if each.path == "/status"]
        assert sorted(events) == ["StartStream", "StopStream"]
        assert one.last("/hangup")["HangupCauseCode"] == "4010"


async def test_frames_may_be_late_but_stay_in_order() -> None:
    async def talk(line: Line) -> None:
        await line.until(lambda each: len(each.of("media")) >= 40)

    async with talking(talk, script=SILENT, jitter_ms=80.0) as (one, lines):
        await one.twin.wait_quiet()
        chunks = [m["media"]["chunk"] for m in lines[0].of("media")]
        assert chunks == list(range(1, 1 + len(chunks)))


async def test_checkpoints_are_told_of_as_they_are_reached_and_never_when_cleared() -> None:
    async def talk(line: Line) -> None:
        await line.mark("at once")
        await line.until(lambda each: each.of("playedStream"))
        await line.play(b"\x10" * 3200)
        await line.mark("after 0.4 s")
        await line.play(b"\x10" * 80_000)
        await line.mark("never")
        await line.until(lambda each: len(each.of("playedStream")) == 2)
        await line.clear()
        await line.until(lambda each: each.of("clearedAudio"))
        await line.mark("last")
        await line.until(lambda each: len(each.of("playedStream")) == 3)

    async with talking(talk, script=SILENT) as (one, lines):
        await one.twin.wait_quiet()
        names = [m["name"] for m in lines[0].of("playedStream")]
        assert names == ["at once", "after 0.4 s", "last"]
        told = report(one)
        assert told["checkpoints"] == {"asked": 4, "played": 3, "dropped": 1}
        (clear,) = told["clears"]
        assert 5000 < clear["dropped_ms"] <= 10_000
        (spurt,) = told["agent"]
        assert spurt["was_cleared"] and spurt["ends_s"] - spurt["starts_s"] > 0.39
        talk_s = len(one.twin.exchange.talks.find(told["call_uuid"]).played) / 8000  # type: ignore[union-attr]
        assert talk_s == pytest.approx(told["seconds"])


async def test_what_was_played_and_what_was_said_is_witnessed_word_by_word() -> None:
    script = {
        "greets": "Hello?",
        "talk": [
            {"hears": "own your home", "says": "Yes, I own it.", "after_ms": 500},
            {"hears": "goodbye", "hang_up": True},
        ],
    }
    heard: list[str] = []

    async def talk(line: Line) -> None:
        one = holder[0]
        listener = Listener(one.twin.exchange.studio.library)

        async def hear(words: int) -> None:
            """Listen until so many words of the callee were recognised."""
            fed = getattr(hear, "fed", 0)
            wanted = len(heard) + words
            async with asyncio.timeout(20):
                while len(heard) < wanted:
                    line.arrived.clear()
                    audio = line.audio
                    heard.extend(word.text for word in listener.feed(audio[fed:]))
                    fed = len(audio)
                    await line.arrived.wait()
            hear.fed = fed  # type: ignore[attr-defined]

        await hear(1)
        await line.play(await said(one, "Good morning! Do you own your home?"))
        await hear(4)
        await line.play(await said(one, "Thank you, goodbye."))
        await line.until(lambda each: each.socket.closed)

    holder: list[Customer] = []
    async with talking(talk, script=script) as (one, _):
        holder.append(one)
        await one.twin.wait_quiet()
        assert heard == ["Hello?", "Yes,", "I", "own", "it."]
        told = report(one)
        assert [each["text"] for each in told["callee"]] == ["Hello?", "Yes, I own it."]
        assert [each["text"] for each in told["agent"]] == [
            "Good morning! Do you own your home?",
            "Thank you, goodbye.",
        ]
        assert not any(each["was_cleared"] for each in told["agent"])
        times = [
            at
            for each in (*told["callee"], *told["agent"])
            for at in (each["starts_s"], each["ends_s"])
        ]
        turns = sorted((*told["callee"], *told["agent"]), key=lambda each: each["starts_s"])
        assert all(a["ends_s"] <= b["starts_s"] for a, b in pairwise(turns)), times
        first, second = told["voice_to_voice_ms"]
        assert first >= 0 and second >= 0
        assert told["holes"] == []
        assert one.last("/hangup")["HangupSource"] == "Callee"
        status, again = await one.admin("GET", f"/talks/{told['call_uuid']}")
        assert status == 200 and told == {**told, **again}
        for side in ("played", "heard"):
            url = f"{one.twin.url}/twin/talks/{told['call_uuid']}/{side}.ulaw"
            async with one.http.get(url) as reply:
                assert reply.status == 200 and len(await reply.read()) > 8000
        async with one.http.get(f"{one.twin.url}/twin/talks/nobody") as reply:
            assert reply.status == 404


async def test_a_callee_talks_over_the_agent_and_presses_keys() -> None:
    script = {
        "talk": [
            {"interrupts_after_ms": 600, "says": "Wait, wait."},
            {"keys": "1#"},
        ]
    }

    async def talk(line: Line) -> None:
        one = holder[0]
        audio = await said(one, "This is a long message about solar power that nobody will hear.")
        await line.play(audio)
        talk_ = one.twin.exchange.talks.find(line.of("start")[0]["start"]["callId"])
        assert talk_ is not None
        await line.until(lambda _: talk_.party.mouth.said)
        await line.clear()
        await line.until(lambda each: each.of("clearedAudio"))
        await line.until(lambda _: not talk_.party.mouth.is_busy)
        await line.play(await said(one, "Please press one."))
        await line.until(lambda each: len(each.of("dtmf")) == 2)

    holder: list[Customer] = []
    async with talking(talk, script=script) as (one, lines):
        holder.append(one)
        await one.twin.wait_quiet()
        assert [m["dtmf"]["digit"] for m in lines[0].of("dtmf")] == ["1", "#"]
        told = report(one)
        cut, whole = told["agent"]
        assert (
            cut["was_cleared"] and cut["text"].startswith("This is") and "hear." not in cut["text"]
        )
        assert (whole["text"], whole["was_cleared"]) == ("Please press one.", False)
        (spoke,) = told["callee"]
        assert 0.55 < spoke["starts_s"] - cut["starts_s"] < 0.75  # on the media clock
        assert [each["key"] for each in told["keys"]] == ["1", "#"]


async def test_a_hole_inside_a_phrase_is_seen_and_a_pause_between_phrases_is_none() -> None:
    async def talk(line: Line) -> None:
        one = holder[0]
        audio = await said(one, "A phrase that breaks in the middle of it.")
        await line.play(audio[:8000])
        await line.mark("first half")
        await line.until(lambda each: each.of("playedStream"))
        await asyncio.sleep(0.15)
        await line.play(audio[8000:])
        await line.play(await said(one, "Another one."))
        await line.mark("end")
        await line.until(lambda each: len(each.of("playedStream")) == 2)

    holder: list[Customer] = []
    async with talking(talk, script=SILENT) as (one, _):
        holder.append(one)
        await one.twin.wait_quiet()
        told = report(one)
        (hole,) = told["holes"]
        assert hole["ms"] > 60


@pytest.mark.parametrize(
    ("content_type", "frame_bytes", "rate"),
    [("audio/x-l16;rate=8000", 320, 8000), ("audio/x-l16;rate=16000", 640, 16000)],
)
async def test_linear_streams_carry_the_same_words(
    content_type: str, frame_bytes: int, rate: int
) -> None:
    async def talk(line: Line) -> None:
        one = holder[0]
        pcm = mulaw.decode(await said(one, "Hello from afar."))
        if rate == 16000:
            pcm = b"".join(pcm[at : at + 2] * 2 for at in range(0, len(pcm), 2))
        await line.play(pcm, "audio/x-l16", rate)
        await line.mark("end")
        await line.until(lambda each: each.of("playedStream"))
        await asyncio.sleep(0.5)  # the ear is sure of the last word a moment after its end

    holder: list[Customer] = []
    async with talking(talk, script=SILENT, content_type=content_type) as (one, lines):
        holder.append(one)
        await one.twin.wait_quiet()
        assert len(lines[0].audio) == frame_bytes * len(lines[0].of("media"))
        # In one talkspurt, unless a loaded machine was late with the second message.
        words = " ".join(spurt["text"] for spurt in report(one)["agent"])
        assert words == "Hello from afar."


async def test_what_cannot_be_played_is_noted_once_and_not_heard() -> None:
    async def talk(line: Line) -> None:
        await line.play(b"\x10" * 8000, "audio/x-l16")
        await line.play(b"\x10" * 8000, rate=16000)
        await line.socket.send_str("no JSON")
        await line.socket.send_str("no JSON")
        await line.socket.send_str("[1]")
        await line.socket.send_str("x" * 70_000)
        await line.socket.send_bytes(b"\x00")
        await line.send("somethingElse")
        await line.send("playAudio", media={"contentType": "audio/x-mulaw", "sampleRate": "8000"})
        await line.send("sendDTMF", dtmf="12#")
        await line.send("checkpoint")
        await line.mark("end")
        await line.until(lambda each: each.of("playedStream"))

    async with talking(talk, script=SILENT) as (one, lines):
        await one.twin.wait_quiet()
        assert [m["reason"] for m in lines[0].of("playFailed")] == ["invalid_content_type"] * 2
        told = report(one)
        assert told["agent"] == [] and told["digits_sent"] == "12#"
        assert told["messages"]["a message that is not JSON"] == 2
        notes = [str(note["text"]) for note in one.twin.ledger.kept("notes")]
        assert notes.count("stream: a message that is not JSON") == 1
        assert len(notes) == len(set(notes)) == 8


async def test_the_playback_queue_warns_and_overflows_after_forty_seconds() -> None:
    async def talk(line: Line) -> None:
        await line.play(b"\x10" * 8000 * 50)
        await line.until(lambda each: each.of("error"))
        await asyncio.sleep(0.1)

    async with talking(talk, script=SILENT) as (one, lines):
        await one.twin.wait_quiet()
        assert [m["reason"] for m in lines[0].of("error")] == ["buffer_overflow"]
        events = [each.params["Event"] for each in one.received if each.path == "/status"]
        assert "DegradedStream" in events


async def test_a_voicemail_greets_and_beeps_at_its_time() -> None:
    async def talk(line: Line) -> None:
        await line.until(lambda each: len(each.of("media")) >= 250)

    script = {"behaviour": "voicemail", "greeting_s": 3.0}
    async with talking(talk, script=script) as (one, lines):
        await one.twin.wait_quiet()
        told = report(one)
        greeting, beep = told["callee"]
        assert greeting["text"].startswith("The person you are calling is not available.")
        assert beep["text"] == "(beep)" and 2.9 < beep["starts_s"] < 4.2
        after = round((beep["ends_s"] - told["starts_s"]) * 8000) + 320
        assert mulaw.level_dbfs(lines[0].audio[after:]) < -50
        listener = Listener(one.twin.exchange.studio.library)
        words = [word.text for word in listener.feed(lines[0].audio)]
        assert words[-1] == greeting["text"].split()[-1]


async def test_a_mumbler_is_loud_and_wordless() -> None:
    async def talk(line: Line) -> None:
        await line.play(await said(holder[0], "Are you there?"))
        await line.until(lambda each: len(each.of("media")) >= 150)

    holder: list[Customer] = []
    async with talking(talk, script={"talk": [{"mumbles": True}]}) as (one, lines):
        holder.append(one)
        await one.twin.wait_quiet()
        listener = Listener(one.twin.exchange.studio.library)
        assert listener.feed(lines[0].audio) == []
        loud = [
            at
            for at in range(0, len(lines[0].audio), 160)
            if mulaw.level_dbfs(lines[0].audio[at : at + 160]) > -35
        ]
        assert len(loud) > 20


async def test_reactions_to_prompts_are_a_talk_too() -> None:
    async def talk(line: Line) -> None:
        await line.play(await said(holder[0], "Press one to confirm."))
        await line.until(lambda each: each.of("dtmf"))

    holder: list[Customer] = []
    script = {"reactions": [{"keys": "1", "after_s": 5}]}
    async with talking(talk, script=script) as (one, lines):
        holder.append(one)
        await one.twin.wait_quiet()
        assert [m["dtmf"]["digit"] for m in lines[0].of("dtmf")] == ["1"]


async def test_streams_are_listed_and_stopped_by_rest() -> None:
    async def talk(line: Line) -> None:
        await line.until(lambda each: each.of("media"))
        uuid, stream_id = line.of("start")[0]["start"]["callId"], line.stream_id
        status, listed = await holder[0].rest("GET", f"/Call/{uuid}/Stream/")
        assert status == 200 and [each["stream_id"] for each in listed["objects"]] == [stream_id]
        status, got = await holder[0].rest("GET", f"/Call/{uuid}/Stream/{stream_id}/")
        assert (status, got["bidirectional"], got["end_time"]) == (200, True, None)
        assert (await holder[0].rest("DELETE", f"/Call/{uuid}/Stream/nobody/"))[0] == 404
        assert (await holder[0].rest("DELETE", f"/Call/{uuid}/Stream/{stream_id}/"))[0] == 204
        await line.until(lambda each: each.socket.closed)

    holder: list[Customer] = []
    async with talking(talk, script=SILENT) as (one, _):
        holder.append(one)
        await one.twin.wait_quiet()
        assert one.last("/hangup")["HangupCauseCode"] == "4010"
