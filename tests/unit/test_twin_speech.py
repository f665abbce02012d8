"""The twin's voices: how they sound, as numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from dialer.twin import mulaw
from dialer.twin.espeak import to_8_khz
from dialer.twin.recognition import Library, Listener
from dialer.twin.speech import Studio, make_recording
from dialer.twin.take import Recording


@pytest.fixture
def studio() -> Iterator[Studio]:
    studio = Studio(Library())
    yield studio
    studio.close()


def samples(recording: Recording) -> np.ndarray:
    return np.frombuffer(mulaw.decode(recording.audio), dtype="<i2") / 32768


def test_mulaw_decodes_what_it_encodes() -> None:
    codes = bytes(range(256))
    again = mulaw.encode(mulaw.decode(codes))
    assert [code for code in codes if again[code] != code] == [0x7F]  # the other zero
    assert [mulaw.LEVELS[code] for code in (0x00, 0x80, 0xFF, 0xFE, 0x7E)] == [
        *(-32124, 32124, 0, 8, -8)  # ITU-T G.711 table 2a, in 16 bits
    ]
    pcm = np.arange(-32768, 32768, dtype="<i2")
    error = np.abs(
        np.frombuffer(mulaw.decode(mulaw.encode(pcm.tobytes())), "<i2") - pcm.astype(int)
    )
    assert (error <= np.maximum(8, np.abs(pcm.astype(int)) / 16) + 512).all()
    assert mulaw.level_dbfs(mulaw.SILENCE * 80) == mulaw.QUIETEST_DBFS


@pytest.mark.parametrize("tone_hz", [4200, 5000, 6000, 8000, 10000])
def test_what_a_telephone_cannot_carry_is_not_folded_into_speech(tone_hz: int) -> None:
    tone = np.sin(2 * np.pi * tone_hz * np.arange(22050) / 22050)
    heard = to_8_khz(tone)[100:-100]  # without the edges, where the tone begins and ends
    assert 20 * np.log10(np.sqrt(np.mean(heard**2)) / np.sqrt(0.5)) < -50


@pytest.mark.parametrize("tone_hz", [200, 1000, 3000])
def test_what_a_telephone_carries_keeps_its_level(tone_hz: int) -> None:
    tone = np.sin(2 * np.pi * tone_hz * np.arange(22050) / 22050)
    heard = to_8_khz(tone)
    assert abs(len(heard) - 8000) <= 1
    assert abs(20 * np.log10(np.sqrt(np.mean(heard[100:-100] ** 2)) / np.sqrt(0.5))) < 0.1


@pytest.mark.parametrize(
    "text",
    [
        "Hello?",
        "Yes, I own my home. My bill is 4,500 rupees!",
        "haan ji, theek hai",
        "Do you own the house you live in?",
        "नमस्ते, मैं solar नहीं चाहता।",
    ],
)
def test_a_recording_has_level_words_in_order_and_no_dead_stretch(text: str) -> None:
    made = make_recording(text, "en-IN", "")
    assert [word.text for word in made.words] == text.split()
    times = [at for word in made.words for at in (word.start_s, word.end_s)]
    assert times == sorted(times) and times[0] < 0.05 and made.seconds - times[-1] < 0.05
    loud = [
        level
        for at in range(0, len(made.audio) - 80, 80)
        if (level := mulaw.level_dbfs(made.audio[at : at + 80])) > -40
    ]
    rms_dbfs = 10 * np.log10(np.mean([10 ** (level / 10) for level in loud]))
    assert abs(rms_dbfs + 20) < 1.5
    assert np.abs(samples(made)).max() < 1
    assert all(len(set(made.audio[at : at + 80])) >= 4 for at in range(0, len(made.audio) - 80, 80))


async def test_a_text_is_recorded_once_and_other_voices_are_other_sounds(studio: Studio) -> None:
    one, again, other = await asyncio.gather(
        studio.record("hello"), studio.record("hello"), studio.record("hello", voice="Asha")
    )
    assert one is again and one.audio != other.audio
    lengths = {
        len((await studio.record("good morning to you", voice=name)).audio)
        for name in ("a", "b", "c", "d", "e")
    }
    assert len(lengths) > 2


@pytest.mark.parametrize("text", ["", " ", "…", "\x00", "-"])
async def test_a_text_without_words_is_a_breath(studio: Studio, text: str) -> None:
    made = await studio.record(text)
    assert made.words == () and 0 < made.seconds <= 0.1


async def test_a_mumble_sounds_like_speech_and_is_not_recognised(studio: Studio) -> None:
    await studio.record("mumble murmur mumble murmur")
    sound = await studio.mumble(1.2)
    assert len(sound) == 9600 and mulaw.level_dbfs(sound) > -26
    assert Listener(studio.library).feed(sound + mulaw.SILENCE * 8000) == []
