"""Cartesia's events as the SDK reads them, turned into ours. Pure."""

from __future__ import annotations

import base64
import math
import re
from dataclasses import dataclass

from dialer.errors import ProviderError
from dialer.providers.speech import Sound, Timings, Word
from dialer.providers.vendor_socket import refusal

_PLAIN_CODE = re.compile(r"[a-z0-9_]{1,40}")


@dataclass(frozen=True, slots=True)
class Part:
    """Sound or timings of one context; timings count from that context's first sample."""

    context_id: str
    part: Sound | Timings


@dataclass(frozen=True, slots=True)
class Done:
    """A context is complete, or has expired."""

    context_id: str


@dataclass(frozen=True, slots=True)
class Failed:
    """``context_id`` is None when the whole socket is meant."""

    context_id: str | None
    error: ProviderError


@dataclass(frozen=True, slots=True)
class Nothing:
    """Understood, and of no use to us."""


def read_event(event: object) -> Part | Done | Failed | Nothing | None:
    """Return what an event says, or None if it cannot be understood.

    The SDK builds a type it does not know as one that it knows, and checks no field of any: only
    ``type`` tells.
    """
    try:
        match getattr(event, "type", None):
            case "chunk":
                return _chunk(event)
            case "timestamps":
                return _timings(event)
            case "done":
                return Done(_id(event))
            case "error":
                return _failed(event)
            case "flush_done" | "phoneme_timestamps":
                return Nothing()
    except (AttributeError, TypeError, ValueError):
        return None
    return None


def _chunk(event: object) -> Part | Nothing:
    audio = base64.b64decode(_field(event, "data"), validate=True)
    return Part(_id(event), Sound(audio)) if audio else Nothing()


def _timings(event: object) -> Part:
    times = getattr(event, "word_timestamps", None)
    columns = (times.words, times.start, times.end)  # type: ignore[union-attr]  # None: not understood
    words = tuple(
        Word(_text(word), _seconds(start), _seconds(end))
        for word, start, end in zip(*columns, strict=True)
    )
    return Part(_id(event), Timings(words))


def _failed(event: object) -> Failed:
    context_id = getattr(event, "context_id", None)
    status, code = getattr(event, "status_code", None), getattr(event, "error_code", None)
    # The message may quote the text; the code cannot.
    reason = code if isinstance(code, str) and _PLAIN_CODE.fullmatch(code) else ""
    error = refusal("cartesia", status if isinstance(status, int) else 500, reason)
    return Failed(context_id if isinstance(context_id, str) and context_id else None, error)


def _id(event: object) -> str:
    return _text(_field(event, "context_id"))


def _field(event: object, name: str) -> str:
    return _text(getattr(event, name))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not a time")
    return float(value)
