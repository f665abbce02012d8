"""The messages of Plivo's audio stream (plivo.md §4): text in, values out, and back. Pure.

`read` never raises: what cannot be used is `Unknown` with one of a few reasons, which hold no
content and can be counted. Plivo's own pages disagree on types and names, so it is liberal in
what it takes.
"""

from __future__ import annotations

import json
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from dialer.audio.mulaw import SAMPLE_RATE_HZ

MAX_MESSAGE_CHARS: Final = 64 * 1024  # §4.2: the carrier's own limit
ENCODING: Final = "audio/x-mulaw"
KEYS: Final = frozenset("0123456789*#ABCD")

_OUR_ENCODINGS = frozenset({ENCODING, "x-mulaw", "mulaw", "audio/mulaw", "audio/pcmu", "pcmu"})
_ERRORS = frozenset(
    {"connection_failed", "authentication_failed", "invalid_content_type", "buffer_overflow"}
)
_MAX_NUMBER_CHARS = 16  # epoch milliseconds have 13


@dataclass(frozen=True, slots=True)
class Started:
    """The first message. ``account_id`` and ``extra_headers`` are told, not proven."""

    call_id: str
    stream_id: str
    account_id: str
    extra_headers: Mapping[str, str]


class Media(msgspec.Struct, frozen=True, gc=False):
    """Mu-law of the callee. ``timestamp_ms``: of its first sample, epoch milliseconds on the
    carrier's clock; ``chunk``: one more than the message before. Either may be missing."""

    audio: bytes
    chunk: int | None
    timestamp_ms: int | None


@dataclass(frozen=True, slots=True)
class Dtmf:
    digit: str


@dataclass(frozen=True, slots=True)
class PlayedStream:
    """All that was sent before the checkpoint ``name`` was heard."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearedAudio:
    pass


@dataclass(frozen=True, slots=True)
class Stopped:
    """Said by some editions before the socket closes; the close itself is the end."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing to act on. ``reason``: not_json, not_an_object, no_event, unknown_event, too_large,
    bad_field, bad_base64, wrong_codec, other_track, muted, play_failed, or error_ and the
    carrier's word."""

    reason: str


Message = Started | Media | Dtmf | PlayedStream | ClearedAudio | Stopped | Unknown

_Number = int | float | str | None


class _MediaBody(msgspec.Struct, gc=False):
    payload: bytes
    track: str = "inbound"
    chunk: int | str | None = None
    timestamp: int | str | None = None
    contentType: str = ENCODING
    sampleRate: _Number = SAMPLE_RATE_HZ


class _MediaMessage(msgspec.Struct, gc=False):
    event: str
    media: _MediaBody


_decode_media = msgspec.json.Decoder(_MediaMessage).decode
_decode_any = msgspec.json.Decoder().decode
_MSGSPEC_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)


def read(text: str | bytes) -> Message:
    """Return what one message says.

    Nearly all messages are media, so that shape is tried first, typed, with its base64 decoded
    on the way; all else takes the slow path.
    """
    if len(text) > MAX_MESSAGE_CHARS:
        return Unknown("too_large")
    try:
        message = _decode_media(text)
    except _MSGSPEC_ERRORS:
        return _read_other(text)
    if message.event != "media":
        return _read_other(text)
    return _media(message.media)


def _media(body: _MediaBody) -> Media | Unknown:
    if body.track != "inbound":
        return Unknown("other_track")
    is_usual = body.contentType == ENCODING and body.sampleRate == SAMPLE_RATE_HZ
    if not is_usual and not _is_ours(body.contentType, body.sampleRate):
        return Unknown("wrong_codec")
    if not body.payload:
        return Unknown("bad_field")
    return Media(body.payload, _number(body.chunk), _number(body.timestamp))


def _read_other(text: str | bytes) -> Message:
    try:
        message = _decode_any(text)
    except _MSGSPEC_ERRORS:
        return Unknown("not_json")
    if not isinstance(message, dict):
        return Unknown("not_an_object")
    event = message.get("event")
    if not isinstance(event, str):
        return Unknown("no_event")
    reader = _READERS.get(event)
    return Unknown("unknown_event") if reader is None else reader(message)


def _read_started(message: dict[str, Any]) -> Message:
    start = _object(message.get("start"))
    call_id = _text(start.get("callId"))
    stream_id = _text(start.get("streamId")) or _text(message.get("streamId"))
    if not call_id or not stream_id:
        return Unknown("bad_field")
    told = _object(start.get("mediaFormat"))
    if not _is_ours(told.get("encoding", ENCODING), told.get("sampleRate", SAMPLE_RATE_HZ)):
        return Unknown("wrong_codec")
    headers = message.get("extra_headers", start.get("extra_headers"))
    return Started(call_id, stream_id, _text(start.get("accountId")), read_extra_headers(headers))


