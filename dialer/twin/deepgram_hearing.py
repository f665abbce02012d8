"""What Deepgram would say about a stream of audio, and when. Pure: time is an argument.

Words are recognised by their very bytes (`recognition.Listener`); sound that no recording explains
is speech too, without words. A stretch of speech (a *talk* here) begins with the first sound and
ends with ``endpointing`` of quiet after the last; pauses inside a recording do not end it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dialer.twin.deepgram_options import ListenOptions
from dialer.twin.mulaw import LEVELS, SAMPLE_RATE_HZ
from dialer.twin.recognition import HeardWord, Listener

Message = dict[str, Any]

INTERIM_S: Final = 0.5  # of speech between two interim results
_LOUD_LEVEL: Final = 600  # of 32768: ten times the line's own noise
_LOUD_SHARE: Final = 0.1
_LOUD: Final = bytes(abs(level) > _LOUD_LEVEL for level in LEVELS)
_ONSET_S: Final = 0.06  # shorter is a click
_DEVANAGARI: Final = re.compile(r"[\u0900-\u097F]")
_MODEL_INFO: Final = {"name": "general-nova-3", "version": "2026-10-01.0", "arch": "nova-3"}
_MODEL_UUID: Final = "40bd3654-e622-47c4-a111-63a61b23bfe8"


@dataclass(frozen=True, slots=True)
class Habits:
    """How this recogniser behaves for one talk. Seconds."""

    final_s: float = 0.0  # from the end of speech to its final words
    says_speech_final: bool = True
    hears_words: bool = True


class Hearing:
    """One stream. `feed` it, and send what `due` returns; ``now`` is any monotonic clock."""

    def __init__(
        self,
        listener: Listener,
        options: ListenOptions,
        request_id: str,
        new_habits: Callable[[], Habits],
    ) -> None:
        self._listener = listener
        self._options = options
        self._request_id = request_id
        self._new_habits = new_habits
        self._habits = Habits()
        self._is_talk = False
        self._loud_s = 0.0  # of the sound that goes on now
        self._sound_ends_s = 0.0  # the last sound, in the stream
        self._sound_ended_at = 0.0  # when its last byte arrived
        self._from_s = 0.0  # all before it has been said in final results
        self._words: list[HeardWord] = []  # heard since
        self._next_interim_s = 0.0
        self._last_word_ends_s: float | None = None  # of words said, `UtteranceEnd` owed
        self._outbox: deque[tuple[float, Message]] = deque()

    @property
    def now_s(self) -> float:
        """How much was heard."""
        return self._listener.now_s

    @property
    def next_at(self) -> float | None:
        """When `due` will have something."""
        return self._outbox[0][0] if self._outbox else None

    def due(self, now: float) -> list[Message]:
        """Everything whose time has come, in order."""
        messages = []
        while self._outbox and self._outbox[0][0] <= now:
            messages.append(self._outbox.popleft()[1])
        return messages

    def feed(self, audio: bytes, now: float) -> None:
        words = self._listener.feed(audio)
        self._notice_sound(audio, now)
        if self._habits.hears_words:
            self._words += words
        if self._is_talk:
            self._say_interim(now)
            self._end_talk_if_quiet(now)
        self._say_utterance_end(now)

    def finalize(self, now: float) -> None:
        """The customer's `Finalize`: all words up to now are final."""
        is_quiet = self._is_talk and self._quiet_s > 2 * _ONSET_S
        if is_quiet:
            self._is_talk = False
        at = max(now, self._sound_ended_at + self._habits.final_s)
        self._say(at, self._final(speech_final=is_quiet, from_finalize=True))

    def close(self, now: float) -> None:
        """The customer's `CloseStream`: what remains, at once."""
        if self._words:
            self._say(now, self._final(speech_final=True))
        self._outbox = deque((now, message) for _, message in self._outbox)

    @property
    def _quiet_s(self) -> float:
        return 0.0 if self._listener.is_speech else self.now_s - self._sound_ends_s

    def _notice_sound(self, audio: bytes, now: float) -> None:
        is_loud = audio.translate(_LOUD).count(1) > _LOUD_SHARE * len(audio)
        self._loud_s = self._loud_s + len(audio) / SAMPLE_RATE_HZ if is_loud else 0.0
        utterance = self._listener.utterance
        ends_s = max(
            utterance.ends_s if utterance is not None else 0.0,
            self.now_s if self._loud_s >= _ONSET_S else 0.0,
        )
        if ends_s <= self._sound_ends_s:
            return
        if not self._is_talk:
            heard = utterance is not None and utterance.ends_s > self._sound_ends_s
            starts_s = utterance.starts_s if heard and utterance else ends_s - self._loud_s
            self._begin_talk(max(starts_s, self._sound_ends_s), now)
        self._sound_ends_s, self._sound_ended_at = ends_s, now

    def _begin_talk(self, starts_s: float, now: float) -> None:
        self._is_talk = True
        self._habits = self._new_habits()
        self._next_interim_s = starts_s + INTERIM_S
        if self._options.has_vad_events:
            started = {"type": "SpeechStarted", "channel": [0, 1], "timestamp": round(starts_s, 3)}
            self._say(now, started)

    def _say_interim(self, now: float) -> None:
        if self.now_s < self._next_interim_s:
            return
        self._next_interim_s = self.now_s + INTERIM_S
        if self._options.has_interim and self._words:
            self._say(now, self._results(is_final=False))

    def _end_talk_if_quiet(self, now: float) -> None:
        endpointing_s = self._options.endpointing_s
        if endpointing_s is None or self._quiet_s < endpointing_s:
            return
        self._is_talk = False
        at = max(now, self._sound_ended_at + self._habits.final_s)
        self._say(at, self._final(speech_final=self._habits.says_speech_final))

    def _say_utterance_end(self, now: float) -> None:
        """Words were said in final results, and no other came for so long."""
        gap_s, ends_s = self._options.utterance_end_s, self._last_word_ends_s
        if gap_s is None or ends_s is None or self._words or self.now_s - ends_s < gap_s:
            return
        self._last_word_ends_s = None
        ended = {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": round(ends_s, 3)}
        self._say(now, ended)

    def _final(self, *, speech_final: bool, from_finalize: bool = False) -> Message:
        results = self._results(
            is_final=True, speech_final=speech_final, from_finalize=from_finalize
        )
        if self._words:
            self._last_word_ends_s = self._words[-1].end_s
        self._words, self._from_s = [], self.now_s
        return results

    def _say(self, at: float, message: Message) -> None:
        # In order, however late the one before it is.
        last_at = self._outbox[-1][0] if self._outbox else at
        self._outbox.append((max(at, last_at), message))

    def _results(
        self, *, is_final: bool, speech_final: bool = False, from_finalize: bool = False
    ) -> Message:
        words = [self._word(word) for word in self._words]
        alternative: Message = {
            "transcript": " ".join(
                str(word.get("punctuated_word") or word["word"]) for word in words
            ),
            "confidence": 0.98 if words else 0.0,
            "words": words,
        }
        if self._options.language == "multi":
            alternative["languages"] = sorted({word["language"] for word in words})
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "start": round(self._from_s, 3),
            "duration": round(self.now_s - self._from_s, 3),
            "is_final": is_final,
            "speech_final": speech_final,
            "from_finalize": from_finalize,
            "channel": {"alternatives": [alternative]},
            "metadata": {
                "request_id": self._request_id,
                "model_info": _MODEL_INFO,
                "model_uuid": _MODEL_UUID,
            },
        }

    def _word(self, heard: HeardWord) -> Message:
        word: Message = {
            "word": heard.text.strip(".,;:!?।\"'()…").lower() or heard.text,
            "start": round(heard.start_s, 3),
            "end": round(heard.end_s, 3),
            "confidence": 0.98,
        }
        if self._options.is_punctuated:
            word["punctuated_word"] = heard.text
        if self._options.language == "multi":
            word["language"] = "hi" if _DEVANAGARI.search(heard.text) else "en"
        return word
