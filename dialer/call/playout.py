"""What the callee hears of us: sound sent ahead a little, and which words of it were heard.

The carrier plays what it is sent in real time, so the clock tells what was heard; its marks
confirm the ends. Audio is 8 kHz mu-law; times are seconds on the call clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from dialer.call.line import Line
from dialer.providers.speech import Sound, UtterancePart, Word

BYTES_PER_S = 8000
MESSAGE_BYTES = 320  # 40 ms: half the messages of 20 ms, and a barge-in clears them all the same
LEAD_S = 0.24  # sent before it is due, against the jitter of a busy process and of the network
MARK_SLACK_S = 2.0  # a mark that is this late will never come (plivo.md §4.2)
_SECONDS_PER_CHARACTER = 0.065  # for a cut before any timing came


@dataclass(slots=True, eq=False)
class Passage:
    """Words said in one breath: a `Say`, or the model's whole reply. ``audio_bytes`` is what
    came so far, ``is_whole`` when no more will; ``starts_s`` is set when it is first heard.
    ``must_be_heard``: the callee may not stop it."""

    number: int
    text: str = ""
    must_be_heard: bool = False
    words: list[Word] = field(default_factory=list)
    audio_bytes: int = 0
    is_whole: bool = False
    sent_bytes: int = 0
    first_sent_s: float | None = None
    starts_s: float | None = None
    ends_s: float | None = None  # of what was sent so far
    is_heard: bool = False  # to its end
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def heard_text(self, heard_s: float) -> str:
        """Return the words that had begun within the first ``heard_s`` seconds of sound."""
        tokens = self.text.split()
        if heard_s <= 0 or not tokens:
            return ""
        if self.is_whole and heard_s >= self.audio_bytes / BYTES_PER_S:
            return " ".join(tokens)
        begun = sum(1 for word in self.words if word.start_s < heard_s)
        place = self._place_after(begun)
        if place is not None:
            return " ".join(tokens[: len(self.text[:place].split())])
        if self.words and self.is_whole:
            share = begun / len(self.words)
        else:
            whole_s = self.audio_bytes / BYTES_PER_S if self.is_whole else 0.0
            share = heard_s / max(whole_s, len(self.text) * _SECONDS_PER_CHARACTER)
        return " ".join(tokens[: max(1, round(min(1.0, share) * len(tokens)))])

    def _place_after(self, count: int) -> int | None:
        """Where in the text its first ``count`` timed words end; None: they are not its words.
        The timings of a passage come piece by piece, and may part it otherwise than blanks do."""
        at = 0
        for word in self.words[:count]:
            found = self.text.find(word.text.strip(), at)
            if found < 0:
                return None
            at = found + len(word.text.strip())
        return at or None


@dataclass(slots=True)
class _Chunk:
    passage: Passage
    audio: bytes


@dataclass(slots=True)
class _Sent:
    passage: Passage
    at_s: float  # when it begins to be heard
    audio: bytes
    offset: int


class Playout:
    """The agent's queue. `run` sends it at the pace of speech for as long as the call lasts.

    ``on_heard(at_s, audio)``: sound that was really played, in order, for the recording.
    """

    def __init__(
        self, line: Line, clock: Callable[[], float], on_heard: Callable[[float, bytes], None]
    ) -> None:
        self._line, self._clock, self._on_heard = line, clock, on_heard
        self._queue: deque[_Chunk | Passage] = deque()  # a Passage stands for its end
        self._sent: deque[_Sent] = deque()
        self._open: list[Passage] = []
        self._dry_s = 0.0  # when the carrier's queue runs dry
        self._owes_clear = False
        self._wake = asyncio.Event()
        self._count = 0

    @property
    def until_s(self) -> float | None:
        """When everything queued will have been heard, as far as it is known; None: nothing is."""
        queued = sum(len(item.audio) for item in self._queue if isinstance(item, _Chunk))
        if queued == 0 and self._dry_s <= self._clock():
            return None
        return max(self._dry_s, self._clock()) + queued / BYTES_PER_S

    def begin(self, text: str = "", *, must_be_heard: bool = False) -> Passage:
        self._count += 1
        passage = Passage(self._count, text, must_be_heard)
        self._open.append(passage)
        return passage

    def begin_whole(self, text: str, audio: bytes, words: Sequence[Word]) -> Passage:
        """Queue a passage whose sound is there."""
        passage = self.begin(text)
        passage.words.extend(words)
        self.add(passage, audio)
        self.end(passage)
        return passage

    async def take(self, passage: Passage, parts: AsyncIterator[UtterancePart]) -> None:
        """Queue an utterance's sound as it comes, to its end."""
        async with aclosing(parts) as open_parts:  # type: ignore[type-var]
            async for part in open_parts:
                if isinstance(part, Sound):
                    self.add(passage, part.audio)
                else:
                    passage.words.extend(part.words)
        self.end(passage)

    def add(self, passage: Passage, audio: bytes) -> None:
        """Queue the next sound of a passage; passages play in the order they began to come."""
        if passage not in self._open or not audio:
            return  # it was cleared
        passage.audio_bytes += len(audio)
        self._queue.append(_Chunk(passage, audio))
        self._wake.set()

    def end(self, passage: Passage) -> None:
        """All of the passage's sound is queued."""
        if passage in self._open:
            passage.is_whole = True
            self._queue.append(passage)
            self._wake.set()

    def end_early(self, passage: Passage) -> None:
        """The voice or the model failed: no more sound comes, and the passage is what has come.
        Nothing happens to one that is over or was cleared."""
        if passage.is_whole or passage not in self._open:
            return
        passage.text = passage.heard_text(passage.audio_bytes / BYTES_PER_S)
        self.end(passage)

    def played(self, name: str) -> None:
        """The carrier confirms a mark."""
        self._settle_heard()
        for passage in list(self._open):
            if name == f"p{passage.number}":
                self._finish(passage)

    async def clear(self) -> list[tuple[Passage, str]]:
        """Stop now, here and at the carrier; see `drop`."""
        cut = self.drop()
        await self.clear_line()
        return cut

    async def clear_line(self) -> None:
        """Have the carrier stop, if it may be playing what was dropped."""
        if self._owes_clear:
            self._owes_clear = False
            await self._line.clear()

    def drop(self) -> list[tuple[Passage, str]]:
        """Send no more of what is queued. Return each passage that was not over with the words
        heard of it."""
        now_s = self._clock()
        self._settle_heard()
        self._queue.clear()
        cut = []
        for passage in self._open:
            heard_s = 0.0 if passage.starts_s is None else now_s - passage.starts_s
            heard_s = min(heard_s, passage.sent_bytes / BYTES_PER_S)
            cut.append((passage, passage.heard_text(heard_s)))
            if passage.starts_s is not None:
                passage.ends_s = passage.starts_s + heard_s
            passage.heard.set()
        for sent in self._sent:
            if (part := int((now_s - sent.at_s) * BYTES_PER_S)) > 0:
                self._on_heard(sent.at_s, sent.audio[:part])
        self._open.clear()
        self._sent.clear()
        self._owes_clear |= self._dry_s > now_s or any(passage.sent_bytes for passage, _ in cut)
        self._dry_s = now_s
        return cut

    async def run(self) -> None:
        """Send what is queued, `LEAD_S` ahead of its time, until cancelled."""
        while True:
            self._wake.clear()
            self._settle_heard()
            await self._send_due()
            wait_s = max(0.02, self._dry_s - self._clock() - LEAD_S) if self._queue else 0.1
            try:
                async with asyncio.timeout(wait_s if self._queue or self._open else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _send_due(self) -> None:
        while self._queue and self._dry_s - self._clock() < LEAD_S:
            item = self._queue[0]
            if isinstance(item, Passage):
                self._queue.popleft()
                await self._line.mark(f"p{item.number}")
                continue
            piece = item.audio[:MESSAGE_BYTES]
            item.audio = item.audio[MESSAGE_BYTES:]
            if not item.audio:
                self._queue.popleft()
            self._note_sent(item.passage, piece)
            await self._line.play(piece)

    def _note_sent(self, passage: Passage, piece: bytes) -> None:
        now_s = self._clock()
        at_s = max(self._dry_s, now_s)
        self._dry_s = at_s + len(piece) / BYTES_PER_S
        if passage.first_sent_s is None:
            passage.first_sent_s, passage.starts_s = now_s, at_s
        elif passage.ends_s is not None and at_s > passage.ends_s and passage.starts_s is not None:
            passage.starts_s += at_s - passage.ends_s  # a hole: what follows is heard later
        self._sent.append(_Sent(passage, at_s, piece, passage.sent_bytes))
        passage.sent_bytes += len(piece)
        passage.ends_s = self._dry_s

    def _settle_heard(self) -> None:
        """Hand on what must have been heard by now; end passages whose mark never came."""
        now_s = self._clock()
        while self._sent and self._sent[0].at_s + len(self._sent[0].audio) / BYTES_PER_S <= now_s:
            sent = self._sent.popleft()
            self._on_heard(sent.at_s, sent.audio)
        for passage in list(self._open):
            is_sent = passage.is_whole and passage.sent_bytes >= passage.audio_bytes
            if is_sent and now_s >= (passage.ends_s or 0.0) + MARK_SLACK_S:
                self._finish(passage)

    def _finish(self, passage: Passage) -> None:
        passage.is_heard = True
        passage.heard.set()
        if passage in self._open:
            self._open.remove(passage)


def heard_of(passages: Sequence[Passage], cut: Sequence[tuple[Passage, str]]) -> str:
    """Return the words heard of several passages of which some were cut."""
    partial = {id(passage): text for passage, text in cut}
    texts = [partial.get(id(passage), passage.text.strip()) for passage in passages]
    return " ".join(text for text in texts if text)
