"""One recording of a voice, with where its words lie: what voices make and ears know again."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.twin.mulaw import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One word as it was written, with its punctuation; times in seconds of the recording."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """``audio`` is 8 kHz mu-law; ``words`` are in order and do not overlap."""

    text: str
    language: str
    voice: str
    audio: bytes
    words: tuple[SpokenWord, ...]

    @property
    def seconds(self) -> float:
        return len(self.audio) / SAMPLE_RATE_HZ
