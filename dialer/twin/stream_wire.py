"""The messages of a bidirectional stream, both ways (plivo.md §4.1, §4.2). Pure."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Final

from dialer.twin.mulaw import decode, encode

MULAW: Final = "audio/x-mulaw"
MOST_BYTES: Final = 64 * 1024  # of one message of the customer's
MOST_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class Format:
    """What both sides send: ``audio/x-mulaw`` at 8 kHz, ``audio/x-l16`` at 8 or 16 kHz."""

    encoding: str
    rate_hz: int

    @classmethod
    def of(cls, content_type: str) -> Format:
        """From the element's contentType, which is checked when the document is read."""
        encoding, _, rate = content_type.partition(";rate=")
        return cls(encoding, int(rate))

    def wire(self, audio: bytes) -> bytes:
        """8 kHz mu-law in this format; 16 kHz repeats every sample."""
        if self.encoding == MULAW:
            return audio
        pcm = decode(audio)
        if self.rate_hz == 8000:
            return pcm
        return b"".join(pcm[at : at + 2] * 2 for at in range(0, len(pcm), 2))

    def mulaw(self, audio: bytes) -> bytes:
        """This format as 8 kHz mu-law; of 16 kHz every second sample is heard."""
        if self.encoding == MULAW:
            return audio
        if self.rate_hz == 8000:
            return encode(audio)
        return encode(b"".join(audio[at : at + 2] for at in range(0, len(audio) - 1, 4)))


@dataclass(frozen=True, slots=True)
class Play:
    audio: bytes  # 8 kHz mu-law


@dataclass(frozen=True, slots=True)
class Checkpoint:
    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    pass


@dataclass(frozen=True, slots=True)
class Digits:
    digits: str


@dataclass(frozen=True, slots=True)
class Bad:
    """A message that does nothing. ``reason`` is one of Plivo's words when there is one."""

    text: str
    reason: str = ""


Message = Play | Checkpoint | Clear | Digits | Bad


def read_message(raw: str, expected: Format) -> Message:
    """One text frame of the customer's. Never raises."""
    if len(raw) > MOST_BYTES:
        return Bad(f"a message of over {MOST_BYTES} bytes")
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError):
        return Bad("a message that is not JSON")
    if not isinstance(message, dict):
        return Bad("a message that is no object")
    event = message.get("event")
    if event == "playAudio":
        return _play(message.get("media"), expected)
    if event == "checkpoint":
        name = message.get("name")
        return Checkpoint(name) if isinstance(name, str) and name else Bad("a nameless checkpoint")
    if event == "clearAudio":
        return Clear()
    if event == "sendDTMF":
        dtmf = message.get("dtmf")
        is_digits = isinstance(dtmf, str) and 0 < len(dtmf) <= MOST_DIGITS
        if not is_digits or set(str(dtmf)) - set("0123456789*#ABCDw"):
            return Bad("a sendDTMF without digits")
        return Digits(str(dtmf))
    return Bad("an unknown event")


def _play(media: object, expected: Format) -> Message:
    if not isinstance(media, dict):
        return Bad("a playAudio without media")
    given = (media.get("contentType"), str(media.get("sampleRate")))
    if given != (expected.encoding, str(expected.rate_hz)):
        return Bad("audio of another codec or rate", "invalid_content_type")
    try:
        audio = base64.b64decode(media.get("payload", ""), validate=True)
    except (TypeError, ValueError):
        return Bad("a payload that is not base64")
    return Play(expected.mulaw(audio)) if audio else Bad("a playAudio without audio")


class Outbox:
    """Numbers and words what is sent on one socket."""

    def __init__(self, stream_id: str, extra_headers: str) -> None:
        self.stream_id = stream_id
        self._headers = json.dumps(extra_headers)
        self._stream = json.dumps(stream_id)
        self._sent = 0

    def _number(self) -> int:
        self._sent += 1
        return self._sent

    def start(self, call_uuid: str, account_id: str, tracks: list[str], format_: Format) -> str:
        started = {
            "callId": call_uuid,
            "streamId": self.stream_id,
            "accountId": account_id,
            "tracks": tracks,
            "mediaFormat": {"encoding": format_.encoding, "sampleRate": format_.rate_hz},
        }
        return (
            f'{{"event":"start","sequenceNumber":{self._number()},"start":{json.dumps(started)},'
            f'"extra_headers":{self._headers}}}'
        )

    def media(self, track: str, chunk: int, timestamp_ms: int, audio: bytes) -> str:
        payload = base64.b64encode(audio).decode()
        return (
            f'{{"event":"media","sequenceNumber":{self._number()},"streamId":{self._stream},'
            f'"media":{{"track":"{track}","timestamp":"{timestamp_ms}","chunk":{chunk},'
            f'"payload":"{payload}"}},"extra_headers":{self._headers}}}'
        )

    def dtmf(self, digit: str, timestamp_ms: int) -> str:
        return (
            f'{{"event":"dtmf","sequenceNumber":{self._number()},"streamId":{self._stream},'
            f'"dtmf":{{"track":"inbound","digit":"{digit}","timestamp":"{timestamp_ms}"}},'
            f'"extra_headers":{self._headers}}}'
        )

    def event(self, name: str, /, **fields: str) -> str:
        """playedStream, clearedAudio, playFailed, error, stop."""
        return json.dumps(
            {
                "event": name,
                "sequenceNumber": self._number(),
                "streamId": self.stream_id,
                **fields,
            }
        )
