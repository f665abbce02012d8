"""One live call: ears, turn taking, mind, voice and playout around one line.

`Session.run` returns when the line has ended and everything of the call is closed. The mind is
told what happened, one thing at a time, and its moves are performed in order; whatever fails
ends in spoken words and an end, never in silence.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from dialer.agent.moves import Mind
from dialer.audio.talkspurt import SpeechBegan, SpeechEnded
from dialer.audio.wav import Side, StereoWav
from dialer.call.agent_turn import Facts
from dialer.call.conductor import Conductor, Keys, ProviderGone, TimeUp
from dialer.call.desk import Desk, Metered
from dialer.call.ears import Ears
from dialer.call.journal import Journal
from dialer.call.line import Cleared, Frame, Key, Line, Played
from dialer.call.performing import Performer
from dialer.call.playout import BYTES_PER_S, Playout
from dialer.call.recording import Recording
from dialer.call.reply import ReplyTools
from dialer.call.speaker import PhraseCache, Speaker
from dialer.call.transcript import Transcript
from dialer.errors import ProviderError, Unavailable
from dialer.providers.speech import LanguageModel, RecogniserEvent, Recognisers, Voice, Voices

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0  # at the row: others may have ended the call or heard a machine
_TIME_UP_BEFORE_S = 12.0  # enough for a goodbye before the carrier's own limit
_LEARN_EVERY_S = 1.0
_KEY_GAP_S = 1.5  # between keys that belong together
_CARRIER_ENDS_WITHIN_S = 3.0
_WRITTEN_WITHIN_S = 40.0  # a database that was started again is back by then
_CLOSE_WITHIN_S = _WRITTEN_WITHIN_S + 4.0
_LOOK_WITHIN_S = 3.0
_LAST_WORDS_WITHIN_S = 0.8


@dataclass(frozen=True, slots=True)
class Speech:
    """The providers of this process; ``model`` is None where no campaign thinks."""

    recognisers: Recognisers
    voices: Voices
    model: LanguageModel | None
    cache: PhraseCache
    recogniser_name: str
    voice_name: str


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What a session is told of its call. ``answered_s_ago``: when the stream began, the call
    was already that old; ``limit_s``: the carrier ends the call after so long; ``recording``:
    where the recorder writes, relative to the data directory."""

    attempt_id: UUID
    language: str
    voice_id: str
    keyterms: tuple[str, ...]
    cache_key: str
    filler: str
    answered_s_ago: float
    limit_s: float
    recording: Path | None = None


