"""One live call and the orders in which things may happen to it: no sockets, no database."""

from __future__ import annotations

import asyncio
from typing import Any

from dialer.agent.moves import (
    HangUp,
    Moves,
    OptOut,
    Record,
    Say,
    Settle,
    Think,
    ToolCall,
)
from dialer.call.conductor import Keys, TimeUp
from dialer.call.speaker import PhraseCache, Speaker
from dialer.call.turn_taking import Interrupt, Resumed, TurnOver
from dialer.domain.attempt import Disposition
from dialer.providers.speech import TextDelta
from tests.unit.call_floor import Call, Lines, on_the_line
from tests.unit.call_vendors import WORD_S, Mouth, reply

THINK = Think((), ())
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


async def test_only_what_several_calls_say_is_kept() -> None:
    cache = PhraseCache()
    one, two = (Speaker(Mouth(), cache, name="v", language="en-IN") for _ in range(2))
    assert [one.is_common("Yes Asha."), one.is_common("Yes Asha.")] == [False, False]
    assert [one.is_common("Thank you."), two.is_common("Thank you.")] == [False, True]


async def test_time_that_is_up_stops_whatever_is_going_on() -> None:
    waits = asyncio.Event()
    call = Call(Lines(hear=lambda text: [THINK]), [TextDelta(words(30) + ". "), waits])
    async with on_the_line(call):
        call.hear("go on")
        await call.heard_sound(0.2)
        call.conductor.post(TimeUp())
        await call.until(lambda: call.wire.is_over)
    assert call.papers.rows[-1] == ("agent", "Time is up.", False)
    assert call.papers.facts == ["hang_up"]


async def test_a_second_interruption_before_the_first_is_settled_changes_nothing() -> None:
    call = Call(Lines([Say(words(30))]))
    call.wire.clearing = 10
    async with on_the_line(call):
        await call.heard_sound(0.2)
        call.conductor.post(Interrupt(0.1), Interrupt(0.2), TurnOver("wait", 0.1, 0.3))
        await call.logged(("hear", "wait"))
    assert len(said(call)) == 1 and call.log.index(said(call)[0]) < call.log.index(("hear", "wait"))
    assert call.wire.sent.count("clear") == 1


async def test_a_talk_that_is_cancelled_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    waits = asyncio.Event()
    call = Call(Lines(hear=lambda text: [THINK]), [TextDelta(words(30) + ". "), waits])
    running = asyncio.create_task(call.session.run())
    call.wire.bring_frame()
    await call.until(lambda: call.session._conductor)
    call.hear("go on")
    await call.heard_sound(0.2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert asyncio.all_tasks() == before
    assert call.papers.rows[0][:2] == ("callee", "go on")
    assert len(call.papers.closed) == 1


async def test_a_phrase_from_memory_is_heard_before_the_streamed_one_that_follows_it() -> None:
    call = Call(Lines(hear=lambda text: [THINK]), reply("Thank you. What is it about?"))
    async with on_the_line(call):
        await call.until(lambda: call.session._speaker)
        speaker = call.session._speaker
        assert speaker is not None
        await speaker.prepare(["Thank you."])
        call.hear("hello")
        await call.logged(("said", "Thank you. What is it about?", False))
    assert "Thank you. " not in call.mouth.asked
    assert call.papers.rows[-1][1] == "Thank you. What is it about?"


async def test_a_line_that_ends_while_it_is_cleared_leaves_what_was_heard() -> None:
    call = Call(Lines([Say(words(30))]))
    call.wire.clearing = 10**9
    async with on_the_line(call):
        await call.heard_sound(0.3)
        call.conductor.post(TurnOver("wait who is this", 0.1, 0.2))
        await call.until(lambda: call.wire.begun_to_clear)
        call.wire.clearing = 0
        call.wire.hang_up()
    [(_, heard, is_cut)] = said(call)
    assert is_cut and 0 < len(heard.split()) < 30
    assert call.wire.begun_to_clear == 1
    assert ("callee", "wait who is this", False) in call.papers.rows
