"""One phone call as the carrier sees it, and the request that caused it."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from dialer.twin.callee import Script, normal_phone
from dialer.twin.causes import End
from dialer.twin.tasks import Tasks


class CallState(StrEnum):
    QUEUED = "queued"  # accepted, waits for CPS
    RINGING = "ringing"  # dialled: live for REST, answered or not
    IN_PROGRESS = "in-progress"
    ENDED = "completed"


@dataclass(frozen=True, slots=True)
class Page:
    """A URL that Plivo fetches, with the method it was given."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Detection:
    """Answering machine detection as asked for in Make Call."""

    hangs_up: bool
    limit_s: float
    page: Page | None  # given: asynchronous


@dataclass(frozen=True, slots=True)
class MakeCall:
    """A checked Make Call request, for one or several destinations."""

    from_: str
    to: tuple[str, ...]
    answer: Page
    ring: Page | None
    hangup: Page | None
    fallback: Page | None
    detection: Detection | None
    caller_name: str
    time_limit_s: float
    ring_timeout_s: float
    hangup_on_ring_s: float | None
    send_digits: str
    headers: tuple[tuple[str, str], ...]  # X-PH-* of every callback
    parent_call_uuid: str


@dataclass(frozen=True, slots=True)
class Heard:
    """One key, or one utterance."""

    kind: Literal["dtmf", "speech"]
    text: str


@dataclass(slots=True, eq=False)
class StreamRecord:
    """One <Stream> of a call, for REST. ``stop`` ends it."""

    stream_id: str
    service_url: str
    attributes: Mapping[str, str]
    started_at: datetime
    ended_at: datetime | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class Call:
    """One leg. Times are product time; the state only moves forward."""

    call_uuid: str
    request_uuid: str
    from_: str
    to: str
    accepted_at: datetime
    request: MakeCall | None  # None: the B-leg of a <Dial>
    parent_call_uuid: str = ""
    state: CallState = CallState.QUEUED
    script: Script = field(default_factory=Script)
    machine: bool = False  # synchronous detection found one
    rang: bool = False
    not_before: float = 0.0  # monotonic; the queue holds it until then
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    end: End | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    moved_to: Page | None = None
    transfers: int = 0
    streams: int = 0  # <Stream>s that are open or opening; Plivo allows one
    stream_records: list[StreamRecord] = field(default_factory=list)
    streaming: bool = False  # inside a keepCallAlive stream: a transfer waits until it yields
    prompts: int = 0  # GetInput and GetDigits met so far
    keypad: asyncio.Queue[Heard] | None = None  # where keys and words go while somebody listens
    bridged: Call | None = None  # the B-leg we talk to
    helpers: Tasks = field(default_factory=Tasks)  # timers that end with the call

    @property
    def phone(self) -> str:
        """The callee's number in the one form used for scripts, faults and the ledger."""
        return normal_phone(self.to)

    @property
    def is_answered(self) -> bool:
        return self.answered_at is not None

    @property
    def talk_s(self) -> int:
        """Started seconds between answer and end; 0 when it was never answered."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return math.ceil((self.ended_at - self.answered_at).total_seconds())

    def hear(self, heard: Sequence[Heard]) -> bool:
        """The callee presses or speaks; False when nobody listens and it is lost."""
        if self.keypad is None:
            return False
        for each in heard:
            self.keypad.put_nowait(each)
        return True


def new_uuid() -> str:
    return str(uuid.uuid4())


def billed_s(talk_s: int) -> int:
    """Billing is per started minute of talk (plivo.md §6)."""
    return -(-talk_s // 60) * 60
