"""One live call and the orders in which things may happen to it: no sockets, no database."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from dialer.agent.moves import (
    HandOver,
    HangUp,
    Moves,
    OptOut,
    Record,
    Say,
    Settle,
    Think,
    ToolCall,
)
from dialer.audio.wav import Side, StereoWav
from dialer.call.conductor import Keys
from dialer.call.turn_taking import Interrupt, Resumed, TurnOver
from dialer.domain.attempt import Disposition
from dialer.errors import ProviderUnavailable
from dialer.providers.speech import TextDelta
from tests.unit.call_floor import APOLOGY, FILLER, WORD_S, Call, Lines, on_the_line, reply

THINK = Think((), ())
BROKEN = ProviderUnavailable("test", "broke")
GOODBYE = [Say("Thank you and goodbye."), HangUp()]
STOP = ToolCall("c1", "opt_out", "{}")


def tool(moves: Moves) -> Any:
    return lambda call: moves


def said(call: Call) -> list[Any]:
    return [each for each in call.log if each[0] == "said"]


def words(count: int) -> str:
    return " ".join(f"word{number}" for number in range(count))


async def test_a_call_greets_hears_answers_and_hangs_up() -> None:
    call = Call(Lines([Say("Hello there.")], hear=lambda text: GOODBYE))
    async with on_the_line(call):
        await call.logged(("said", "Hello there.", False))
        call.hear("hello")
        await call.until(lambda: call.wire.is_over)
    assert call.papers.rows == [
        ("agent", "Hello there.", False),
        ("callee", "hello", False),
        ("agent", "Thank you and goodbye.", False),
    ]
    assert call.papers.facts == ["hang_up"]


async def test_an_agents_go_is_told_once_however_long_the_carrier_takes_to_clear() -> None:
    call = Call(Lines([Say(words(20))]))
    call.wire.clearing = 20
    async with on_the_line(call):
        await call.heard_sound(0.3)
        call.hear("wait who is this")
        await call.logged(("hear", "wait who is this"))
    [(_, heard, is_cut)] = said(call)
    assert is_cut and 0 < len(heard.split()) < 20
    assert [row[0] for row in call.papers.rows] == ["agent", "callee"]


async def test_nothing_is_sent_of_a_go_that_was_cut() -> None:
    late = asyncio.Event()
    script: list[Any] = [TextDelta(words(10) + ". "), late, *reply(words(12))]
    call = Call(Lines(hear=lambda text: [THINK] if text == "one" else ()), script)
    async with on_the_line(call):
        call.hear("one")
        await call.heard_sound(0.2)
        call.hear("two")
        await call.logged(("hear", "two"))
        late.set()
        await asyncio.sleep(0.2)
        assert call.wire.sent[-1] == "clear"


async def test_a_call_that_a_tool_ends_is_not_stopped_while_the_tool_writes() -> None:
    """The act was made: it is neither forgotten, nor does the line go dead after it."""
    ends = [OptOut(), Say("You get no more calls."), HangUp()]
    call = Call(Lines(hear=lambda text: [THINK], use_tool=tool(ends)), reply("", STOP))
    async with on_the_line(call):
        gate = asyncio.Event()
        call.hear("stop calling me")
        call.papers.gate = gate
        await call.logged(("use_tool", "opt_out"))
        call.conductor.post(Interrupt(call.clock_s))
        call.conductor.post(TurnOver("hello", 0.1, 0.2))
        await asyncio.sleep(0.15)
        gate.set()
        await call.until(lambda: call.wire.is_over)
    assert call.papers.facts == ["opt_out", "hang_up"]
    assert ("agent", "You get no more calls.", False) in call.papers.rows


async def test_an_opt_out_is_written_although_the_callee_hangs_up_at_once() -> None:
    facts: Moves = [Record("q", True), Settle(Disposition.OPTED_OUT), OptOut(), *GOODBYE]
    call = Call(Lines(hear=lambda text: facts))
    async with on_the_line(call):
        gate = call.papers.gate = asyncio.Event()
        call.hear("stop calling me")
        await call.until(lambda: call.papers.tried)
        call.wire.hang_up()
        await asyncio.sleep(0.05)
        gate.set()
    assert [each for each in call.papers.facts if each != "hang_up"] == [
        ("record", "q", True),
        ("settle", Disposition.OPTED_OUT),
        "opt_out",
    ]


async def test_words_said_just_before_the_line_ended_are_heard_and_what_they_ask_is_done() -> None:
    call = Call(Lines(hear=lambda text: [OptOut(), *GOODBYE]))
    async with on_the_line(call):
        await call.hearing.ready.wait()
        call.hear("stop calling", ends=False)
        await call.until(lambda: call.conductor.turns._finals)
        call.hearing.on_final = lambda: call.hear("me")
        call.wire.hang_up()
    assert call.papers.facts == ["opt_out"]
    assert call.papers.rows == [("callee", "stop calling me", False)]
    assert call.wire.played_bytes == 0


async def test_who_asks_for_no_more_calls_during_the_goodbye_gets_none() -> None:
    def hear(text: str) -> Moves:
        return [OptOut()] if "stop" in text else GOODBYE

    call = Call(Lines(hear=hear))
    call.papers.on_hang_up = lambda: None  # the carrier is slow
    async with on_the_line(call):
        call.hear("no")
        await call.heard_sound(0.1)
        call.hear("and stop calling me")
        await call.until(lambda: "opt_out" in call.papers.facts)
        call.wire.hang_up()
    assert ("callee", "and stop calling me", False) in call.papers.rows


async def test_a_talk_goes_on_and_ends_in_words_while_the_database_is_away() -> None:
    def hear(text: str) -> Moves:
        return [Record("q", text), Say("Noted it well.")] if text == "one" else GOODBYE

    call = Call(Lines([Say("Hello there.")], hear=hear))
    async with on_the_line(call):
        call.papers.is_away = True
        await call.logged(("said", "Hello there.", False))
        call.hear("one")
        await call.logged(("said", "Noted it well.", False))
        await asyncio.sleep(1.1)  # the watch looks at the row, in vain
        call.papers.is_away = False
        call.hear("two")
        await call.until(lambda: call.wire.is_over)
    assert call.papers.facts == [("record", "q", "one"), "hang_up"]
    assert [row[1] for row in call.papers.rows] == [
        "Hello there.",
        "one",
        "Noted it well.",
        "two",
        "Thank you and goodbye.",
    ]
    assert len(call.papers.closed) == 1


async def test_answers_are_written_in_the_order_they_were_given() -> None:
    call = Call(Lines(press=lambda keys: [Record("q", keys), Say("Yes.")]))
    async with on_the_line(call):
        gate = call.papers.gate = asyncio.Event()
        call.wire.press("1")
        await call.logged(("press", "1"))
        call.wire.press("2")
        await call.logged(("press", "2"))
        gate.set()
    assert call.papers.facts == [("record", "q", "1"), ("record", "q", "2")]


async def test_a_mind_goes_back_only_where_nothing_was_done_since() -> None:
    waits = asyncio.Event()
    call = Call(
        Lines(hear=lambda text: [THINK]),
        [waits],
        [waits],
    )
    async with on_the_line(call):
        call.conductor.post(TurnOver("yes", 0.1, 0.2))
        await call.logged(("hear", "yes"))
        call.conductor.post(Resumed(), TurnOver("yes but no", 0.1, 0.4))
        await call.logged(("hear", "yes but no"))
        assert call.conductor.mind.known == ["yes but no"]
    assert [row[1] for row in call.papers.rows] == ["yes but no"]


async def test_a_mind_never_goes_back_behind_an_answer_that_was_written() -> None:
    waits = asyncio.Event()
    call = Call(
        Lines(hear=lambda text: [THINK], use_tool=tool([Record("q", True)])),
        [ToolCall("c", "record_answer", "{}"), waits],
        [waits],
    )
    async with on_the_line(call):
        call.conductor.post(TurnOver("yes", 0.1, 0.2))
        await call.until(lambda: ("record", "q", True) in call.papers.facts)
        call.conductor.post(Resumed(), TurnOver("yes and more", 0.1, 0.4))
        await call.logged(("hear", "yes and more"))
        assert call.conductor.mind.known == ["yes", "record_answer", "yes and more"]
    assert call.papers.facts == [("record", "q", True)]
    assert [row[1] for row in call.papers.rows] == ["yes and more"]


async def test_a_mind_never_goes_back_behind_a_key() -> None:
    waits = asyncio.Event()
    call = Call(Lines(hear=lambda text: [THINK]), [waits], [waits])
    async with on_the_line(call):
        call.conductor.post(TurnOver("yes", 0.1, 0.2))
        await call.logged(("hear", "yes"))
        call.conductor.post(Keys("7", 0.3), Resumed(), TurnOver("yes well", 0.1, 0.4))
        await call.logged(("hear", "yes well"))
        assert call.conductor.mind.known == ["yes", "7", "yes well"]


async def test_keys_are_counted_by_the_mind_that_is_asked() -> None:
    waits = asyncio.Event()
    call = Call(Lines(hear=lambda text: [THINK], press=lambda keys: GOODBYE), [waits])
    async with on_the_line(call):
        call.conductor.post(TurnOver("yes", 0.1, 0.2), Resumed())
        await call.until(lambda: call.conductor.mind.known == [])
        call.conductor.mind.most_keys = 3
        call.wire.press("123")
        await call.logged(("press", "123"))
        await call.until(lambda: call.wire.is_over)


async def test_a_model_that_fails_after_it_ended_the_call_does_not_keep_it_open() -> None:
    ends = [Settle(Disposition.CALLBACK), *GOODBYE]
    call = Call(
        Lines(hear=lambda text: [THINK], use_tool=tool(ends), fail=()),
        [ToolCall("c", "end_call", "{}"), BROKEN],
    )
    async with on_the_line(call):
        call.hear("bye")
        await call.until(lambda: call.wire.is_over)
    assert call.papers.facts == [("settle", Disposition.CALLBACK), "hang_up"]
    assert call.papers.rows[-1] == ("agent", "Thank you and goodbye.", False)


async def test_a_model_that_fails_after_words_lets_them_be_heard_then_says_sorry() -> None:
    text = "I see what you mean. "
    call = Call(Lines(hear=lambda text: [THINK]), [TextDelta(text + "And also"), BROKEN])
    async with on_the_line(call):
        call.hear("hm")
        began_s = call.clock_s
        await call.until(lambda: call.wire.is_over)
        assert call.clock_s - began_s < 3.0  # nothing waits for a mark that cannot come
    assert call.papers.rows[-1] == ("agent", f"{text}{APOLOGY}", False)
    assert call.papers.closed[0][0].failures == {"model": 1}


async def test_a_voice_that_fails_in_mid_phrase_is_not_written_down_as_heard() -> None:
    call = Call(Lines([Say(words(10))]))
    call.mouth.failing[words(10)] = 4
    async with on_the_line(call):
        await call.until(lambda: call.wire.is_over)
    assert call.papers.facts == ["apologise"]
    [(_, text, is_interrupted)] = call.papers.rows
    assert words(10).startswith(text) and len(text.split()) <= 4 and is_interrupted


async def test_a_reply_whose_voice_fails_says_sorry_and_counts_against_the_voice() -> None:
    call = Call(Lines(hear=lambda text: [THINK]), reply("Well then."))
    call.mouth.failing["Well then."] = 1
    async with on_the_line(call):
        call.hear("hm")
        await call.until(lambda: call.wire.is_over)
    assert call.papers.facts == ["hang_up"]
    assert call.papers.rows[-1][1].endswith(APOLOGY)
    assert call.papers.closed[0][0].failures == {"voice": 1}


async def test_a_reply_cut_while_its_voice_fails_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    waits = asyncio.Event()
    script: list[Any] = [TextDelta("Well then. "), waits]
    call = Call(Lines(hear=lambda text: [THINK] if text == "one" else GOODBYE), script)
    call.mouth.failing["Well then."] = 1
    async with on_the_line(call):
        call.hear("one")
        await call.heard_sound(WORD_S)
        call.hear("two")
        await call.until(lambda: call.wire.is_over)
    assert not [each for each in caplog.records if each.name == "asyncio"]


async def test_who_asked_for_a_human_gets_one_although_the_voice_is_gone() -> None:
    call = Call(Lines([Record("q", 1), Say("I connect you."), HandOver("asked")]))
    call.mouth.failing["I connect you."] = 0
    async with on_the_line(call):
        await call.until(lambda: call.wire.is_over)
    assert call.papers.facts == [("record", "q", 1), ("hand_over", "asked")]


async def test_a_voice_that_does_not_open_lets_the_carrier_say_sorry() -> None:
    call = Call(Lines())
    call.mouth.opens = False
    async with on_the_line(call):
        await call.until(lambda: call.wire.is_over)
    assert call.papers.facts == ["apologise"]
    assert len(call.papers.closed) == 1


async def test_a_slow_voice_is_bridged_by_a_filler_that_comes_before_it() -> None:
    call = Call(Lines(hear=lambda text: [Say("Here I am.")]))
    gate = call.mouth.holding["Here I am."] = asyncio.Event()
    async with on_the_line(call):
        await call.until(lambda: call.session._speaker and call.session._speaker.cached(FILLER))
        call.hear("hello")
        await call.heard_sound(2 * WORD_S)
        gate.set()
        await call.logged(("said", f"{FILLER} Here I am.", False))
    assert call.papers.rows[-1] == ("agent", f"{FILLER} Here I am.", False)


async def test_what_must_be_heard_holds_the_floor_no_longer_than_it_lasts() -> None:
    call = Call(Lines([Say("You must hear.", may_interrupt=False), Say(words(40))]))
    async with on_the_line(call):
        await call.heard_sound(0.05)
        call.hear("who is this")
        await call.until(lambda: call.log[1:])
    [(_, heard, is_cut)] = said(call)
    assert heard.startswith("You must hear.") and is_cut and len(heard.split()) < 40


async def test_a_go_stopped_between_two_sayings_was_cut() -> None:
    call = Call(Lines([Say("I am here."), Say("Who are you?")], hear=lambda text: ()))
    gate = call.mouth.holding["Who are you?"] = asyncio.Event()
    async with on_the_line(call):
        await call.heard_sound(3 * WORD_S)
        await asyncio.sleep(0.3)
        call.hear("go on please")
        await call.logged(("hear", "go on please"))
        gate.set()
    assert said(call) == [("said", "I am here.", True)]


async def test_a_call_ends_at_its_limit_whatever_its_mind_says() -> None:
    call = Call(Lines([Say("Hello.")], time_is_up=()), limit_s=10.0)
    async with on_the_line(call):
        await call.until(lambda: call.wire.is_over)
    assert call.papers.facts == ["hang_up"]


async def test_a_call_ends_at_its_limit_although_the_database_does_not_answer() -> None:
    class Stuck(asyncio.Event):
        pass

    call = Call(Lines([Say("Hello.")]), limit_s=10.0)
    news = call.papers.news

    async def never() -> Any:
        await Stuck().wait()
        return await news()

    call.papers.news = never  # type: ignore[method-assign]
    async with on_the_line(call):
        await call.until(lambda: call.wire.is_over)
    assert call.papers.facts == ["hang_up"]


async def test_a_full_disk_ends_the_recording_and_not_the_talk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Full(StereoWav):
        def write(self, side: Side, at_s: float, mulaw: bytes) -> None:
            raise OSError(28, "No space left on device")

    call = Call(Lines([Say("Hello there.")]), recorder=Full(tmp_path / "r.wav"))
    with caplog.at_level(logging.ERROR):
        async with on_the_line(call):
            call.wire.bring_frame()
            call.wire.bring_frame()
            await call.logged(("said", "Hello there.", False))
    assert [each.msg for each in caplog.records].count("recording_stopped") == 1
    assert len(call.papers.closed) == 1


async def test_the_recording_is_closed_although_nothing_can_be_written(tmp_path: Path) -> None:
    recorder = StereoWav(tmp_path / "r.wav")
    call = Call(Lines([Say("Hello there.")]), recorder=recorder)
    async with on_the_line(call):
        await call.logged(("said", "Hello there.", False))
        call.papers.is_away = True
    assert recorder._file == -1
    assert call.papers.closed == []


async def test_a_recogniser_that_closes_in_good_order_again_and_again_is_gone() -> None:
    call = Call(Lines([Say("Hello there.")]))
    async with on_the_line(call):
        for opening in (1, 2, 3):
            await call.until(lambda opening=opening: call.hearing.opened == opening)
            call.wire.bring_frame()
            call.hearing.bring(None)
        await call.until(lambda: call.wire.is_over)
    assert "fail" in call.log
    assert call.papers.closed[0][0].failures == {"recogniser": 3}


async def test_a_recogniser_that_takes_no_audio_is_opened_again() -> None:
    call = Call(Lines([Say("Hello there.")]))
    call.hearing.send_fails = True
    async with on_the_line(call):
        for _ in range(4):
            call.wire.bring_frame()
        await call.until(lambda: call.hearing.opened == 2)
        call.hearing.send_fails = False
        call.hear("hello")
        await call.logged(("hear", "hello"))
