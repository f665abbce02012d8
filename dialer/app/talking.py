"""From a stream that began to a session that talks: providers, mind, desk and recording joined."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.agent.announcement import Announcement
from dialer.agent.moves import Mind
from dialer.agent.qualification import Qualification
from dialer.agent.sentences import in_language
from dialer.audio.wav import StereoWav
from dialer.call.line import Line
from dialer.call.session import CallFacts, Session, Speech
from dialer.call.speaker import PhraseCache
from dialer.dialing.law import Law
from dialer.dialing.left_recordings import RECORDINGS
from dialer.dialing.live_call import LiveCall, OpenCall, open_call
from dialer.dialing.place import CallbackUrls
from dialer.domain.definition import Definition
from dialer.providers.cartesia_speak import DEFAULT_MODEL as DEFAULT_VOICE
from dialer.providers.cartesia_speak import CartesiaVoices
from dialer.providers.deepgram_listen import DEFAULT_MODEL as DEFAULT_RECOGNISER
from dialer.providers.deepgram_listen import DeepgramRecognisers, billed_as
from dialer.providers.openai_chat import DEFAULT_MODEL, OpenAIModel
from dialer.providers.protocols import CallControl
from dialer.settings import Settings
from dialer.store.engine import Database, Tx
from dialer.web.live_streams import StreamStart

log = logging.getLogger(__name__)

_MOST_KEYTERMS = 50  # far below the recogniser's 500 tokens (providers.md §1.2)


@dataclass(slots=True)
class Providers:
    """The providers of speech of one process, shared by its calls; one client a model. A vendor
    without a key refuses the handshake, and a campaign that needs it does not start
    (`missing_speech_keys`)."""

    _settings: Settings
    _cache: PhraseCache = field(default_factory=PhraseCache)
    _recognisers: dict[str, DeepgramRecognisers] = field(default_factory=dict)
    _voices: dict[str, CartesiaVoices] = field(default_factory=dict)
    _models: dict[str, OpenAIModel] = field(default_factory=dict)

    def speech_for(self, definition: Definition) -> Speech:
        """Return what a call of this campaign talks with; only a qualification thinks."""
        recognisers = self.recognisers(
            definition.model("recogniser", "stt", default=DEFAULT_RECOGNISER)
        )
        voices = self.voices(definition.model("voice", "tts", default=DEFAULT_VOICE))
        model = None
        if definition.notification is None:
            model = self.model(definition.model("reply", "llm", default=DEFAULT_MODEL))
        return Speech(
            recognisers=recognisers,
            voices=voices,
            model=model,
            cache=self._cache,
            recogniser_name=billed_as(recognisers.model, definition.campaign.language),
            voice_name=voices.model,
        )

    def recognisers(self, model: str = DEFAULT_RECOGNISER) -> DeepgramRecognisers:
        if model not in self._recognisers:
            key, url = self._settings.deepgram_api_key or "none", self._settings.deepgram_url
            self._recognisers[model] = DeepgramRecognisers(api_key=key, url=url, model=model)
        return self._recognisers[model]

    def voices(self, model: str = DEFAULT_VOICE) -> CartesiaVoices:
        if model not in self._voices:
            key, url = self._settings.cartesia_api_key or "none", self._settings.cartesia_url
            self._voices[model] = CartesiaVoices(api_key=key, url=url, model=model)
        return self._voices[model]

    def model(self, name: str = DEFAULT_MODEL) -> OpenAIModel:
        if name not in self._models:
            settings = self._settings
            self._models[name] = OpenAIModel(
                api_key=settings.openai_api_key, base_url=settings.openai_base_url, model=name
            )
        return self._models[name]

    async def aclose(self) -> None:
        for model in self._models.values():
            await model.aclose()


@asynccontextmanager
async def open_providers(settings: Settings) -> AsyncIterator[Providers]:
    """Make the usual clients now: loading the SDKs takes a second that no call should pay. Their
    sockets are opened by calls."""
    providers = Providers(settings)
    providers.recognisers()
    providers.voices()
    providers.model()
    try:
        yield providers
    finally:
        await providers.aclose()


@dataclass(frozen=True, slots=True)
class Talking:
    """What every talk of this process needs. ``spawn`` runs what must not hold up a talk."""

    db: Database
    law: Law
    carrier: CallControl
    urls: CallbackUrls
    providers: Providers
    data_dir: Path
    spawn: Callable[..., None]

    async def talk(self, start: StreamStart, line: Line) -> None:
        """Serve one stream to its end."""
        read_at = 0.0

        async def read(tx: Tx) -> OpenCall | None:
            nonlocal read_at
            read_at = tx.read_at  # of `tx.now`: a busy process commits later
            return await open_call(tx, self.law, start.attempt_id, stream_id=start.stream_id)

        call = await self.db.run(read)
        if call is None:
            await line.close()
            return

        def now() -> datetime:
            return call.now + timedelta(seconds=time.monotonic() - read_at)

        desk = LiveCall(
            db=self.db,
            carrier=self.carrier,
            urls=self.urls,
            spawn=self.spawn,
            attempt_id=start.attempt_id,
            stream_id=start.stream_id,
            turns_before=call.turns,
        )
        facts = facts_of(call, time.monotonic() - read_at)
        recorder = None
        if call.definition.is_recorded and not call.is_machine:
            path = recording_path(call)
            recorder = self._begin_recording(path, call)
            facts = facts if recorder is None else replace(facts, recording=path)
        with nullcontext() if recorder is None else closing(recorder):  # whatever fails
            session = Session(
                line,
                desk,
                mind_of(call, is_recorded=recorder is not None),
                self.providers.speech_for(call.definition),
                facts,
                now=now,
                call_back_at=lambda: call.call_back_at(now()),
                recorder=recorder,
            )
            await session.run()

    def _begin_recording(self, path: Path, call: OpenCall) -> StereoWav | None:
        """A disk that cannot be written is no reason not to talk."""
        try:
            (self.data_dir / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return StereoWav(self.data_dir / path)
        except OSError as error:
            extra = {"attempt_id": call.attempt_id, "error": type(error).__name__}
            log.error("recording_not_begun", extra=extra)
            return None


def recording_path(call: OpenCall) -> Path:
    """One file a stream: a call whose socket broke may have two."""
    return Path(RECORDINGS, call.now.strftime("%Y-%m-%d"), f"{call.attempt_id}-{call.stream}.wav")


def mind_of(call: OpenCall, *, is_recorded: bool) -> Mind:
    zone = ZoneInfo(call.zone)
    if call.definition.notification is not None:
        return Announcement(
            call.definition,
            values=call.values,
            zone=zone,
            language=call.language,
            is_recorded=is_recorded,
            opens_at=call.opens_at,
        )
    return Qualification(
        call.definition,
        values=call.values,
        zone=zone,
        language=call.language,
        is_recorded=is_recorded,
        known=call.answers,
        opens_at=call.opens_at,
    )


def facts_of(call: OpenCall, read_s_ago: float) -> CallFacts:
    """``read_s_ago``: since ``call.now``."""
    definition = call.definition
    began = call.answered_at or call.now
    return CallFacts(
        attempt_id=call.attempt_id,
        language=call.language,
        voice_id=definition.voice_id(call.language),
        keyterms=keyterms_of(definition),
        cache_key=f"{call.campaign_id}:{call.version}",
        filler=in_language(call.language).one_moment,
        answered_s_ago=max(0.0, (call.now - began).total_seconds() + read_s_ago),
        limit_s=definition.dialing.max_call_s,
    )


def keyterms_of(definition: Definition) -> tuple[str, ...]:
    """Words worth listening for: the choices that the questions offer."""
    agent = definition.agent
    if agent is None:
        return ()
    choices = (choice for question in agent.questions for choice in question.choices)
    return tuple(dict.fromkeys(choices))[:_MOST_KEYTERMS]
