"""One live call whose providers, desk or disk fail: it goes on, or ends in words."""

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
from dialer.call import session
from dialer.dialing.live_call import LiveCall
from dialer.domain.attempt import Disposition
from dialer.domain.ids import uuid7
from dialer.errors import ProviderUnavailable, Unavailable
from dialer.providers.speech import TextDelta
from dialer.store.connect import create_engine
from dialer.store.engine import Database
from tests.unit.call_floor import APOLOGY, FILLER, Call, Lines, on_the_line
from tests.unit.call_vendors import WORD_S, reply

THINK = Think((), ())
BROKEN = ProviderUnavailable("test", "broke")
GOODBYE = [Say("Thank you and goodbye."), HangUp()]


def tool(moves: Moves) -> Any:
    return lambda call: moves


def words(count: int) -> str:
    return " ".join(f"word{number}" for number in range(count))


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


async def test_the_recording_is_closed_although_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_WRITTEN_WITHIN_S", 1.0)
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


async def test_a_text_that_cannot_be_made_does_not_keep_the_apology_from_being_made() -> None:
    call = Call(Lines(begin=[Say("Hello.")]))
    call.mouth.failing[FILLER] = 0
    puppet: Any = call.session._mind
    puppet.fixed_texts = (APOLOGY,)
    async with on_the_line(call):
        await call.until(lambda: call.session._speaker.cached(APOLOGY))  # type: ignore[union-attr]


async def test_a_voice_that_is_gone_still_says_a_sorry_that_was_made_before() -> None:
    call = Call(Lines([Say("Hello.")], hear=lambda text: [THINK]), [BROKEN], [BROKEN])
    puppet: Any = call.session._mind
    puppet.fixed_texts = (APOLOGY,)
    async with on_the_line(call):
        await call.until(lambda: call.session._speaker.cached(APOLOGY))  # type: ignore[union-attr]
        call.mouth.failing[APOLOGY] = 0
        call.hear("hm")
        await call.until(lambda: call.wire.is_over)
    assert call.papers.rows[-1] == ("agent", APOLOGY, False)
    assert call.papers.facts == ["hang_up"]


async def test_a_failure_of_the_failure_ends_in_the_carriers_words() -> None:
    call = Call(Lines(hear=lambda text: [THINK]), [BROKEN], [BROKEN])
    call.mouth.failing[APOLOGY] = 0
    async with on_the_line(call):
        call.hear("hm")
        await call.until(lambda: call.wire.is_over)
    assert call.papers.facts == ["apologise"]
    assert call.papers.closed[0][0].failures == {"model": 2, "voice": 2}


@pytest.mark.parametrize("limit", ["_WRITTEN_WITHIN_S", "_CLOSE_WITHIN_S"])
async def test_a_desk_that_never_comes_back_holds_nothing_for_ever(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, limit, 1.0)
    before = asyncio.all_tasks()
    call = Call(Lines([Say("Hello.")]))
    async with on_the_line(call):
        await call.logged(("said", "Hello.", False))
        call.papers.gate = asyncio.Event()
    assert asyncio.all_tasks() == before


async def test_the_end_is_kept_until_the_desk_is_back(tmp_path: Path) -> None:
    call = Call(Lines([Say("Hello there.")]), recorder=StereoWav(tmp_path / "r.wav"))
    async with on_the_line(call):
        await call.logged(("said", "Hello there.", False))
        call.papers.is_away = True
        asyncio.get_running_loop().call_later(9.0, setattr, call.papers, "is_away", False)
    assert len(call.papers.closed) == 1


async def test_a_desk_that_is_away_is_told_as_such() -> None:
    """The journal tries again for `Unavailable` only."""
    database = Database(create_engine("postgresql://nobody@127.0.0.1:1/none"))
    carrier: Any = None
    desk = LiveCall(database, carrier, carrier, lambda work: None, uuid7())
    for asked in (desk.news, desk.opt_out, desk.hang_up):
        with pytest.raises(Unavailable):
            await asked()
    await database.dispose()


async def test_words_that_wait_for_a_slow_opt_out_are_bridged() -> None:
    ends = [OptOut(), Say("You get no more calls."), HangUp()]
    call = Call(Lines(hear=lambda text: ends))
    async with on_the_line(call):
        await call.until(lambda: call.session._speaker and call.session._speaker.cached(FILLER))
        gate = call.papers.gate = asyncio.Event()
        call.hear("stop")
        await call.heard_sound(2 * WORD_S)
        assert call.papers.facts == []
        gate.set()
        await call.until(lambda: call.wire.is_over)
    assert call.papers.rows[-1][1] == f"{FILLER} You get no more calls."
