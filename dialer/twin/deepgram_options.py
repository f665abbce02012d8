"""What a ``/v1/listen`` handshake asks for, checked as Deepgram checks it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from multidict import MultiMapping

_MODELS: Final = ("nova-3", "nova-2")
_LANGUAGES: Final = frozenset(
    [
        *("multi", "en", "en-US", "en-GB", "en-AU", "en-IN", "en-NZ", "hi", "bn", "gu", "kn"),
        *("ml", "mr", "ne", "pa", "ta", "te", "es", "fr", "de", "pt", "it", "ja"),
    ]
)
_TRUE, _FALSE = "true", "false"
_FLAGS: Final = (
    "interim_results",
    "vad_events",
    "smart_format",
    "punctuate",
    "numerals",
    "no_delay",
    "mip_opt_out",
    "filler_words",
    "profanity_filter",
)
MOST_KEYTERM_TOKENS: Final = 500


class BadOptions(Exception):
    """HTTP 400; the message is Deepgram's ``err_msg``."""


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """``endpointing_s`` None: switched off; ``utterance_end_s`` None: not asked for."""

    model: str = "nova-3"
    language: str = "en"
    has_interim: bool = False
    has_vad_events: bool = False
    is_punctuated: bool = False
    endpointing_s: float | None = 0.010
    utterance_end_s: float | None = None


def read_options(query: MultiMapping[str]) -> ListenOptions:
    """Raise `BadOptions` for what Deepgram refuses, or this twin cannot hear."""
    flags = {name: _flag(name, query.get(name, _FALSE)) for name in _FLAGS}
    model = query.get("model", "")
    if not model.startswith(_MODELS):
        raise BadOptions("No such model/language/tier combination found.")
    language = query.get("language", "en")
    if language not in _LANGUAGES:
        raise BadOptions("No such model/language/tier combination found.")
    if query.get("encoding") != "mulaw" or query.get("sample_rate") != "8000":
        raise BadOptions("Bad Request: this twin hears encoding=mulaw&sample_rate=8000 only.")
    if query.get("channels", "1") != "1":
        raise BadOptions("Bad Request: this twin hears one channel only.")
    if sum(len(term) // 4 + 1 for term in query.getall("keyterm", ())) > MOST_KEYTERM_TOKENS:
        raise BadOptions("Keyterm limit exceeded. The maximum number of tokens is 500.")
    utterance_end_ms = _milliseconds("utterance_end_ms", query.get("utterance_end_ms"))
    if utterance_end_ms is not None and not flags["interim_results"]:
        raise BadOptions("Bad Request: utterance_end_ms needs interim_results.")
    if utterance_end_ms is not None and utterance_end_ms < 1000:
        raise BadOptions("Bad Request: utterance_end_ms must be at least 1000.")
    return ListenOptions(
        model=model,
        language=language,
        has_interim=flags["interim_results"],
        has_vad_events=flags["vad_events"],
        is_punctuated=flags["punctuate"] or flags["smart_format"],
        endpointing_s=_endpointing_s(query.get("endpointing", "10")),
        utterance_end_s=None if utterance_end_ms is None else utterance_end_ms / 1000,
    )


def _endpointing_s(text: str) -> float | None:
    if text == _FALSE:
        return None
    value = _milliseconds("endpointing", "10" if text == _TRUE else text)
    return None if value is None else value / 1000


def _flag(name: str, text: str) -> bool:
    if text not in (_TRUE, _FALSE):
        raise BadOptions(f"Bad Request: {name} must be true or false.")
    return text == _TRUE


def _milliseconds(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise BadOptions(f"Bad Request: {name} must be a number of milliseconds.")
    return int(text)
