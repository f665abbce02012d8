"""The twin's voices: text to a `Recording` that its own recogniser knows again byte for byte."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from dialer.twin.errors import TwinError
from dialer.twin.mulaw import SAMPLE_RATE_HZ
from dialer.twin.recognition import Library
from dialer.twin.take import Recording, SpokenWord

try:
    from dialer.twin import espeak
except ImportError:  # without the extra a twin still rings phones
    HAS_VOICE = False
else:
    HAS_VOICE = True

if TYPE_CHECKING:
    from dialer.twin.espeak import Manner, Samples

LEVEL_DBFS: Final = -20.0
NOISE_DBFS: Final = -60.0  # baked in, so that no stretch of a recording is constant
MOST_KEPT: Final = 4000  # recordings; the oldest is forgotten
MOST_CHARS: Final = 4000
_EDGE_S: Final = 0.01
_QUIET_BELOW_PEAK: Final = 0.02  # -34 dB: silence at the edges and between words
_DEVANAGARI: Final = re.compile(r"[\u0900-\u097F]")
_TOKEN: Final = re.compile(r"\S+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Studio:
    """Records what the twin's people and its Cartesia say; each text once per voice.

    Every recording is in ``library``, so that a `recognition.Listener` finds it in a stream.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="twin-voice")
        self._kept: OrderedDict[tuple[str, str, str], Recording] = OrderedDict()

    async def record(self, text: str, *, language: str = "en-IN", voice: str = "") -> Recording:
        """Speak ``text``: Devanagari by a Hindi voice, Latin by an English one.

        ``voice`` is any name; another name is another pitch and pace. Text without words is a
        tenth of a second of faint noise. `TwinError` when no voice is installed.
        """
        key = (text, language, voice)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._record, key)

    async def mumble(self, seconds: float, *, voice: str = "") -> bytes:
        """Sound of a voice without words, mu-law; no library knows it."""
        text = "mumble murmur " * max(1, round(seconds * 1.5))
        loop = asyncio.get_running_loop()
        recording = await loop.run_in_executor(self._thread, make_recording, text, "en-IN", voice)
        return recording.audio[::-1][: round(seconds * SAMPLE_RATE_HZ)]

    def close(self) -> None:
        """Nothing is recorded any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _record(self, key: tuple[str, str, str]) -> Recording:
        """On the one thread, so that nothing is recorded twice, and in the library even when
        whoever asked has gone."""
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        recording = make_recording(*key)
        self._kept[key] = recording
        self.library.add(recording)
        if len(self._kept) > MOST_KEPT:
            _, oldest = self._kept.popitem(last=False)
            self.library.remove(oldest)
        return recording


def make_recording(text: str, language: str, voice: str) -> Recording:
    """Speak, resample, trim, level, add the noise floor, encode. Blocks for some milliseconds."""
    if not HAS_VOICE:
        raise TwinError("the twin has no voice; install it with: pip install 'dialer[twin]'")
    clean = _CONTROL.sub(" ", text)[:MOST_CHARS]
    seed = _number(text, language, voice)
    if not re.search(r"\w", clean):
        quiet = espeak.noise(SAMPLE_RATE_HZ // 10, rms=10 ** (NOISE_DBFS / 20), seed=seed)
        return Recording(text, language, voice, espeak.to_mulaw(quiet), ())
    spoken = espeak.speak(clean, _manner(clean, voice))
    start, end = _sounding(spoken.samples)
    samples = _levelled(spoken.samples[start:end])
    samples = samples + espeak.noise(len(samples), rms=10 ** (NOISE_DBFS / 20), seed=seed)
    starts = [(position, at_s - start / SAMPLE_RATE_HZ) for position, at_s in spoken.words]
    return Recording(
        text, language, voice, espeak.to_mulaw(samples), _words(clean, starts, samples)
    )


def _manner(text: str, voice: str) -> Manner:
    """A pace and a pitch that depend on the voice's name alone."""
    dialect = "hi" if _DEVANAGARI.search(text) else ("gmw/en", "en-us")[_number(voice) % 2]
    if not voice:
        return espeak.Manner("hi" if dialect == "hi" else "gmw/en", rate_wpm=170, pitch=45)
    pace, pitch = _number(voice, "pace"), _number(voice, "pitch")
    return espeak.Manner(dialect, rate_wpm=155 + pace % 41, pitch=25 + pitch % 51)


def _sounding(samples: Samples) -> tuple[int, int]:
    """The first and the last sample that matter, with a small edge."""
    size = round(_EDGE_S * SAMPLE_RATE_HZ)
    levels = espeak.frame_levels(samples, _EDGE_S)
    if not len(levels):
        return 0, len(samples)
    loud = (levels > levels.max() * _QUIET_BELOW_PEAK).nonzero()[0]
    return max(0, (int(loud[0]) - 1) * size), min(len(samples), (int(loud[-1]) + 2) * size)


def _levelled(samples: Samples) -> Samples:
    """The same at -20 dBFS, measured where there is sound."""
    levels = espeak.frame_levels(samples, _EDGE_S)
    if not len(levels) or not levels.max():
        return samples
    loud = levels[levels > levels.max() * _QUIET_BELOW_PEAK]
    rms = float((loud**2).mean() ** 0.5)
    return samples * (10 ** (LEVEL_DBFS / 20) / rms)


def _words(text: str, starts: list[tuple[int, float]], samples: Samples) -> tuple[SpokenWord, ...]:
    """A word begins with the first event inside it; it ends where sound does, at the latest where
    the next one begins. espeak gives several events to a number and none to a lone comma."""
    total_s = len(samples) / SAMPLE_RATE_HZ
    begun: list[tuple[list[str], float]] = []
    for token in _TOKEN.finditer(text):
        if not re.search(r"\w", token[0]):
            continue
        inside = [at_s for position, at_s in starts if token.start() <= position < token.end()]
        if inside:
            begun.append(([token[0]], min(max(0.0, inside[0]), total_s)))
        elif begun:  # espeak speaks some pairs ("live in") as one
            begun[-1][0].append(token[0])
    levels = espeak.frame_levels(samples, _EDGE_S)
    words: list[SpokenWord] = []
    for index, (tokens, start_s) in enumerate(begun):
        next_s = begun[index + 1][1] if index + 1 < len(begun) else total_s
        words += _share(tokens, start_s, _end_of_sound(levels, start_s, next_s))
    return tuple(words)


def _share(tokens: list[str], start_s: float, end_s: float) -> Iterator[SpokenWord]:
    """Words spoken as one, each for its share of the letters."""
    per_letter_s = (end_s - start_s) / sum(map(len, tokens))
    for token in tokens:
        ends_s = start_s + per_letter_s * len(token)
        yield SpokenWord(token, start_s, ends_s)
        start_s = ends_s


def _end_of_sound(levels: Samples, start_s: float, next_s: float) -> float:
    first, last = int(start_s / _EDGE_S) + 1, min(int(next_s / _EDGE_S), len(levels))
    loud = (levels[first:last] > levels.max() * _QUIET_BELOW_PEAK).nonzero()[0]
    return min(next_s, (first + int(loud[-1]) + 1) * _EDGE_S) if len(loud) else next_s


def _number(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\n".join(parts).encode()).digest()[:6], "big")
