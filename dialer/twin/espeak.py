"""espeak-ng by ctypes (wheel ``espeakng-loader``, GPL-3): text to 8 kHz samples and word times.

Imported by `speech` alone, and only where the extra ``twin`` is installed. The library keeps one
state per process and is not thread-safe: every call holds one lock.
"""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass
from typing import Final

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from dialer.twin.errors import TwinError
from dialer.twin.mulaw import CODES, SAMPLE_RATE_HZ

Samples = NDArray[np.float64]  # full scale is ±1

_SYNCHRONOUS: Final = 2
_DO_NOT_EXIT: Final = 0x8000
_UTF8: Final = 1
_WORD, _LIST_END = 1, 0
_RATE, _PITCH = 1, 3

#: 22.05 kHz → 8 kHz is 160/441.
_SOURCE_HZ: Final = 22050
_UP: Final = 160
_DOWN: Final = 441
#: Pass band to 3.2 kHz, -60 dB from 4.0 kHz: Kaiser's formula for 96 taps at 22.05 kHz.
_TAPS: Final = 96
_KAISER_BETA: Final = 5.65
_CUTOFF_HZ: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody speaks. rate_wpm: words per minute; pitch: 0-99; voice: espeak's name."""

    voice: str
    rate_wpm: int
    pitch: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """Samples at 8 kHz, and for each word (position in the text in characters, start in s)."""

    samples: Samples
    words: tuple[tuple[int, float], ...]


class _Id(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Engine:
    """The one espeak-ng of this process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data_path = espeakng_loader.get_data_path().encode()
        rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data_path, _DO_NOT_EXIT)
        if rate_hz != _SOURCE_HZ:
            raise TwinError(f"espeak-ng does not start (says {rate_hz}); reinstall dialer[twin]")
        self._sound = bytearray()
        self._words: list[tuple[int, float]] = []
        self._callback = _Callback(self._take)  # kept: the library holds only a pointer
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, manner: Manner) -> tuple[bytes, tuple[tuple[int, float], ...]]:
        self._sound.clear()
        self._words.clear()
        library = self._library
        if library.espeak_SetVoiceByName(manner.voice.encode()) != 0:
            raise TwinError(f"espeak-ng has no voice {manner.voice!r}; reinstall dialer[twin]")
        library.espeak_SetParameter(_RATE, manner.rate_wpm, 0)
        library.espeak_SetParameter(_PITCH, manner.pitch, 0)
        raw = text.encode() + b"\0"
        if library.espeak_Synth(raw, len(raw), 0, 1, 0, _UTF8, None, None) != 0:
            raise TwinError("espeak-ng could not speak; reinstall dialer[twin]")
        library.espeak_Synchronize()
        return bytes(self._sound), tuple(self._words)

    def _take(self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: object) -> int:
        """Called by the library with up to a buffer of sound and the events within it."""
        if samples and count > 0:
            self._sound += ctypes.string_at(samples, 2 * count)
        listed = ctypes.cast(events, ctypes.POINTER(_Event))  # type: ignore[arg-type]
        index = 0
        while listed and listed[index].type != _LIST_END:
            event = listed[index]
            if event.type == _WORD:
                self._words.append((event.text_position - 1, event.sample / _SOURCE_HZ))
            index += 1
        return 0


_lock = threading.Lock()
_engines: list[_Engine] = []


def speak(text: str, manner: Manner) -> Spoken:
    """Speak ``text`` (no NUL in it). Takes about 2 ms per second of speech."""
    with _lock:
        if not _engines:
            _engines.append(_Engine())
        sound, words = _engines[0].speak(text, manner)
    pcm = np.frombuffer(sound, dtype="<i2").astype(np.float64) / 32768.0
    return Spoken(to_8_khz(pcm), words)


def to_8_khz(samples: Samples) -> Samples:
    """Resample 22.05 kHz to 8 kHz through a windowed-sinc low-pass, one phase per output."""
    count = len(samples) * _UP // _DOWN
    if not count:
        return np.zeros(0)
    at = np.arange(count) * _DOWN
    starts, phases = at // _UP, at % _UP
    padded = np.concatenate([np.zeros(_TAPS // 2 - 1), samples, np.zeros(_TAPS // 2 + 1)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, _TAPS)
    return np.asarray(np.einsum("ij,ij->i", windows[starts], _FILTERS[phases]))


def _filters() -> Samples:
    """Shape (160, 96): the low-pass at each of the 160 places between two input samples."""
    places = np.arange(_TAPS)[None, :] - (_TAPS // 2 - 1) - np.arange(_UP)[:, None] / _UP
    cutoff = 2 * _CUTOFF_HZ / _SOURCE_HZ
    inside = np.clip(1 - (places / (_TAPS / 2)) ** 2, 0, None)
    taps = cutoff * np.sinc(cutoff * places) * np.i0(_KAISER_BETA * np.sqrt(inside))
    return np.asarray(taps / taps.sum(axis=1, keepdims=True))


_FILTERS: Final = _filters()
_CODES: Final = np.frombuffer(CODES, dtype=np.uint8)


def noise(count: int, *, rms: float, seed: int) -> Samples:
    """White noise, the same for the same seed."""
    return np.random.default_rng(seed).normal(0.0, rms, count)


def to_mulaw(samples: Samples) -> bytes:
    """What is louder than full scale is clipped."""
    pcm = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
    return _CODES[pcm.view(np.uint16)].tobytes()


def frame_levels(samples: Samples, frame_s: float) -> Samples:
    """RMS of each whole frame, full scale 1."""
    size = round(frame_s * SAMPLE_RATE_HZ)
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    return np.asarray(np.sqrt(np.mean(whole**2, axis=1)))
