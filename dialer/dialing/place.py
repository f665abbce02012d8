"""From an intent to one POST, exactly once (design §6.2-6.3)."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from dialer.call.after_stream import TRANSFER_LIMIT_S
from dialer.dialing.claim import Intended
from dialer.dialing.decided import INTENT_LIFE
from dialer.dialing.hang_up import end_calls
from dialer.dialing.settle import lock_to_pause, refuse
from dialer.domain.attempt import AttemptEvent, AttemptState, Refusal
from dialer.domain.definition import Definition
from dialer.domain.pacing import ON_TIME_S, Pace, Slot, Slots
from dialer.domain.placing import Readiness, post_before, why_not
from dialer.errors import DatabaseAway, IllegalTransition
from dialer.keys import Keys
from dialer.providers.protocols import (
    Accepted,
    Ambiguous,
    CallRequest,
    Carrier,
    MachineDetection,
    PlaceResult,
    Refused,
)
from dialer.store import attempts as ledger
from dialer.store import placing as requests
from dialer.store.attempts import CarrierIds, Held
from dialer.store.carrier import lock_carrier, save_carrier
from dialer.store.engine import Database, Tx
from dialer.store.placing import Standing

log = logging.getLogger(__name__)

REPLY_KEPT_S = 60.0  # how long a reply is kept for a database that is away; then recovery asks


@dataclass(frozen=True, slots=True)
class CallbackUrls:
    """The addresses one attempt's callbacks come to; mac and attempt id are in every path."""

    public_url: str
    keys: Keys

    def of(self, attempt_id: UUID, kind: str) -> str:
        return f"{self.base(attempt_id)}/{kind}"

    def base(self, attempt_id: UUID) -> str:
        """What the addresses of an attempt begin with."""
        return f"{self.public_url}/plivo/{attempt_id}/{self.keys.mac_of(attempt_id)}"

    def stream_of(self, attempt_id: UUID) -> str:
        """The WebSocket's address: the same with http → ws."""
        return "ws" + self.of(attempt_id, "stream").removeprefix("http")

    def after(self, attempt_id: UUID, what: str) -> str:
        """The document the call goes on with after its ``stream`` or its transfer's ``dial``; of
        the transfer's ``leg`` it is told there."""
        return f"{self.of(attempt_id, 'transfer')}?after={what}"


async def _at_once() -> None:
    """Nobody counts the requests."""


@dataclass(frozen=True)
class Placing:
    """What placing needs of its process. ``name`` is stored as ``placed_by``. ``turn_to_call``:
    waits for the request's part of what the carrier takes of the account."""

    db: Database
    carrier: Carrier
    urls: CallbackUrls
    name: str
    monotonic: Callable[[], float] = time.monotonic
    is_draining: Callable[[], bool] = lambda: False
    turn_to_call: Callable[[], Awaitable[None]] = _at_once


async def place_at_slot(placing: Placing, intent: Intended, slots: Slots) -> None:
    """Place an intent at its slot, on the monotonic clock: product time runs as fast.

    The request's turn is taken first, with those of all intents of its pass in one transaction,
    and the call is made ready a little ahead: at the slot nothing is left to do but to send.
    """
    slots.add(intent.slot)
    await placing.turn_to_call()
    await _until(placing, intent.slot.at - slots.ahead_s)
    give_up_at = intent.slot.at + INTENT_LIFE.total_seconds()
    await place(placing, intent.attempt_id, slots, await _near_slot(placing, slots, give_up_at))


async def _near_slot(placing: Placing, slots: Slots, give_up_at: float) -> Slot | None:
    """Wait until one of this process's slots is so near that a call is made ready for it; book one
    where all have gone by. None: the intent will be too old by then."""
    while (now := placing.monotonic()) < give_up_at:
        slot, wait_s = slots.near(now)
        if slot is not None:
            return slot
        if wait_s < math.inf:
            await asyncio.sleep(wait_s)
            continue
        booked = await placing.db.run(
            lambda tx: _book_again(tx, give_up_at, ahead_s=slots.ahead_s, busy_s=slots.busy_s)
        )
        if booked is None:
            return None
        slots.add(booked)
    return None


async def _until(placing: Placing, at: float) -> None:
    if (wait_s := at - placing.monotonic()) > 0:
        await asyncio.sleep(wait_s)


