"""<Stream>: opens the customer's WebSocket, puts the callee on it and tells how it went."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

import aiohttp
from msgspec.structs import replace
from yarl import URL

from dialer.twin.calls import StreamRecord, new_uuid
from dialer.twin.conversation import Answerphone, Person, texts_of
from dialer.twin.document import Element
from dialer.twin.ear import Ear
from dialer.twin.errors import TwinError
from dialer.twin.faults import FaultKind
from dialer.twin.interpreter import Interpreter, Moved
from dialer.twin.line_noise import LineNoise
from dialer.twin.stream_faults import StreamFaults
from dialer.twin.stream_media import Media, Setup, Socket
from dialer.twin.stream_wire import Format
from dialer.twin.talks import Talk

log = logging.getLogger(__name__)

CONNECT_TRIES: Final = 3
CONNECT_TIMEOUT_S: Final = 5.0
RETRY_GAP_S: Final = 0.5
MOST_MESSAGE_BYTES: Final = 1024 * 1024
DEFAULT_CONTENT_TYPE: Final = "audio/x-l16;rate=8000"
#: As many of these as fit before a voicemail's beep.
GREETING: Final = (
    "The person you are calling is not available.",
    "Please leave a message after the tone.",
    "When you have finished, you may hang up.",
)
BEFORE_BEEP_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Stream:
    """One <Stream> element on one call."""

    stream_id: str
    element: Element

    @property
    def url(self) -> str:
        return self.element.text

    @property
    def tracks(self) -> list[str]:
        track = self.element.get("audioTrack", "inbound")
        return ["inbound", "outbound"] if track == "both" else [track]

    @property
    def format(self) -> Format:
        return Format.of(self.element.get("contentType", DEFAULT_CONTENT_TYPE))


async def stream(run: Interpreter, element: Element) -> None:
    """With keepCallAlive the document waits for the stream; without, it goes on at once."""
    if run.call.streams:
        run.note("a second <Stream> on one call is ignored")
        return
    run.call.streams += 1
    work = _hold(run, Stream(new_uuid(), element))
    if not element.flag("keepCallAlive", False):
        run.call.helpers.spawn(work)
        return
    run.call.streaming = True
    try:
        await work
    finally:
        run.call.streaming = False
    if run.call.moved_to is not None:
        raise Moved


async def _hold(run: Interpreter, stream: Stream) -> None:
    """Connect and talk until either side ends; a stream that never was is Dropped."""
    talk = run.exchange.talks.find(run.call.call_uuid) or await _begin_talk(run)
    faults = StreamFaults(run.exchange.faults, run.call.phone)
    socket = await _connect(run, stream, faults)
    if socket is None:
        await _report(run, stream, "DroppedStream")
        run.call.streams -= 1
        return
    record = StreamRecord(
        stream.stream_id, stream.url, stream.element.attributes, run.exchange.clock.now()
    )
    run.call.stream_records.append(record)
    media = Media(run, talk, _setup(run, stream, faults), faults, record)
    event = "StopStream"
    try:
        _spawn_report(run, stream, "StartStream")
        # In real seconds, as the media.
        async with asyncio.timeout(stream.element.number("streamTimeout", 86400)):
            await media.run(socket)
        if media.is_lost:
            event = "DroppedStream"
    except TimeoutError:
        run.note("the stream timed out")
    finally:
        run.call.streams -= 1
        record.ended_at = run.exchange.clock.now()
        await media.close()
        talk.is_over = True
        run.exchange.ledger.write("talk", **talk.report())
        _spawn_report(run, stream, event)


def _setup(run: Interpreter, stream: Stream, faults: StreamFaults) -> Setup:
    return Setup(
        format=stream.format,
        tracks=stream.tracks,
        is_bidirectional=stream.element.flag("bidirectional", False),
        extra_headers=stream.element.get("extraHeaders"),
        new_id=new_uuid,
        connect=lambda: _connect(run, stream, faults),
        warn=lambda: _spawn_report(run, stream, "DegradedStream"),
    )


async def _begin_talk(run: Interpreter) -> Talk:
    """The callee with everything it may say, recorded before the line is open."""
    exchange, call = run.exchange, run.call
    ear = Ear(exchange.studio.library)
    noise = LineNoise(call.call_uuid)
    try:
        party = await (_answerphone if call.script.is_machine else _person)(run, ear, noise)
    except TwinError as error:
        log.error("the twin's people are silent: %s", error)
        run.note(str(error))
        party = Person(replace(call.script, greets="", talk=(), reactions=()), ear, noise, {})
    talk = Talk(call.call_uuid, call.phone, call.script, ear, party)
    exchange.talks.add(talk)
    return talk


async def _person(run: Interpreter, ear: Ear, noise: LineNoise) -> Person | Answerphone:
    script, studio = run.call.script, run.exchange.studio
    sounds: dict[str, bytes] = {}
    for text, is_mumbled in texts_of(script).items():
        recording = await studio.record(text, language=script.language, voice=script.voice)
        sounds[text] = recording.audio
        if is_mumbled:
            sounds[text] = await studio.mumble(recording.seconds, voice=script.voice)
    return Person(script, ear, noise, sounds)


async def _answerphone(run: Interpreter, ear: Ear, noise: LineNoise) -> Person | Answerphone:
    """Real words until the beep, which never comes before `greeting_s`."""
    script, studio = run.call.script, run.exchange.studio

    async def speak(text: str) -> bytes:
        recording = await studio.record(text, language=script.language, voice=script.voice)
        return recording.audio

    text = script.greets or GREETING[0]
    audio = await speak(text)
    for sentence in () if script.greets else GREETING[1:]:
        longer = await speak(f"{text} {sentence}")
        if len(longer) / 8000 > script.greeting_s - BEFORE_BEEP_S:
            break
        text, audio = f"{text} {sentence}", longer
    beep_at_s = max(script.greeting_s, len(audio) / 8000 + BEFORE_BEEP_S)
    return Answerphone(text, audio, beep_at_s, noise)


async def _connect(run: Interpreter, stream: Stream, faults: StreamFaults) -> Socket | None:
    """Three attempts (plivo.md §4.3). The upgrade is signed as a GET of the http form."""
    if not stream.url.startswith(("ws://", "wss://")):
        return None
    signed_url = "http" + stream.url.removeprefix("wss").removeprefix("ws")
    for attempt in range(CONNECT_TRIES):
        if attempt:
            await run.exchange.clock.sleep(RETRY_GAP_S)
        headers = run.exchange.courier.sign(run.call.phone, "GET", signed_url, {})
        try:
            if faults.take(FaultKind.STREAM_REFUSED):
                raise ConnectionRefusedError
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await run.exchange.http.ws_connect(
                    URL(stream.url, encoded=True), headers=headers, max_msg_size=MOST_MESSAGE_BYTES
                )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            run.note(f"stream connect attempt {attempt + 1} failed")
    return None


def _spawn_report(run: Interpreter, stream: Stream, event: str) -> None:
    run.exchange.tasks.spawn(_report(run, stream, event))


async def _report(run: Interpreter, stream: Stream, event: str) -> None:
    """The status callback, vocabulary A of plivo.md §2.3."""
    url = stream.element.get("statusCallbackUrl")
    if not url:
        return
    extra = {
        "Event": event,
        "StreamID": stream.stream_id,
        "Timestamp": run.exchange.clock.now().isoformat(),
        **stream.element.attributes,
    }
    method = stream.element.get("statusCallbackMethod", "POST")
    await run.notify("stream", url, method, extra)
