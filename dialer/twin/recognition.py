"""Recognises the twin's own recordings in a stream of mu-law, byte for byte.

No free recogniser is good enough for tests (measured.md §7), and none is needed: mu-law passes
the product unchanged, so what a callee or the agent said is found again by its very bytes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from dialer.twin.mulaw import SAMPLE_RATE_HZ
from dialer.twin.take import Recording

_BLOCK: Final = 80  # bytes that are looked up as one
_GRID: Final = 40  # recordings are indexed at every 40th byte, so 40 tries in a row meet one
_STEP: Final = 160  # from one series of tries to the next: clean runs of 35 ms are always found
_POOR: Final = 4  # a block of fewer different bytes is no anchor
_KEPT_BYTES: Final = 1600  # of the past, to find where a match begins
_BROKEN_S: Final = 0.2  # a recording not found again for so long has broken off
_MOST_SKIPPED: Final = SAMPLE_RATE_HZ  # bytes of a recording that may be lost within one utterance
_MOST_REPEATED: Final = 640  # bytes that may come twice
_ENOUGH_OF_A_WORD: Final = 0.5
_ALMOST: Final = 320  # a word that lacks so few bytes when its recording breaks off was heard


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word as it was written; times in seconds of the stream."""

    text: str
    start_s: float
    end_s: float


@dataclass(slots=True, eq=False)
class Utterance:
    """One recording, or part of one, in the stream. Times in seconds of the stream; ``ends_s``
    moves on until ``is_over``. ``is_whole``: heard to its very end."""

    recording: Recording
    starts_s: float
    ends_s: float
    is_over: bool = False
    is_whole: bool = False
    _position: int = 0  # in the recording: all before it has passed
    _next_word: int = 0
    _heard: list[tuple[int, int]] = field(default_factory=list)  # stretches of the recording

    def goes_on(self, before: Utterance) -> bool:
        """The same utterance, or the same recording from where ``before`` broke off."""
        if self is before:
            return True
        begins = self._heard[0][0] if self._heard else 0
        return self.recording is before.recording and begins >= before._position


class Library:
    """Every recording of this twin, by its blocks. About 30 kB per second of recording."""

    def __init__(self) -> None:
        self._places: dict[bytes, tuple[Recording, int]] = {}

    def add(self, recording: Recording) -> None:
        for at, block in _blocks(recording):
            self._places.setdefault(block, (recording, at))

    def remove(self, recording: Recording) -> None:
        for _, block in _blocks(recording):
            if block in self._places and self._places[block][0] is recording:
                del self._places[block]

    def find(self, window: bytes) -> tuple[int, Recording, int] | None:
        """(place in the window, recording, place in the recording) of the first block that is
        known among the first 40 places of ``window``."""
        places = self._places
        for at in range(min(_GRID, len(window) - _BLOCK + 1)):
            found = places.get(window[at : at + _BLOCK])
            if found is not None:
                return at, *found
        return None