async def place(
    placing: Placing, attempt_id: UUID, slots: Slots | None = None, slot: Slot | None = None
) -> None:
    """Turn one intent into one request to the carrier, or refuse it.

    slots: of this process, for the request to go out at one of them; None: at once. slot: the
    one it was made ready for.

    One gap is left: a process that is frozen after its last look at the clock, before its bytes
    are on the wire, sends what it decided before. Request and connection stand ready, and so it
    is what lies between two lines of ours and one write to a socket, some 0.05 ms of work. Only a
    machine that stops just there makes it longer.
    """
    began = placing.monotonic()
    try:
        request = await placing.db.run(
            lambda tx: _start(tx, placing, attempt_id), reads_clock=False
        )
    except _Forgotten:
        if slots is not None:
            slots.booked.clear()  # somebody else may have booked the same instants since
        return
    if request is None:
        if slots is not None and slot is not None:
            slots.add(slot)
        return
    turn = _Turn(placing, request.send_before, slots, slot)
    if slots is not None:
        slots.ready_s.append(placing.monotonic() - began)
    reply = await placing.carrier.place(request.call, turn.has_come)
    turn.pass_on()
    if isinstance(reply, Accepted) and await _is_accepted(placing.db, request, reply):
        return
    # Only we know what the carrier said: it is worth waiting for the database.
    to_end = await placing.db.run(
        lambda tx: record_reply(tx, attempt_id, reply), patience_s=REPLY_KEPT_S
    )
    await end_calls(placing.db, placing.carrier, to_end)


async def _is_accepted(db: Database, request: _Request, reply: Accepted) -> bool:
    """Write down the usual reply; False leaves it, and whatever went wrong, to `record_reply`."""
    try:
        return await requests.accept(db, request.attempt, reply.request_uuid)
    except (DatabaseAway, DBAPIError):
        return False


class _Forgotten(Exception):
    """Postgres crashed before it wrote the pass of an intent to the disk (`claim`): neither the
    intent nor any slot of that pass is booked any more."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What was committed as about to be sent. ``send_before``: on the monotonic clock."""

    attempt: Any
    send_before: float
    call: CallRequest


@dataclass(slots=True)
class _Turn:
    """When one request may leave. ``slots``: None: at once. ``slot``: the one that it was made
    ready for, until it is used."""

    placing: Placing
    send_before: float
    slots: Slots | None
    slot: Slot | None

    async def has_come(self) -> bool:
        """Wait for the slot and be there on time, or for one after it; False if none comes before
        `send_before`: we stood still too long to know that the law still allows the call.

        Late starts of two processes would go out together, so that each of them books anew.
        """
        now = self.placing.monotonic
        while now() < self.send_before:
            if self.slots is None:
                return True
            slot, self.slot = self.slot or await self._next_slot(self.slots), None
            if slot is None:
                return False
            if slot.at >= self.send_before:
                self.slots.add(slot)  # another may be in time for it
                return False
            await _until(self.placing, slot.at)
            self.slots.late_s.append(now() - slot.at)
            if slot.is_on_time(now()):
                return now() < self.send_before
        return False

    async def _next_slot(self, slots: Slots) -> Slot | None:
        return slots.take(self.placing.monotonic()) or await self.placing.db.run(
            lambda tx: _book_again(tx, self.send_before, busy_s=slots.again_s)
        )

    def pass_on(self) -> None:
        """Leave a slot that was not used, as the carrier cannot be reached, to another."""
        if self.slots is not None and self.slot is not None:
            self.slots.add(self.slot)


async def _book_again(tx: Tx, before: float, *, ahead_s: float = 0.0, busy_s: float) -> Slot | None:
    """Book the account's next slot that is ``ahead_s`` away for a start that was late, as much
    longer as ``busy_s`` says; None, and nothing booked, if it is not ``before``."""
    account = await lock_carrier(tx)
    pace = Pace(account.cps, account.next_slot_at, busy_s)
    at = pace.slot(tx.now + timedelta(seconds=ahead_s))
    slot = Slot(tx.read_at + (at - tx.now).total_seconds(), ON_TIME_S + busy_s)
    if slot.at >= before:
        return None
    await save_carrier(tx, next_slot_at=pace.after(at).next_at)
    return slot


