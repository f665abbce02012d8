"""Speech found in sound, without words: webrtcvad behind a noise gate, on the media clock. Pure.

The times are of the audio, not of its arrival: a burst after a stall gives the same spurts.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import webrtcvad

from dialer.audio.levels import QUIETEST_DBFS, rms_dbfs
from dialer.audio.mulaw import FRAME_BYTES, FRAME_S, SAMPLE_RATE_HZ, decode

HANGOVER_S: Final = 0.200  # a pause inside a word is shorter: stops take 50-150 ms

_MODE = 3  # the strictest: measured.md §2
_ONSET_VOICED, _ONSET_OF = 3, 5  # frames: one click or two are not speech
_HANGOVER_FRAMES = round(HANGOVER_S / FRAME_S)
_WARM_UP_FRAMES = 5  # webrtcvad takes the first 4 frames of any noise for speech

# Line noise lies at -50 dBFS and below, quiet speech peaks above -40.
_GATE_DBFS = -46.0
# In noise the gate rises with its floor, the quietest frame of the last two seconds: even fast
# speech has a stop in two seconds. It rises so far only that a loud long vowel still passes.
_ABOVE_FLOOR_DB = 6.0
_HIGHEST_FLOOR_DBFS = -30.0
_FLOOR_BLOCK_FRAMES = 25
_FLOOR_BLOCKS = 4
_EVERY = 3  # samples looked at for a level: a third gives it to ±1 dB at a third of the cost


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """``at_s``: where the first voiced frame begins, 60 to 100 ms before this is known."""

    at_s: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """``at_s``: where the last voiced frame ends, `HANGOVER_S` before this is known."""

    at_s: float


class _NoiseFloor:
    """The quietest frame of the last 1.5 to 2 s."""

    def __init__(self) -> None:
        self._blocks: deque[float] = deque(maxlen=_FLOOR_BLOCKS - 1)
        self._lowest = 0.0
        self._frames = 0

    def gate_dbfs(self, level_dbfs: float) -> float:
        """Take in a frame's level; return what speech must exceed."""
        self._lowest = min(self._lowest, level_dbfs)
        self._frames += 1
        floor = min(self._lowest, *self._blocks) if self._blocks else QUIETEST_DBFS
        if self._frames == _FLOOR_BLOCK_FRAMES:
            self._blocks.append(self._lowest)
            self._lowest, self._frames = 0.0, 0
        return max(_GATE_DBFS, min(floor, _HIGHEST_FLOOR_DBFS) + _ABOVE_FLOOR_DB)


class Talkspurts:
    """The callee's talkspurts. Feed every frame of the line, in order."""

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(_MODE)
        self._floor = _NoiseFloor()
        self._recent: deque[bool] = deque(maxlen=_ONSET_OF)
        self._fed = 0
        self._unvoiced_run = 0
        self._last_voiced_end_s = 0.0
        self._began_s: float | None = None

    @property
    def began_s(self) -> float | None:
        """Where the present talkspurt began; None outside one."""
        return self._began_s

    def feed(self, audio: bytes, at_s: float) -> SpeechBegan | SpeechEnded | None:
        """Take in one frame of 160 bytes mu-law that begins at ``at_s`` of the media clock."""
        if len(audio) != FRAME_BYTES:
            raise ValueError(f"a frame has {FRAME_BYTES} bytes, not {len(audio)}")
        is_voiced = self._is_voiced(audio)
        self._recent.append(is_voiced)
        if is_voiced:
            self._unvoiced_run = 0
            self._last_voiced_end_s = at_s + FRAME_S
        else:
            self._unvoiced_run += 1
        if self._began_s is None:
            return self._onset(at_s)
        return self._end() if self._unvoiced_run >= _HANGOVER_FRAMES else None

    def _is_voiced(self, audio: bytes) -> bool:
        level = rms_dbfs(audio[::_EVERY])
        gate = self._floor.gate_dbfs(level)
        # The detector hears every frame, so that it knows the line's noise when speech comes.
        is_speech: bool = self._vad.is_speech(decode(audio), SAMPLE_RATE_HZ)
        self._fed += 1
        return is_speech and level > gate and self._fed > _WARM_UP_FRAMES

    def _onset(self, at_s: float) -> SpeechBegan | None:
        voiced = sum(self._recent)
        if voiced < _ONSET_VOICED:
            return None
        first = self._recent.index(True)
        self._began_s = at_s - (len(self._recent) - 1 - first) * FRAME_S
        return SpeechBegan(self._began_s)

    def _end(self) -> SpeechEnded:
        self._began_s = None
        self._recent.clear()
        return SpeechEnded(self._last_voiced_end_s)