def _read_slow_media(message: dict[str, Any]) -> Message:
    """Media whose types are not those of any page: take what can be taken."""
    body = _object(message.get("media"))
    payload = body.get("payload")
    if not isinstance(payload, str):
        return Unknown("bad_field")
    try:
        audio = a2b_base64(payload.encode("ascii"), strict_mode=True)
    except (Base64Error, ValueError):
        return Unknown("bad_base64")
    return _media(
        _MediaBody(
            payload=audio,
            track=_text(body.get("track")) or "inbound",
            chunk=_scalar(body.get("chunk")),
            timestamp=_scalar(body.get("timestamp")),
            contentType=_text(body.get("contentType")) or ENCODING,
            sampleRate=_scalar(body.get("sampleRate")) or SAMPLE_RATE_HZ,
        )
    )


def _read_dtmf(message: dict[str, Any]) -> Message:
    digit = _text(_object(message.get("dtmf")).get("digit")).upper()
    return Dtmf(digit) if digit in KEYS else Unknown("bad_field")


def _read_played(message: dict[str, Any]) -> Message:
    name = _text(message.get("name"))
    return PlayedStream(name) if name else Unknown("bad_field")


def _read_error(message: dict[str, Any]) -> Message:
    said = _text(message.get("reason")) or _text(_object(message.get("error")).get("reason"))
    return Unknown(f"error_{said}" if said in _ERRORS else "error_other")


_READERS = {
    "start": _read_started,
    "media": _read_slow_media,
    "dtmf": _read_dtmf,
    "playedStream": _read_played,
    "played": _read_played,  # one support article's name for it
    "clearedAudio": lambda _: ClearedAudio(),
    "stop": lambda _: Stopped(),
    "playFailed": lambda _: Unknown("play_failed"),
    "muteStream": lambda _: Unknown("muted"),
    "unmuteStream": lambda _: Unknown("muted"),
    "error": _read_error,
}


def read_extra_headers(told: object) -> dict[str, str]:
    """Return the headers of any of the four shapes seen: ``k=v;k2=v2``, ``k=v,k2=v2``, JSON text,
    ``{k: v, k2: v2}``; also a JSON object. What has neither key nor sign is left out."""
    if isinstance(told, dict):
        return {str(key): _text(value) for key, value in told.items()}
    text = _text(told).strip()
    if text.startswith("{"):
        try:
            parsed = _decode_any(text)
        except _MSGSPEC_ERRORS:
            parsed = None
        if isinstance(parsed, dict):
            return read_extra_headers(parsed)
        text = text.strip("{}")
    pairs = [_pair(part) for part in text.replace(";", ",").split(",")]
    return {key: value for key, value in pairs if key}


def _pair(part: str) -> tuple[str, str]:
    """The first of ``=`` and ``:`` parts key and value; either may be quoted."""
    found = [at for at in (part.find("="), part.find(":")) if at > 0]
    if not found:
        return "", ""
    at = min(found)
    key, value = (side.strip().strip("\"'") for side in (part[:at], part[at + 1 :]))
    return key, value


def _is_ours(encoding: object, rate: object) -> bool:
    """True for mu-law at 8 kHz, however it is written."""
    name, _, parameters = _text(encoding).lower().partition(";")
    told = parameters.strip().removeprefix("rate=")
    if name.strip() not in _OUR_ENCODINGS or told not in ("", str(SAMPLE_RATE_HZ)):
        return False
    return rate is None or _number(rate) == SAMPLE_RATE_HZ


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    number = _number(value)
    return "" if number is None else str(number)


def _scalar(value: object) -> int | str | None:
    if isinstance(value, float):
        return int(value) if abs(value) < 2**53 else None
    return value if isinstance(value, int | str) else None


def _number(value: object) -> int | None:
    """Return a whole number ≥ 0 that is written as one, as text or not; else None."""
    if isinstance(value, str):
        is_whole = value.isascii() and value.isdecimal() and len(value) <= _MAX_NUMBER_CHARS
        return int(value) if is_whole else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 10**_MAX_NUMBER_CHARS else None


_PLAY_BEFORE = (
    f'{{"event":"playAudio","media":{{"contentType":"{ENCODING}",'
    f'"sampleRate":{SAMPLE_RATE_HZ},"payload":"'
)


def play_audio(audio: bytes) -> str:
    """Add mu-law audio to the playback queue. At most 12 kB at once (§4.2: 16 kB of base64)."""
    return f'{_PLAY_BEFORE}{b64encode(audio).decode("ascii")}"}}}}'


def checkpoint(stream_id: str, name: str) -> str:
    """Ask for `PlayedStream` of this name once all that was sent before was heard."""
    return json.dumps({"event": "checkpoint", "streamId": stream_id, "name": name})


def clear_audio(stream_id: str) -> str:
    """Drop what is queued and not played; checkpoints in it are never answered."""
    return json.dumps({"event": "clearAudio", "streamId": stream_id})