async def _start(tx: Tx, placing: Placing, attempt_id: UUID) -> _Request | None:
    """intended → placing under the line's lock, or refused; nothing if another moved it on."""
    attempt = await requests.hold_intent(tx, attempt_id)
    if attempt is None:
        raise _Forgotten
    if attempt.state != AttemptState.INTENDED:
        return None
    now = await requests.standing(tx, attempt)
    refusal = _why_not(tx, attempt, attempt.line_holder, now, is_draining=placing.is_draining())
    if refusal is not None:
        log.info("intent_refused", extra={"attempt_id": attempt_id, "refusal": refusal.value})
        held = await ledger.hold(tx, attempt_id)
        assert held is not None
        await refuse(tx, held, refusal)
        return None
    until = post_before(tx.now, attempt.window_ends_at)
    await requests.start(tx, attempt, placed_by=placing.name, post_before=until)
    call = call_request(attempt_id, attempt.phone, attempt.caller_id, now.definition, placing.urls)
    return _Request(attempt, tx.read_at + (until - tx.now).total_seconds(), call)


async def why_not_now(tx: Tx, held: Held) -> Refusal | None:
    """Re-read what may have changed since the claim and decide again; None means go."""
    now = await requests.standing(tx, held.attempt)
    return _why_not(tx, held.attempt, held.line_holder, now)


def _why_not(
    tx: Tx, attempt: Any, line_holder: UUID | None, now: Standing, *, is_draining: bool = False
) -> Refusal | None:
    found = Readiness(
        valid_until=attempt.valid_until,
        window_ends_at=attempt.window_ends_at,
        holds_line=line_holder == attempt.id,
        is_suppressed=now.is_suppressed,
        campaign=now.campaign,
        is_test=attempt.is_test,
        is_draining=is_draining,
    )
    return why_not(found, tx.now)


def call_request(
    attempt_id: UUID, phone: str, caller_id: str, definition: Definition, urls: CallbackUrls
) -> CallRequest:
    """Return what the carrier is asked for."""
    base = urls.base(attempt_id)
    return CallRequest(
        to=phone,
        from_=caller_id,
        answer_url=f"{base}/answer",
        ring_url=f"{base}/ring",
        hangup_url=f"{base}/hangup",
        fallback_url=f"{base}/fallback",
        ring_timeout_s=definition.dialing.ring_timeout_s,
        time_limit_s=_time_limit_s(definition),
        machine_detection=_machine_detection(definition),
        machine_url=f"{base}/machine",
    )


def _time_limit_s(definition: Definition) -> int:
    """The carrier's own limit of the whole call. Where it may be handed to a person, the session
    keeps the agent's time, and the carrier must not cut off the person."""
    is_handed_over = definition.is_streamed and definition.transfer is not None
    return definition.dialing.max_call_s + (TRANSFER_LIMIT_S if is_handed_over else 0)


def _machine_detection(definition: Definition) -> MachineDetection:
    """Asynchronous, the call talks at once, and only a machine is told of (plivo.md §6)."""
    voicemail = definition.voicemail
    if voicemail.detection == "async":
        return "async"
    return "sync" if voicemail.action == "leave_message" else "hangup"


async def record_reply(tx: Tx, attempt_id: UUID, reply: PlaceResult | None) -> Sequence[CarrierIds]:
    """Write down what the carrier said; ``None``: we did not ask, the intent went stale.

    Returns the call if it was to be ended meanwhile: now it has an id to end it by.
    """
    if isinstance(reply, Refused):
        await lock_to_pause(tx, refusal=reply.reason)
    held = await ledger.hold(tx, attempt_id)
    if held is None:
        return []
    try:
        if isinstance(reply, Refused | Ambiguous) and reply.status is not None:
            await ledger.change(tx, held, reply_status=reply.status)
        if reply is None:
            await refuse(tx, held, Refusal.STALE)
        elif isinstance(reply, Accepted):
            await ledger.change(
                tx,
                held,
                AttemptEvent.ACCEPT,
                request_uuid=reply.request_uuid,
                placed_at=held.attempt.placed_at or tx.now,
            )
        elif isinstance(reply, Refused):
            log.warning(
                "carrier_refused",
                extra={
                    "attempt_id": attempt_id,
                    "reason": reply.reason.value,
                    "status": reply.status,
                    "carrier_message": reply.message,
                },
            )
            await refuse(tx, held, Refusal(reply.reason.value))
        elif isinstance(reply, Ambiguous):
            log.warning("reply_lost", extra={"attempt_id": attempt_id, "detail": reply.detail})
            await ledger.change(tx, held, AttemptEvent.LOSE)
    except IllegalTransition:
        # A callback overtook the reply and proved the opposite; the callback is the witness.
        log.error(
            "reply_contradicts_callbacks",
            extra={"attempt_id": attempt_id, "state": held.attempt.state},
        )
    return await ledger.take_hang_up(tx, held)