class Session:
    """See the module. Everything it needs is handed in; it opens and closes its own sockets."""

    def __init__(
        self,
        line: Line,
        desk: Desk,
        mind: Mind,
        speech: Speech,
        facts: CallFacts,
        *,
        now: Callable[[], datetime],
        call_back_at: Callable[[], datetime | None],
        recorder: StereoWav | None,
    ) -> None:
        self._line, self._desk, self._speech, self._facts = line, desk, speech, facts
        self._mind, self._now, self._call_back_at = mind, now, call_back_at
        self._recording = Recording(recorder, facts.recording, facts.attempt_id)
        self._began = time.monotonic()
        self._media_begins_s = math.inf
        self._to_learn: list[str] = []
        self._keys = ""
        self._key_gap: asyncio.TimerHandle | None = None
        self._line_over = asyncio.Event()
        self._journal = Journal(facts.attempt_id)
        self._transcript = Transcript(desk, self._journal)
        self._playout = Playout(line, self._clock, self._heard_by_callee)
        self._speaker: Speaker | None = None
        self._tools: ReplyTools | None = None
        self._news_heard = asyncio.Event()
        self._conductor: Conductor | None = None
        self._ears = Ears(
            speech.recognisers,
            attempt_id=facts.attempt_id,
            language=facts.language,
            keyterms=facts.keyterms,
            on_call=self._on_call,
            on_sound=self._on_sound,
            on_words=self._on_words,
        )

    def _clock(self) -> float:
        """Seconds since the call was answered."""
        return time.monotonic() - self._began + self._facts.answered_s_ago

    async def run(self) -> None:
        """Talk until the line ends. Raises what is a defect of ours, after closing everything."""
        writing = asyncio.create_task(self._journal.run())
        try:
            async with AsyncExitStack() as stack:
                opening = self._speech.voices.open(
                    language=self._facts.language, voice_id=self._facts.voice_id
                )
                try:
                    voice = await stack.enter_async_context(opening)
                except ProviderError as error:
                    await self._end_unspoken(error)
                else:
                    await self._talk(voice)
        finally:
            closing = asyncio.create_task(self._close())
            try:
                await asyncio.wait({closing}, timeout=_CLOSE_WITHIN_S)
            finally:  # also where somebody does not want to wait for it
                closing.cancel()
                writing.cancel()
                ends = await asyncio.gather(closing, writing, return_exceptions=True)
            if isinstance(ends[0], Exception):
                raise ends[0]

    async def _end_unspoken(self, error: ProviderError) -> None:
        """Without a voice the carrier says sorry for us."""
        log.warning(
            "voice_not_opened", extra={"attempt_id": self._facts.attempt_id, "detail": str(error)}
        )
        call_back_at = self._call_back_at()
        ended = self._journal.put("apology", lambda: self._desk.apologise(call_back_at))
        await ended.wait(_CARRIER_ENDS_WITHIN_S)
        await self._line.close()

    async def _talk(self, voice: Voice) -> None:
        async with asyncio.TaskGroup() as tasks:
            conductor = self._conduct(voice, tasks)
            hearing = tasks.create_task(self._hear())
            loops = [
                tasks.create_task(loop)
                for loop in (
                    self._playout.run(),
                    self._look(),
                    self._keep_time(),
                    self._prepare(),
                    conductor.run(),
                )
            ]
            await self._listen()
            self._line_over.set()
            for loop in [*loops, *conductor.performances]:
                loop.cancel()
            await conductor.stop()
            await self._hear_out(conductor)
            hearing.cancel()

    async def _hear_out(self, conductor: Conductor) -> None:
        """Who says "stop calling me" and hangs up has said it: wait for the words, shortly."""
        if conductor.turns.is_hearing:
            self._ears.ask_final()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_WITHIN_S):
                    while conductor.turns.is_hearing:
                        self._news_heard.clear()
                        await self._news_heard.wait()
        if self._keys:  # too few to act on: they may be half a number
            at_s = self._clock()
            self._transcript.add("keypad", self._keys, starts_s=at_s, ends_s=at_s)
        conductor.hear_out()

    def _conduct(self, voice: Voice, tasks: asyncio.TaskGroup) -> Conductor:
        facts = self._facts
        self._speaker = Speaker(
            voice, self._speech.cache, name=facts.voice_id, language=facts.language
        )
        self._tools = ReplyTools(
            attempt_id=facts.attempt_id,
            playout=self._playout,
            speaker=self._speaker,
            facts=Facts(self._desk, self._journal, self._call_back_at),
            cache_key=facts.cache_key,
            clock=self._clock,
            now=self._now,
            learn=self._to_learn.append,
        )
        self._conductor = Conductor(
            Performer(self._mind, self._tools, self._speech.model, self._close_line),
            self._transcript,
            tasks,
            filler=facts.filler,
            clock=self._clock,
            now=self._now,
            ask_final=self._ears.ask_final,
        )
        return self._conductor

    async def _listen(self) -> None:
        """Take in what the carrier sends until the line ends."""
        async for event in self._line.events():
            match event:
                case Frame():
                    self._learn_clock(event)
                    self._recording.write(Side.CALLEE, self._on_call(event.at_s), event.audio)
                    self._ears.feed(event.audio, event.at_s)
                case Key():
                    self._on_key(event.digit)
                case Played():
                    self._playout.played(event.name)
                case Cleared():
                    continue

    def _learn_clock(self, frame: Frame) -> None:
        """The media clock has no jitter, and no frame can arrive before it was spoken: the
        earliest arrival tells where that clock begins."""
        begins_s = self._clock() - frame.at_s - len(frame.audio) / BYTES_PER_S
        self._media_begins_s = min(self._media_begins_s, begins_s)

    def _on_call(self, media_s: float) -> float:
        """Return where a time of the media clock lies on the call clock."""
        return self._media_begins_s + media_s

    async def _hear(self) -> None:
        try:
            await self._ears.run()
        except ProviderError:
            assert self._conductor is not None  # made before the ears run
            self._conductor.post(ProviderGone())

    async def _prepare(self) -> None:
        """Make what may be needed in a hurry, and then what turned out to be said often."""
        await self._make([self._facts.filler, *self._mind.fixed_texts])
        while True:
            await asyncio.sleep(_LEARN_EVERY_S)
            texts, self._to_learn[:] = self._to_learn[:], []
            await self._make(texts)

    async def _make(self, texts: Sequence[str]) -> None:
        assert self._speaker is not None
        for text in texts:
            with suppress(ProviderError):  # whoever says it meets the same, and tells
                await self._speaker.prepare([text])

    async def _keep_time(self) -> None:
        """Have the mind end the call in time; whatever comes of that, it ends."""
        assert self._conductor is not None
        await asyncio.sleep(max(0.0, self._facts.limit_s - _TIME_UP_BEFORE_S - self._clock()))
        self._conductor.post(TimeUp())
        await asyncio.sleep(max(0.0, self._facts.limit_s - self._clock()))
        log.warning("call_at_its_limit", extra={"attempt_id": self._facts.attempt_id})
        await self._line.close()

    async def _look(self) -> None:
        """Look at the row; while the database is away the talk goes on."""
        while True:
            await self._desk.stirred(_LOOK_EVERY_S)
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(_LOOK_WITHIN_S):
                    news = await self._desk.news()
                if news.is_machine or news.is_over:
                    await self._line.close()
                    return

    def _on_sound(self, found: SpeechBegan | SpeechEnded) -> None:
        assert self._conductor is not None
        self._conductor.sync()
        turns = self._conductor.turns
        report = turns.speech_began if isinstance(found, SpeechBegan) else turns.speech_ended
        self._conductor.post(*report(found.at_s, self._clock()))

    def _on_words(self, event: RecogniserEvent) -> None:
        assert self._conductor is not None
        self._conductor.sync()
        self._conductor.post(*self._conductor.turns.heard(event, self._clock()))
        self._news_heard.set()

    def _on_key(self, digit: str) -> None:
        """Keys that come together are told together; ``#`` ends them."""
        assert self._conductor is not None
        self._conductor.turns.touch(self._clock())
        if digit != "#" or not self._keys:
            self._keys += digit
        if self._key_gap is not None:
            self._key_gap.cancel()
        if digit == "#" or len(self._keys) >= self._conductor.mind.most_keys:
            self._tell_keys(self._clock())
        else:
            loop = asyncio.get_running_loop()
            self._key_gap = loop.call_later(_KEY_GAP_S, self._tell_keys, self._clock())

    def _tell_keys(self, at_s: float) -> None:
        keys, self._keys, self._key_gap = self._keys, "", None
        if keys and self._conductor is not None:
            self._conductor.post(Keys(keys, at_s))

    def _heard_by_callee(self, at_s: float, audio: bytes) -> None:
        self._recording.write(Side.AGENT, at_s, audio)

    async def _close_line(self, carrier_ends_it: bool) -> None:
        if carrier_ends_it:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CARRIER_ENDS_WITHIN_S):
                    await self._line_over.wait()
        await self._line.close()

    async def _close(self) -> None:
        """Write the end: the last turn, what was used, the recording."""
        if self._key_gap is not None:
            self._key_gap.cancel()
        try:
            await self._line.close()
            if self._conductor is not None:
                await self._conductor.stop()
        finally:
            recording = self._recording.close()
        metered = self._metered()
        self._journal.put("end", lambda: self._desk.close(metered, recording))
        await self._journal.flush(_WRITTEN_WITHIN_S)

    def _metered(self) -> Metered:
        speech, bill = self._speech, self._tools.bill if self._tools else None
        has_thought = bill is not None and bill.replies > 0
        failures = dict(self._tools.failures) if self._tools is not None else {}
        if self._ears.failures:
            failures["recogniser"] = self._ears.failures
        return Metered(
            stream_s=self._clock() - self._facts.answered_s_ago,
            recogniser=speech.recogniser_name,
            recogniser_s=self._ears.audio_s,
            voice=speech.voice_name if self._speaker is not None else None,
            voice_characters=None if self._speaker is None else self._speaker.characters,
            model=speech.model.name if has_thought and speech.model is not None else None,
            model_usage=bill.usage if has_thought and bill is not None else None,
            failures=failures,
        )
