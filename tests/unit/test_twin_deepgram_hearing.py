"""When the twin's Deepgram says what, by times as arguments."""

from __future__ import annotations

import statistics
from random import Random
from typing import Any

import pytest
from multidict import MultiDict

from dialer.twin.deepgram_hearing import Habits, Hearing
from dialer.twin.deepgram_options import BadOptions, ListenOptions, read_options
from dialer.twin.latency import by_p95, by_quartiles
from dialer.twin.recognition import Library, Listener
from dialer.twin.speech import make_recording
from dialer.twin.take import Recording

FRAME = 160
OPTIONS = ListenOptions(
    language="multi",
    has_interim=True,
    has_vad_events=True,
    is_punctuated=True,
    endpointing_s=0.25,
    utterance_end_s=1.0,
)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return make_recording("Yes, I own the house.", "en-IN", "")


def hearing(recording: Recording, habits: Habits, options: ListenOptions = OPTIONS) -> Hearing:
    library = Library()
    library.add(recording)
    return Hearing(Listener(library), options, "request", lambda: habits)


def live(one: Hearing, audio: bytes) -> list[tuple[float, dict[str, Any]]]:
    """(time, message) of all that is said while ``audio`` comes as from a telephone."""
    said: list[tuple[float, dict[str, Any]]] = []
    for at in range(0, len(audio), FRAME):
        now = (at + FRAME) / 8000
        one.feed(audio[at : at + FRAME], now)
        while one.next_at is not None and one.next_at <= now:
            moment = one.next_at
            said += [(moment, message) for message in one.due(moment)]
    return said


def around(recording: Recording, quiet_s: float = 2.0) -> bytes:
    return b"\xff" * 1600 + recording.audio + b"\xff" * round(8000 * quiet_s)


@pytest.mark.parametrize(("final_s", "waits_s"), [(0.0, 0.25), (0.247, 0.25), (0.4, 0.4)])
def test_final_words_come_after_the_silence_asked_for_or_the_latency(
    recording: Recording, final_s: float, waits_s: float
) -> None:
    said = live(hearing(recording, Habits(final_s)), around(recording))
    ((at, final),) = [(at, m) for at, m in said if m.get("is_final")]
    ended_s = 0.2 + recording.seconds
    assert at == pytest.approx(ended_s + waits_s, abs=0.04)
    assert final["speech_final"] and not final["from_finalize"]
    (alternative,) = final["channel"]["alternatives"]
    assert alternative["transcript"] == recording.text
    assert alternative["words"][0]["word"] == "yes"
    assert alternative["languages"] == ["en"]


def test_the_order_is_start_interims_final_utterance_end(recording: Recording) -> None:
    said = live(hearing(recording, Habits(0.247)), around(recording))
    kinds = [message["type"] for _, message in said]
    assert kinds == ["SpeechStarted", *["Results"] * (len(kinds) - 2), "UtteranceEnd"]
    is_final = [m["is_final"] for _, m in said if m["type"] == "Results"]
    assert is_final == [False] * (len(is_final) - 1) + [True] and len(is_final) >= 3
    assert said[0][0] == pytest.approx(0.2, abs=0.1)
    last_word_end = said[-2][1]["channel"]["alternatives"][0]["words"][-1]["end"]
    assert said[-1][1]["last_word_end"] == last_word_end
    assert said[-1][0] == pytest.approx(last_word_end + 1.0, abs=0.04)


def test_finalize_in_mid_speech_splits_the_words_and_loses_none(recording: Recording) -> None:
    one = hearing(recording, Habits())
    audio = around(recording)
    half = 1600 + len(recording.audio) // 2
    said = live(one, audio[:half])
    one.finalize(half / 8000)
    said += [(0.0, message) for message in one.due(99.0)]
    said += live(one, audio[half:])
    finals = [m for _, m in said if m.get("is_final")]
    assert [m["from_finalize"] for m in finals] == [True, False]
    texts = [m["channel"]["alternatives"][0]["transcript"] for m in finals]
    assert all(texts) and " ".join(texts) == recording.text
    assert finals[0]["start"] + finals[0]["duration"] == pytest.approx(finals[1]["start"])


def test_with_endpointing_off_only_the_gap_or_the_customer_ends_speech(
    recording: Recording,
) -> None:
    options = ListenOptions(has_interim=True, endpointing_s=None)
    one = hearing(recording, Habits(), options)
    said = live(one, around(recording))
    assert not [m for _, m in said if m.get("is_final")]
    one.close(50.0)
    (final,) = one.due(50.0)
    assert final["channel"]["alternatives"][0]["transcript"] == "yes i own the house"


def test_a_click_is_no_speech(recording: Recording) -> None:
    one = hearing(recording, Habits())
    click = b"\xff" * 1600 + b"\x00" * FRAME + b"\xff" * 8000
    assert live(one, click) == []


def test_latencies_are_drawn_as_measured() -> None:
    random = Random("seed")
    stt = sorted(by_p95(247, 298).draw(random) for _ in range(4000))
    assert statistics.median(stt) == pytest.approx(0.247, rel=0.01)
    assert stt[3800] == pytest.approx(0.298, rel=0.02)
    assert stt[3960] == pytest.approx(0.326, rel=0.03)  # the measured p99
    tts = statistics.quantiles((by_quartiles(188, 100).draw(random) for _ in range(4000)), n=4)
    assert tts[1] == pytest.approx(0.188, rel=0.03)
    assert tts[2] - tts[0] == pytest.approx(0.100, rel=0.08)
    assert by_p95(0, 298).draw(random) == by_quartiles(0, 100).draw(random) == 0.0


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "whisper"},
        {"language": "xx"},
        {"encoding": "linear16"},
        {"sample_rate": "16000"},
        {"channels": "2"},
        {"interim_results": "yes"},
        {"utterance_end_ms": "500"},
        {"utterance_end_ms": "soon"},
        {"interim_results": "false"},
        {"endpointing": "-1"},
        {"keyterm": "x" * 3000},
    ],
)
def test_what_deepgram_refuses_is_refused(changes: dict[str, str]) -> None:
    good = MultiDict(
        model="nova-3",
        language="multi",
        encoding="mulaw",
        sample_rate="8000",
        interim_results="true",
        utterance_end_ms="1000",
        endpointing="250",
    )
    assert read_options(good).endpointing_s == 0.25
    with pytest.raises(BadOptions):
        read_options(MultiDict({**good, **changes}))