class Listener:
    """One stream. Feed it in pieces of any size; it says which words have been said.

    ``utterance`` is the recording that is heard now or was heard last. Lost, inserted and repeated
    frames within it are bridged.
    """

    def __init__(self, library: Library) -> None:
        self.utterance: Utterance | None = None
        self._library = library
        self._kept = bytearray()
        self._kept_from = 0  # place in the stream of the first byte kept
        self._done = 0  # place in the stream before which everything is matched or given up
        self._probe = 0  # place in the stream of the next series of tries
        self._in_step = False  # the stream follows the recording byte by byte
        self._words: deque[HeardWord] = deque()

    @property
    def now_s(self) -> float:
        """How much was fed."""
        return (self._kept_from + len(self._kept)) / SAMPLE_RATE_HZ

    @property
    def is_speech(self) -> bool:
        """A recording is being heard, lost frames bridged."""
        return self.utterance is not None and not self.utterance.is_over

    def feed(self, audio: bytes) -> list[HeardWord]:
        """The words whose end has passed, in order."""
        self._kept += audio
        while self._follow() if self._in_step else self._search():
            continue
        self._forget()
        return self._take_words()

    def cut(self) -> list[HeardWord]:
        """What was being heard is broken off here; the words of it that were as good as over."""
        if self._in_step:
            self._in_step = False
            self._probe = self._done
        self._break_off()
        return self._take_words()

    def _take_words(self) -> list[HeardWord]:
        words = list(self._words)
        self._words.clear()
        return words

    def _follow(self) -> bool:
        """Compare with the recording as far as both go; True while there is more to do."""
        utterance = self.utterance
        assert utterance is not None  # in step with something
        at = self._done - self._kept_from
        audio, place = utterance.recording.audio, utterance._position
        count = min(len(audio) - place, len(self._kept) - at)
        same = _agreement(self._kept[at : at + count], audio[place : place + count])
        self._advance(utterance, same)
        if utterance._position == len(audio):
            utterance.is_over = utterance.is_whole = True
        elif same == count:
            return False
        self._in_step = False
        self._probe = self._done
        return True

    def _search(self) -> bool:
        """Try one series of places; True when a recording was found or there is more to try."""
        at = self._probe - self._kept_from
        if len(self._kept) - at < _GRID + _BLOCK:
            self._break_off_if_late()
            return False
        found = self._library.find(bytes(self._kept[at : at + _GRID + _BLOCK]))
        if found is None:
            self._probe += _STEP
            return True
        ahead, recording, place = found
        self._begin(recording, place, self._probe + ahead)
        return True

    def _begin(self, recording: Recording, place: int, at: int) -> None:
        """``recording[place]`` is at ``at`` of the stream: go on with it, or begin it."""
        back = self._agreement_before(recording, place, at)
        place, at = place - back, at - back
        utterance = self.utterance
        if utterance is None or utterance.is_over or not _continues(utterance, recording, place):
            self._break_off()
            utterance = Utterance(recording, at / SAMPLE_RATE_HZ, at / SAMPLE_RATE_HZ)
            self.utterance = utterance
        utterance._position = place
        self._done = at
        self._in_step = True

    def _agreement_before(self, recording: Recording, place: int, at: int) -> int:
        """How many bytes before both places agree, back to what is matched already."""
        limit = min(place, at - max(self._done, self._kept_from))
        back, kept, audio = 0, at - self._kept_from, recording.audio
        while back < limit and self._kept[kept - back - 1] == audio[place - back - 1]:
            back += 1
        return back

    def _advance(self, utterance: Utterance, count: int) -> None:
        start = utterance._position
        utterance._position += count
        self._done += count
        utterance.ends_s = self._done / SAMPLE_RATE_HZ
        heard = utterance._heard
        if heard and heard[-1][1] == start:
            heard[-1] = (heard[-1][0], utterance._position)
        elif count:
            heard.append((start, utterance._position))
        self._say_words(utterance, utterance._position)

    def _say_words(self, utterance: Utterance, up_to: int) -> None:
        """Give out every word that ends by ``up_to`` of the recording and was heard enough."""
        words = utterance.recording.words
        while utterance._next_word < len(words):
            word = words[utterance._next_word]
            start, end = _bytes(word.start_s), _bytes(word.end_s)
            if end > up_to:
                return
            utterance._next_word += 1
            heard = sum(max(0, min(end, b) - max(start, a)) for a, b in utterance._heard)
            if heard >= _ENOUGH_OF_A_WORD * max(1, end - start):
                end_s = (self._done - (utterance._position - end)) / SAMPLE_RATE_HZ
                end_s = min(end_s, self._done / SAMPLE_RATE_HZ)
                start_s = max(0.0, end_s - (word.end_s - word.start_s))
                self._words.append(HeardWord(word.text, start_s, end_s))

    def _break_off_if_late(self) -> None:
        utterance = self.utterance
        if utterance is not None and self.now_s - utterance.ends_s >= _BROKEN_S:
            self._break_off()

    def _break_off(self) -> None:
        utterance = self.utterance
        if utterance is None or utterance.is_over:
            return
        self._say_words(utterance, utterance._position + _ALMOST)
        utterance.is_over = True

    def _forget(self) -> None:
        """Keep what a match might still reach back to."""
        spare = self._done if self._in_step else self._probe
        drop = max(0, spare - _KEPT_BYTES - self._kept_from)
        if drop > _KEPT_BYTES:
            del self._kept[:drop]
            self._kept_from += drop


def _blocks(recording: Recording) -> list[tuple[int, bytes]]:
    audio = recording.audio
    blocks = ((at, audio[at : at + _BLOCK]) for at in range(0, len(audio) - _BLOCK + 1, _GRID))
    return [(at, block) for at, block in blocks if len(set(block)) >= _POOR]


def _agreement(one: bytes | bytearray, other: bytes) -> int:
    """How many bytes agree from the start. Both have the same length."""
    if one == other:
        return len(one)
    low, high = 0, len(one)  # the first `low` agree, the first `high` do not
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _continues(utterance: Utterance, recording: Recording, place: int) -> bool:
    ahead = place - utterance._position
    return recording is utterance.recording and -_MOST_REPEATED <= ahead <= _MOST_SKIPPED


def _bytes(at_s: float) -> int:
    return round(at_s * SAMPLE_RATE_HZ)
