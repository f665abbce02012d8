"""What a message on Cartesia's socket asks for, checked as Cartesia checks it. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LANGUAGES: Final = frozenset(
    ["en", "hi", "ta", "te", "bn", "gu", "kn", "ml", "mr", "pa", "or", "ur", "es", "fr", "de"]
)
_FORMAT: Final = {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000}
DEFAULT_BUFFER_S: Final = 3.0
#: No voice has this id.
MISSING_VOICE_ID: Final = "00000000-0000-0000-0000-000000000000"


class BadRequest(Exception):
    """Answered with an ``error`` event; the context is over."""

    def __init__(self, status: int, code: str, message: str, context_id: str | None) -> None:
        super().__init__(message)
        self.status, self.code, self.context_id = status, code, context_id


@dataclass(frozen=True, slots=True)
class Cancel:
    context_id: str


@dataclass(frozen=True, slots=True)
class Generate:
    """One input. ``fixed`` is all that may not change within a context."""

    context_id: str
    transcript: str
    is_last: bool
    flush: bool
    has_timestamps: bool
    buffer_s: float
    language: str
    voice_id: str
    fixed: str


def read_request(text: str) -> Generate | Cancel:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise BadRequest(400, "invalid_json", "the message is no JSON object", None)
    context_id = body.get("context_id")
    if not isinstance(context_id, str) or not context_id:
        raise BadRequest(400, "missing_context_id", "context_id is required", None)
    if body.get("cancel") is True:
        return Cancel(context_id)
    return _generate(body, context_id)


def _generate(body: dict[str, Any], context_id: str) -> Generate:
    def refuse(status: int, code: str, message: str) -> NoReturn:
        raise BadRequest(status, code, message, context_id)

    transcript, voice = body.get("transcript"), body.get("voice")
    is_last = body.get("continue") is not True
    if not isinstance(transcript, str) or (not transcript.strip() and transcript):
        refuse(400, "invalid_transcript", "transcript must be a text with words")
    if not isinstance(body.get("model_id"), str) or not str(body["model_id"]).startswith("sonic"):
        refuse(404, "model_not_found", "no such model")
    if body.get("output_format") != _FORMAT:
        refuse(400, "invalid_output_format", "this twin speaks raw pcm_mulaw of 8000 Hz only")
    if not isinstance(voice, dict) or voice.get("mode") != "id":
        refuse(400, "missing_voice", "voice must be {mode: id, id: ...}")
    voice_id = str(voice.get("id"))
    if not _UUID.fullmatch(voice_id) or voice_id == MISSING_VOICE_ID:
        refuse(404, "voice_not_found", "no such voice")
    language = body.get("language", "en")
    if language not in _LANGUAGES:
        refuse(400, "language_not_supported", "no such language")
    buffer_ms = body.get("max_buffer_delay_ms", DEFAULT_BUFFER_S * 1000)
    if isinstance(buffer_ms, bool) or not isinstance(buffer_ms, int | float):
        refuse(400, "invalid_buffer", "max_buffer_delay_ms must be a number")
    if not 0 <= buffer_ms <= 5000:
        refuse(400, "invalid_buffer", "max_buffer_delay_ms must be between 0 and 5000")
    free = ("transcript", "continue", "duration", "flush")
    return Generate(
        context_id=context_id,
        transcript=transcript,
        is_last=is_last,
        flush=body.get("flush") is True,
        has_timestamps=body.get("add_timestamps") is True,
        buffer_s=buffer_ms / 1000,
        language=language,
        voice_id=voice_id,
        fixed=json.dumps({k: v for k, v in body.items() if k not in free}, sort_keys=True),
    )
