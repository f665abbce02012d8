"""What a live call writes down and asks of the carrier, as its session sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from dialer.agent.moves import Answer
from dialer.domain.after_stream import TransferReason
from dialer.domain.attempt import Disposition
from dialer.providers.speech import ModelUsage


@dataclass(frozen=True, slots=True)
class Turn:
    """One party's go. Times are seconds on the call clock, 0 = answered.

    ``said`` of the agent is what was heard of it. ``marks``: end_of_speech, end_of_turn,
    first_token, first_audio_sent, first_audio_heard, as far as they happened; an agent's turn
    carries the marks of the callee's turn it answers, so that voice-to-voice is
    first_audio_heard - end_of_speech.
    """

    number: int
    speaker: Literal["agent", "callee", "keypad"]
    said: str
    starts_s: float
    ends_s: float | None = None
    is_interrupted: bool = False
    marks: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metered:
    """What the call used of each provider; None where it was not used or not told.

    ``stream_s``: seconds the carrier streamed. ``model_usage``: summed over the replies; None
    when any reply came without its usage. ``failures``: how often each provider failed, by part
    (recogniser, model, voice); a part that never did is missing.
    """

    stream_s: float
    recogniser: str | None = None
    recogniser_s: float | None = None
    voice: str | None = None
    voice_characters: int | None = None
    model: str | None = None
    model_usage: ModelUsage | None = None
    failures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A finished recording; ``path`` is relative to the data directory."""

    path: Path
    seconds: float


@dataclass(frozen=True, slots=True)
class LineNews:
    """What others learned of this call since: the carrier heard a machine, or it is over."""

    is_machine: bool
    is_over: bool


class Desk(Protocol):
    """Each method is one transaction of its own, committed when it returns; none raises for a
    call that is already over. Those that ask the carrier do so after their commit, once. While
    the database is away they raise `Unavailable`; each may be made again, whatever came of it."""

    async def keep_turn(self, turn: Turn) -> None:
        """Write a turn, or replace the one of the same number."""

    async def record(self, question_id: str, value: Answer, turn_number: int) -> None:
        """Write an answer; a later one to the same question replaces it."""

    async def settle(self, disposition: Disposition, callback_at: datetime | None) -> None:
        """Write what the call established."""

    async def opt_out(self) -> None:
        """Suppress the number everywhere, end its other attempts, settle as opted_out."""

    async def hand_over(self, reason: TransferReason) -> None:
        """Settle as transferred and ask the carrier to continue with `<Dial>`; the caller closes
        the stream afterwards."""

    async def apologise(self, callback_at: datetime | None) -> None:
        """Our voice is gone: settle as callback, and have the carrier speak the apology and hang
        up when the stream closes."""

    async def hang_up(self) -> None:
        """Note that the end of the stream is meant, and ask the carrier to end the call."""

    async def stirred(self, limit_s: float) -> None:
        """Wait until there may be news, at most ``limit_s``: a hint, that may also never come."""

    async def news(self) -> LineNews:
        """Look at the row."""

    async def close(self, metered: Metered, recording: RecordingFile | None) -> None:
        """The stream is over: write use, costs and recording."""
