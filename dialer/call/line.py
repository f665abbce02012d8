"""The telephone line of one live call, as its session sees it: values in, four requests out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Frame:
    """Audio of the callee: 8 kHz mu-law, in order, without holes (silence stands in for what was
    lost). ``at_s`` is the media clock, 0 at the stream's first frame: where the frame begins."""

    at_s: float
    audio: bytes


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the callee's keypad: 0-9, * # A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class Played:
    """Everything sent before the mark ``name`` was heard."""

    name: str


@dataclass(frozen=True, slots=True)
class Cleared:
    """The carrier dropped what it had not played yet; marks in it will never be `Played`."""


LineEvent = Frame | Key | Played | Cleared


class Line(Protocol):
    """One socket. Sending on a line that is gone does nothing; `events` tells."""

    def events(self) -> AsyncIterator[LineEvent]:
        """Yield what the carrier sends until either side closes."""

    async def play(self, audio: bytes) -> None:
        """Add mu-law audio to the carrier's playback queue."""

    async def mark(self, name: str) -> None:
        """Ask for `Played` once everything sent so far was heard."""

    async def clear(self) -> None:
        """Drop what the carrier has queued but not played."""

    async def close(self) -> None:
        """Close the socket in good order; `events` ends. More than once does nothing."""
