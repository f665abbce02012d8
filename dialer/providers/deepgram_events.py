"""Deepgram's messages as the SDK reads them, turned into ours. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deepgram.listen.v1.types.listen_v1error import ListenV1Error
from deepgram.listen.v1.types.listen_v1metadata import ListenV1Metadata
from deepgram.listen.v1.types.listen_v1results import ListenV1Results
from deepgram.listen.v1.types.listen_v1speech_started import ListenV1SpeechStarted
from deepgram.listen.v1.types.listen_v1utterance_end import ListenV1UtteranceEnd

from dialer.providers.speech import RecogniserEvent, SpeechStarted, Transcript, UtteranceEnded, Word


@dataclass(frozen=True, slots=True)
class Billed:
    """Seconds of audio Deepgram says it took."""

    audio_s: float


@dataclass(frozen=True, slots=True)
class Complaint:
    """It did not understand something we sent; the socket stays."""


def read_message(message: object) -> RecogniserEvent | Billed | Complaint | None:
    """Return what a message says, or None if it cannot be understood.

    The SDK yields None for a type it does not know, and builds a known one without checking it:
    any field may be missing or of another type.
    """
    try:
        match message:
            case ListenV1Results():
                return _transcript(message)
            case ListenV1SpeechStarted():
                return SpeechStarted(_seconds(message.timestamp))
            case ListenV1UtteranceEnd():
                return UtteranceEnded(_seconds(message.last_word_end))
            case ListenV1Metadata():
                return Billed(_seconds(message.duration))
            case ListenV1Error():
                return Complaint()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None
    return None


def _transcript(results: ListenV1Results) -> Transcript:
    best = results.channel.alternatives[0]
    start_s = _seconds(results.start)
    return Transcript(
        text=_text(best.transcript).strip(),
        words=tuple(
            Word(_text(word.punctuated_word or word.word), _seconds(word.start), _seconds(word.end))
            for word in best.words
        ),
        start_s=start_s,
        end_s=start_s + _seconds(results.duration),
        is_final=results.is_final is True,
        ends_speech=results.speech_final is True or results.from_finalize is True,
    )


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not a time")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
