"""What the dialer asks of a telephone carrier, and the values that cross that border.

The speech and model providers have their own protocols beside their own users.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Protocol

MachineDetection = Literal["off", "async", "sync", "hangup"]

_E164 = re.compile(r"\+[1-9]\d{6,14}")


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One phone to ring, once.

    ``to`` and ``from_`` are E.164 with the plus sign; ``to`` may be ``sip:user@host`` instead.
    ``machine_detection``: ``async`` talks at once and posts ``machine_url`` when it hears a
    machine; ``sync`` asks for the document once it knows, and says there what it found;
    ``hangup`` lets the carrier end a machine's call by itself.
    """

    to: str
    from_: str
    answer_url: str
    ring_url: str
    hangup_url: str
    fallback_url: str
    ring_timeout_s: int
    time_limit_s: int
    machine_detection: MachineDetection = "off"
    machine_url: str | None = None

    def __post_init__(self) -> None:
        # The carrier reads `<` as a list separator: anything but one number would ring several.
        if not _E164.fullmatch(self.to) and not re.fullmatch(r"sip:[^<\s]+", self.to):
            raise ValueError("to must be one E.164 number or one sip: address")
        if self.machine_detection == "async" and not self.machine_url:
            raise ValueError("machine_detection 'async' needs machine_url")


class RefusalReason(StrEnum):
    """Why the carrier said no. Nothing rang in any of these cases."""

    NUMBER_INVALID = "number_invalid"  #: it will never ring this number; counts as an attempt
    CALLER_ID = "caller_id"  #: our number: not rented, not accepted, suspended
    CREDENTIALS = "credentials"  #: 401; every further call would fail alike
    NO_CREDIT = "no_credit"  #: the balance is empty
    FORBIDDEN = "forbidden"  #: the account may not do this: unverified, geo permission, anchoring
    RATE_LIMITED = "rate_limited"  #: 429; too many requests in five seconds
    CONCURRENCY = "concurrency"  #: 5030; the carrier counts more calls up than it allows
    INVALID_REQUEST = "invalid_request"  #: any other complete 4xx; ours to repair

    @property
    def is_about_number(self) -> bool:
        """Only these count towards the lead's max_attempts."""
        return self is RefusalReason.NUMBER_INVALID

    @property
    def pauses_account(self) -> bool:
        """Asking again for any other lead is pointless until a person has acted."""
        return self in (RefusalReason.CREDENTIALS, RefusalReason.NO_CREDIT)

    @property
    def backs_off(self) -> bool:
        """The lead is released and tried again a little later."""
        return self in (RefusalReason.RATE_LIMITED, RefusalReason.CONCURRENCY)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier will ring the phone, now or when its queue allows."""

    request_uuid: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A complete refusal: the phone did not and will not ring for this request.

    ``message`` is the carrier's own sentence with phone numbers masked, ``retry_after_s`` what
    it asked us to wait, where it said so.
    """

    reason: RefusalReason
    status: int
    message: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The request went out and no answer to rely on came back: the phone may be ringing.
    ``status``: of an answer that cannot be relied on; None: there was none."""

    detail: str
    status: int | None = None


PlaceResult = Accepted | Refused | Ambiguous


@dataclass(frozen=True, slots=True)
class CarrierCall:
    """One call as the carrier's lists tell it. What it did not say, or said badly, is None.

    ``bill_s`` is the billed time in real seconds before rounding; ``cost_usd`` may still be
    None for a call that was answered a moment ago. Times are aware UTC.
    """

    call_uuid: str
    request_uuid: str | None = None
    to: str | None = None
    from_: str | None = None
    status: str | None = None
    begun_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    duration_s: int | None = None
    bill_s: int | None = None
    cost_usd: Decimal | None = None
    hangup_code: int | None = None
    hangup_cause: str | None = None
    hangup_source: str | None = None


class Turns(Protocol):
    """Who may send the carrier its next REST request: it takes only so many of an account."""

    async def to_end(self) -> None:
        """Wait for the turn of what ends or moves a call; never for long."""

    async def to_look_up(self) -> None:
        """Wait for the turn of any other request; raises `OverBudget` if none comes in time."""


async def at_once() -> bool:
    """What need not wait for its instant."""
    return True


class CallControl(Protocol):
    """What a carrier knows of calls that were placed, and ending them. Raises `ProviderError`."""

    async def hang_up(self, call_uuid: str) -> None:
        """End the call. Does nothing if it is already over."""

    async def cancel_request(self, request_uuid: str) -> None:
        """Take a call out of the carrier's queue, or end it unanswered. Nothing if it is gone."""

    async def transfer(self, call_uuid: str, url: str) -> bool:
        """Make the call continue with the document at ``url``; False if it is already over."""

    async def end_streams(self, call_uuid: str) -> None:
        """End the call's audio streams; its document goes on. Nothing if the call is over."""

    async def queued_calls(self, to: str | None = None) -> Sequence[str]:
        """Ids of calls accepted but not yet dialed, all or those to one number."""

    async def live_calls(self, to: str | None = None) -> Sequence[str]:
        """Ids of calls ringing or up, all or those to one number."""

    async def queued_call(self, call_uuid: str) -> CarrierCall | None:
        """One queued call, or None if it is not (or no longer) queued."""

    async def live_call(self, call_uuid: str) -> CarrierCall | None:
        """One call ringing or up, or None if it is neither."""

    async def finished_call(self, call_uuid: str) -> CarrierCall | None:
        """The record of a call that ended, or None while the carrier has none."""

    async def finished_calls(self, to: str) -> Sequence[CarrierCall]:
        """Records of the calls to one number that ended in the last 7 days."""


class NumberList(Protocol):
    """A carrier account as far as its own numbers go. Raises `ProviderError`."""

    async def rented(self) -> Sequence[str]:
        """The numbers rented on the account, E.164."""


class Carrier(CallControl, NumberList, Protocol):
    """A telephone account. `place` reports; everything else raises `ProviderError`."""

    async def place(
        self, request: CallRequest, may_go: Callable[[], Awaitable[bool]] = at_once
    ) -> PlaceResult | None:
        """Ask once for one call; returns before the far end rings and never raises for what
        the carrier or the network does.

        may_go: waited for when all is ready for the request to leave; it leaves at once when it
        says yes. Asked again where the far end took back meanwhile what was ready. None: it said
        no, and nothing was sent.
        """
