"""Talkspurts: what is speech, what is noise, and where in the audio each begins and ends."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterator, Sequence

import pytest

from dialer.audio.levels import rms_dbfs
from dialer.audio.mulaw import FRAME_BYTES, FRAME_S, SILENT_FRAME, encode
from dialer.audio.talkspurt import SpeechBegan, SpeechEnded, Talkspurts

Event = SpeechBegan | SpeechEnded


def noise(level_dbfs: float, seconds: float, seed: int = 1) -> bytes:
    rng, size = random.Random(seed), 10 ** (level_dbfs / 20) * 32768
    return encode(
        array("h", [_clip(rng.gauss(0, size)) for _ in range(int(seconds * 8000))]).tobytes()
    )


def speech(seconds: float, level_dbfs: float = -20.0) -> bytes:
    """A vowel: the harmonics of 130 Hz under two formants, four syllables a second."""
    formants = ((700, 1.0), (1220, 0.5))
    voice = [
        (harmonic, sum(gain / (1 + ((130 * harmonic - at) / 120) ** 2) for at, gain in formants))
        for harmonic in range(1, 25)
    ]
    made = []
    for n in range(int(seconds * 8000)):
        t = n / 8000
        wave = sum(gain * math.sin(2 * math.pi * 130 * h * t) for h, gain in voice)
        made.append(wave * (0.6 + 0.4 * math.sin(2 * math.pi * 4 * t)))
    rms = math.sqrt(sum(x * x for x in made) / len(made))
    scale = 10 ** (level_dbfs / 20) * 32768 / rms
    return encode(array("h", [_clip(x * scale) for x in made]).tobytes())


def _clip(value: float) -> int:
    return max(-32768, min(32767, round(value)))


def events(spurts: Talkspurts, audio: bytes, at_s: float = 0.0) -> list[Event]:
    found = (spurts.feed(part, at_s + n * FRAME_S) for n, part in enumerate(frames(audio)))
    return [event for event in found if event is not None]


def frames(audio: bytes) -> Iterator[bytes]:
    for at in range(0, len(audio) - FRAME_BYTES + 1, FRAME_BYTES):
        yield audio[at : at + FRAME_BYTES]


def mixed(parts: Sequence[bytes]) -> bytes:
    return b"".join(parts)


@pytest.mark.parametrize("level", [-80.0, -60.0, -55.0, -50.0, -48.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_steady_line_noise_never_triggers(level: float, seed: int) -> None:
    assert events(Talkspurts(), noise(level, 20, seed)) == []


def test_silence_and_lost_audio_never_trigger() -> None:
    assert events(Talkspurts(), SILENT_FRAME * 500) == []


@pytest.mark.parametrize("level", [-35.0, -25.0, -15.0])
def test_speech_in_line_noise_is_found_where_it_is(level: float) -> None:
    quiet = noise(-52, 1.0)
    found = events(Talkspurts(), mixed([quiet, speech(1.0, level), quiet]))
    assert [type(event) for event in found] == [SpeechBegan, SpeechEnded]
    assert found[0].at_s == pytest.approx(1.0, abs=0.08)
    assert found[1].at_s == pytest.approx(2.0, abs=0.2)


def test_a_short_pause_does_not_part_a_talkspurt_and_a_long_one_does() -> None:
    quiet, word = noise(-55, 1.0), speech(0.5)
    short, long = noise(-55, 0.1, 5), noise(-55, 0.8, 6)
    one = events(Talkspurts(), mixed([quiet, word, short, word, quiet]))
    two = events(Talkspurts(), mixed([quiet, word, long, word, quiet]))
    assert len(one) == 2
    assert len(two) == 4


def test_a_click_is_not_speech() -> None:
    click = noise(-10, FRAME_S * 2, 9)
    quiet = noise(-55, 0.5)
    assert events(Talkspurts(), mixed([quiet, click, quiet, click, quiet])) == []


def test_noise_that_stays_loud_stops_counting_as_speech() -> None:
    spurts = Talkspurts()
    events(spurts, noise(-32, 6))
    assert spurts.began_s is None
    assert events(spurts, noise(-32, 10, 2), 6.0) == []


def test_the_times_are_the_audios_whatever_it_starts_at() -> None:
    audio = mixed([noise(-55, 0.5), speech(0.5), noise(-55, 0.8)])
    early, late = (events(Talkspurts(), audio, at_s) for at_s in (0.0, 100.0))
    assert [event.at_s + 100 for event in early] == pytest.approx([e.at_s for e in late])


def test_only_whole_frames_are_fed() -> None:
    with pytest.raises(ValueError, match="160 bytes"):
        Talkspurts().feed(b"", 0.0)


def test_the_speech_of_these_tests_is_as_loud_as_it_says() -> None:
    assert rms_dbfs(speech(0.5, -25)) == pytest.approx(-25, abs=0.5)
