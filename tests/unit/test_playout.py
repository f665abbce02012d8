"""What was sent, what was heard of it, and what is left after a barge-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from dialer.call.line import LineEvent
from dialer.call.playout import BYTES_PER_S, LEAD_S, Passage, Playout, heard_of
from dialer.providers.speech import Word


class Tape:
    """A line that keeps what it is sent, and a clock that only moves when told."""

    def __init__(self) -> None:
        self.sent: list[bytes | str] = []
        self.now_s = 0.0
        self.heard = bytearray()

    def clock(self) -> float:
        return self.now_s

    def on_heard(self, at_s: float, audio: bytes) -> None:
        self.heard += audio

    def events(self) -> AsyncIterator[LineEvent]:
        raise AssertionError("nobody listens here")

    async def play(self, audio: bytes) -> None:
        self.sent.append(audio)

    async def mark(self, name: str) -> None:
        self.sent.append(name)

    async def clear(self) -> None:
        self.sent.append("clear")

    async def close(self) -> None:
        self.sent.append("close")

    @property
    def sound_s(self) -> float:
        return sum(len(each) for each in self.sent if isinstance(each, bytes)) / BYTES_PER_S


def second(number: int) -> bytes:
    return bytes([number]) * BYTES_PER_S


async def play(tape: Tape, playout: Playout, to_s: float) -> None:
    """Let the playout run while the clock goes on to ``to_s``."""
    running = asyncio.create_task(playout.run())
    while tape.now_s < to_s:
        for _ in range(3):
            await asyncio.sleep(0)
        tape.now_s = round(tape.now_s + 0.02, 3)
        playout._wake.set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_sound_is_sent_a_little_ahead_of_its_time_and_marked_at_its_end() -> None:
    tape = Tape()
    playout = Playout(tape, tape.clock, tape.on_heard)
    passage = playout.begin("one two")
    playout.add(passage, second(1) + second(2))
    playout.end(passage)
    await play(tape, playout, 1.0)
    assert 1.0 <= tape.sound_s <= 1.0 + LEAD_S + 0.06
    await play(tape, playout, 2.1)
    assert tape.sound_s == 2.0
    assert tape.sent[-1] == "p1"
    assert not passage.is_heard
    playout.played("p1")
    assert passage.is_heard and passage.heard.is_set()
    assert bytes(tape.heard) == second(1) + second(2)


async def test_after_a_barge_in_the_words_heard_are_the_words_that_had_begun() -> None:
    tape = Tape()
    playout = Playout(tape, tape.clock, tape.on_heard)
    passage = playout.begin("one two three four")
    passage.words += [Word(w, n * 0.5, n * 0.5 + 0.4) for n, w in enumerate(passage.text.split())]
    playout.add(passage, second(1) + second(2))
    playout.end(passage)
    await play(tape, playout, 1.1)
    cut = await playout.clear()
    assert cut == [(passage, "one two three")]
    assert heard_of([passage], cut) == "one two three"
    assert tape.sent[-1] == "clear"
    assert abs(len(tape.heard) / BYTES_PER_S - 1.1) < 0.05
    before = len(tape.sent)
    playout.add(passage, second(3))  # what the voice still brings is dropped
    playout.end(passage)
    await play(tape, playout, 1.6)
    assert len(tape.sent) == before
    assert playout.until_s is None


async def test_what_came_after_a_passage_that_is_cut_was_not_heard() -> None:
    tape = Tape()
    playout = Playout(tape, tape.clock, tape.on_heard)
    first, next_one = playout.begin("first words"), playout.begin("second words")
    playout.add(first, second(1))
    playout.end(first)
    playout.add(next_one, second(2))
    await play(tape, playout, 0.5)
    cut = await playout.clear()
    assert cut[1] == (next_one, "")
    assert heard_of([first, next_one], cut) == "first"


async def test_a_mark_that_never_comes_does_not_hold_up_the_call() -> None:
    tape = Tape()
    playout = Playout(tape, tape.clock, tape.on_heard)
    passage = playout.begin("hello")
    playout.add(passage, second(1))
    playout.end(passage)
    await play(tape, playout, 3.5)
    assert passage.is_heard


async def test_clearing_when_nothing_plays_asks_the_carrier_for_nothing() -> None:
    tape = Tape()
    playout = Playout(tape, tape.clock, tape.on_heard)
    assert await playout.clear() == []
    assert tape.sent == []


def test_without_timings_the_share_of_the_sound_tells_the_words() -> None:
    passage = Passage(1, "one two three four", audio_bytes=2 * BYTES_PER_S, is_whole=True)
    assert passage.heard_text(1.0) == "one two"
    assert passage.heard_text(2.0) == "one two three four"
    assert passage.heard_text(0.0) == ""


def test_a_sentence_heard_whole_is_whole_whatever_the_timings_say() -> None:
    passage = Passage(1, "one two", words=[Word("one", 0, 0.5)], is_whole=True)
    passage.audio_bytes = BYTES_PER_S
    assert passage.heard_text(1.0) == "one two"


def test_timings_that_come_piece_by_piece_tell_the_words_so_far() -> None:
    passage = Passage(1, "Hello Asha, Surya Homes here.", audio_bytes=BYTES_PER_S)
    passage.words = [Word("Hello", 0.0, 0.3), Word("Asha,", 0.35, 0.7)]
    assert passage.heard_text(0.2) == "Hello"
    passage.words += [Word("Surya", 0.8, 1.1), Word("Homes here.", 1.1, 1.6)]
    assert passage.heard_text(0.9) == "Hello Asha, Surya"
    assert passage.heard_text(1.2) == "Hello Asha, Surya Homes here."


def test_timings_of_other_words_than_the_text_count_by_their_share() -> None:
    passage = Passage(1, "pay 5000 rupees now", audio_bytes=2 * BYTES_PER_S, is_whole=True)
    passage.words = [
        Word(word, at / 3, at / 3 + 0.3) for at, word in enumerate(["pay", "five", "k"])
    ]
    assert passage.heard_text(0.5) == "pay 5000 rupees"
