"""Who may speak, decided by what was heard and when; every time is an argument."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dialer.call.turn_taking import (
    AskFinal,
    Interrupt,
    Resumed,
    Silence,
    TurnOver,
    TurnTaking,
)
from dialer.providers.speech import Transcript, UtteranceEnded, Word

PATIENCE_S = 5.0


def words(
    text: str, start_s: float, end_s: float, *, final: bool = True, ends: bool = True
) -> Transcript:
    each = text.split()
    step = (end_s - start_s) / max(1, len(each))
    said = tuple(
        Word(word, start_s + n * step, start_s + (n + 1) * step) for n, word in enumerate(each)
    )
    return Transcript(text, said, start_s, end_s, final, ends)


def run(turns: TurnTaking, from_s: float, to_s: float) -> list[object]:
    """Tick through a stretch of time and return what it brought, without its times."""
    found: list[object] = []
    now_s = from_s
    while now_s < to_s:
        now_s += 0.05
        found += turns.tick(now_s)
    return found


def test_words_that_the_recogniser_ends_are_a_turn_at_once() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.speech_began(1.0, 1.1)
    turns.heard(words("five", 1.0, 1.4, final=False, ends=False), 1.5)
    turns.speech_ended(2.0, 2.2)
    assert turns.heard(words("five thousand", 1.0, 2.0), 2.25) == [
        TurnOver("five thousand", 1.0, 2.0)
    ]


def test_final_words_wait_for_the_recogniser_to_hold_the_callee_for_done() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.speech_began(1.0, 1.1)
    turns.speech_ended(2.0, 2.2)
    assert turns.heard(words("my bill is", 1.0, 2.0, ends=False), 2.25) == []
    turns.speech_began(2.4, 2.5)
    turns.speech_ended(3.0, 3.2)
    assert turns.heard(words("five thousand", 2.4, 3.0), 3.25) == [
        TurnOver("my bill is five thousand", 1.0, 3.0)
    ]


def test_in_noise_the_gap_between_words_ends_the_turn() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.speech_began(1.0, 1.1)
    turns.heard(words("yes please", 1.0, 2.0, ends=False), 2.3)
    assert turns.heard(UtteranceEnded(2.0), 3.1) == []  # the noise still sounds like speech
    assert run(turns, 3.1, 4.5) == [TurnOver("yes please", 1.0, 2.0)]


def test_a_recogniser_that_says_nothing_final_is_asked_and_then_done_without() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.speech_began(1.0, 1.1)
    turns.heard(words("yes", 1.0, 1.4, final=False, ends=False), 1.5)
    turns.speech_ended(1.5, 1.7)
    assert run(turns, 1.7, 2.3) == [AskFinal()]
    assert run(turns, 2.3, 3.0) == [TurnOver("yes", 1.0, 1.5)]


def test_sound_without_words_is_a_turn_without_text() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.speech_began(1.0, 1.1)
    turns.speech_ended(2.0, 2.2)
    assert run(turns, 2.2, 4.0) == [TurnOver("", 1.0, 2.0)]


def test_a_click_is_nothing_and_silence_is_told_again_and_again() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.speech_began(1.0, 1.1)
    turns.speech_ended(1.1, 1.3)
    assert run(turns, 1.3, 6.0) == []
    assert run(turns, 6.0, 6.3) == [Silence()]
    assert run(turns, 6.3, 11.0) == []
    assert run(turns, 11.0, 11.4) == [Silence()]


def test_a_quarter_second_of_speech_stops_the_agent_and_a_cough_does_not() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.agent_spoke(10.0)
    turns.speech_began(1.0, 1.1)
    turns.speech_ended(1.15, 1.35)
    assert run(turns, 1.35, 2.0) == []
    turns.speech_began(3.0, 3.1)
    assert turns.tick(3.2) == []
    assert turns.tick(3.25) == [Interrupt(3.0)]
    turns.speech_ended(4.0, 4.2)
    over = turns.heard(words("not interested", 3.0, 4.0), 4.25)
    assert over == [TurnOver("not interested", 3.0, 4.0)]


def test_what_must_be_heard_is_heard_and_the_callees_words_wait() -> None:
    turns = TurnTaking(PATIENCE_S, may_interrupt=False)
    turns.agent_spoke(5.0)
    turns.speech_began(1.0, 1.1)
    assert run(turns, 1.1, 2.0) == []
    turns.speech_ended(2.0, 2.2)
    assert turns.heard(words("who is this", 1.0, 2.0), 2.3) == []
    assert run(turns, 2.3, 4.9) == []
    assert run(turns, 4.9, 5.2) == [TurnOver("who is this", 1.0, 2.0)]


def test_whoever_goes_on_speaking_takes_back_the_turn() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.speech_began(1.0, 1.1)
    turns.speech_ended(2.0, 2.2)
    turns.heard(words("my bill is", 1.0, 2.0), 2.3)
    turns.is_preparing = True
    turns.speech_began(2.6, 2.7)
    assert turns.tick(2.9) == [Resumed()]
    turns.speech_ended(3.5, 3.7)
    assert turns.heard(words("five thousand", 2.6, 3.5), 3.8) == [
        TurnOver("my bill is five thousand", 1.0, 3.5)
    ]


def test_once_the_agent_is_heard_a_turn_stays_answered() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.speech_began(1.0, 1.1)
    turns.speech_ended(2.0, 2.2)
    turns.heard(words("yes", 1.0, 2.0), 2.3)
    turns.agent_spoke(6.0)
    turns.speech_began(3.0, 3.1)
    assert turns.tick(3.3) == [Interrupt(3.0)]


def test_a_back_channel_passes_but_near_the_end_it_is_the_answer() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.agent_spoke(10.0)
    turns.speech_began(2.0, 2.08)
    turns.speech_ended(2.2, 2.4)
    assert turns.heard(words("haan", 2.0, 2.2), 2.5) == []
    assert run(turns, 2.5, 8.0) == []
    turns.speech_began(9.0, 9.08)
    turns.speech_ended(9.2, 9.4)
    assert turns.heard(words("yes", 9.0, 9.2), 9.5) == []
    assert run(turns, 9.5, 10.2) == [TurnOver("yes", 9.0, 9.2)]


def test_patience_counts_from_the_end_of_the_agents_words() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.agent_spoke(8.0)
    assert run(turns, 0.0, 12.9) == []
    assert run(turns, 12.9, 13.2) == [Silence()]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["began", "ended", "interim", "final", "gap", "agent", "tick", "key"]),
            st.floats(0.01, 3.0),
        ),
        max_size=60,
    )
)
def test_any_order_of_events_is_survived_and_no_words_are_lost(
    events: list[tuple[str, float]],
) -> None:
    turns, now_s, given_words, told = TurnTaking(PATIENCE_S), 0.0, 0, list[object]()
    for kind, pause_s in events:
        now_s += pause_s
        if kind == "began":
            told += turns.speech_began(now_s - 0.05, now_s)
        elif kind == "ended":
            told += turns.speech_ended(now_s - 0.2, now_s)
        elif kind in ("interim", "final"):
            is_final = kind == "final"
            given_words += is_final
            told += turns.heard(words(f"w{given_words}", now_s - 0.3, now_s, final=is_final), now_s)
        elif kind == "gap":
            told += turns.heard(UtteranceEnded(now_s), now_s)
        elif kind == "agent":
            turns.agent_spoke(now_s + pause_s)
        elif kind == "key":
            turns.touch(now_s)
        else:
            told += turns.tick(now_s)
    told += turns.speech_ended(now_s, now_s + 0.2)
    told += run(turns, now_s, now_s + 10.0)
    last = [action for action in told if isinstance(action, TurnOver) and action.text]
    if given_words:
        assert f"w{given_words}" in last[-1].text
    assert all(action.began_s <= action.ended_s + 3.0 for action in last)


def test_sound_that_never_ends_and_has_no_words_is_asked_about_again_and_again() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.speech_began(1.0, 1.1)
    found = run(turns, 1.1, 35.0)
    assert len(found) == 3 and all(isinstance(each, TurnOver) and not each.text for each in found)


def test_words_in_noise_that_never_ends_are_a_turn_even_if_nobody_says_so() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.speech_began(1.0, 1.1)
    turns.heard(words("five thousand", 1.0, 2.0, final=False, ends=False), 2.1)
    [over] = [each for each in run(turns, 2.1, 10.0) if isinstance(each, TurnOver)]
    assert over.text == "five thousand"


def test_a_stopped_agent_is_no_agent_that_speaks() -> None:
    turns = TurnTaking(PATIENCE_S)
    turns.agent_spoke(20.0)
    turns.agent_stopped(2.0)
    turns.speech_began(3.0, 3.1)
    turns.speech_ended(3.4, 3.6)
    assert turns.heard(words("yes", 3.0, 3.4), 3.7) == [TurnOver("yes", 3.0, 3.4)]


def test_what_was_said_when_the_line_ended_is_a_turn() -> None:
    turns = TurnTaking(PATIENCE_S)
    assert turns.line_over() is None and not turns.is_hearing
    turns.speech_began(1.0, 1.1)
    assert turns.is_hearing
    turns.heard(words("stop calling", 1.0, 1.8, final=False, ends=False), 1.9)
    over = turns.line_over()
    assert over is not None and over.text == "stop calling"
    assert turns.line_over() is None
