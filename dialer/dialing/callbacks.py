"""What the carrier tells us, applied to the ledger: idempotent, in any order (design §5)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import insert

from dialer.call.notification import KeyStep, lead_values, on_key
from dialer.dialing.costs import costs_of
from dialer.dialing.optout import suppress
from dialer.dialing.settle import (
    call_back,
    correct_end,
    counts,
    end_call,
    establish,
    give_up,
    lock_to_pause,
    settle_lead,
)
from dialer.domain.after_stream import AfterStream, Next, after_stream, establishes
from dialer.domain.attempt import (
    AttemptEvent,
    AttemptState,
    Disposition,
    HangupFacts,
    Outcome,
    decides_lead,
    gives_way,
    is_cancel,
    reopens,
    was_dropped,
)
from dialer.domain.definition import Definition
from dialer.domain.erasure import is_erased, without_person
from dialer.domain.ids import uuid7
from dialer.domain.retry import EnrolmentState, NextStep
from dialer.providers import plivo_callbacks as read
from dialer.providers.plivo_values import Form
from dialer.store import attempts as ledger
from dialer.store import campaigns, enrolments, lines
from dialer.store.attempts import CarrierIds, Held
from dialer.store.engine import Tx
from dialer.store.tables import recordings

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Heard:
    """A callback that was taken in: the attempt and lead as they stand now.

    ``is_new`` is False for a replay, which changed nothing. ``key`` is set for an input.
    ``after``: of a transfer, what came before it (``stream``, ``dial``, ``leg``; "" of an XML
    call). ``to_end``: calls to end once this is committed.
    """

    held: Held
    definition: Definition
    is_new: bool
    key: KeyStep | None = None
    after: str = ""
    to_end: Sequence[CarrierIds] = ()

    @property
    def attempt(self) -> Any:
        return self.held.attempt

    @property
    def values(self) -> dict[str, object]:
        return lead_values(self.held.enrolment)

    @property
    def goes_on(self) -> Next:
        """What a call goes on with whose stream has ended."""
        attempt = self.attempt
        return after_stream(
            None if attempt.after_stream is None else AfterStream(attempt.after_stream),
            is_machine=attempt.is_machine,
            disposition=None if attempt.disposition is None else Disposition(attempt.disposition),
            definition=self.definition,
        )


def digest_of(path: str, form: Form) -> bytes:
    """Return what makes two deliveries the same callback: path with query, and sorted body."""
    pairs = sorted(
        (name, item)
        for name, value in form.items()
        for item in (value if isinstance(value, list | tuple) else [value])
    )
    return sha256(f"{path}\n{urlencode(pairs)}".encode()).digest()


async def receive(
    tx: Tx,
    *,
    attempt_id: UUID,
    kind: str,
    path: str,
    form: Form,
    prompt: int = 1,
    after: str = "",
    input_url: Callable[[int], str],
) -> Heard | None:
    """Take in one authentic callback; None if the attempt does not exist.

    path: with its query, as signed. prompt: at which prompt a key was pressed. after: see `Heard`.
    """
    await lock_to_pause(tx, code=read.read_hangup(form).hangup_code)
    held = await ledger.hold(tx, attempt_id)
    if held is None:
        return None
    held.enrolment = await enrolments.lock_one(tx, held.enrolment.id)
    definition = await campaigns.definition_of(tx, held.attempt.campaign_id, held.attempt.version)
    is_new = await ledger.keep_event(
        tx,
        attempt_id=attempt_id,
        digest=digest_of(path, form),
        kind=kind,
        path=path.partition("?")[0].rpartition("/")[2],
        body=_kept(held, form),
    )
    heard = Heard(held, definition, is_new, after=after)
    if kind == "input":
        heard.key = on_key(
            definition,
            heard.values,
            digits=read.read_input(form).digits,
            prompt=prompt,
            input_url=input_url,
        )
    if is_new:
        await _APPLY[kind](tx, heard, form)
        heard.to_end = [*heard.to_end, *await ledger.take_hang_up(tx, held)]
    return heard


def _kept(held: Held, form: Form) -> dict[str, Any]:
    """What is kept of a raw callback: all of it, unless its person was erased meanwhile."""
    body = dict(form.items())
    return without_person(body) if is_erased(held.attempt.phone) else body


async def _on_ring(tx: Tx, heard: Heard, form: Form) -> None:
    ring = read.read_ring(form)
    await _move(tx, heard, AttemptEvent.RING, ring, rang_at=heard.attempt.rang_at or tx.now)


async def _on_answer(tx: Tx, heard: Heard, form: Form) -> None:
    answer = read.read_answer(form)
    if answer.is_hangup:
        await _on_hangup(tx, heard, form)
        return
    await _answered(tx, heard, answer, **({"is_machine": True} if answer.is_machine else {}))
    if answer.is_machine and heard.goes_on == "voicemail":  # detected before we were asked
        await establish(tx, heard.held, Disposition.VOICEMAIL_LEFT)


async def _answered(tx: Tx, heard: Heard, callback: read.Callback, **values: Any) -> None:
    """The call is or was up: also what a key or a machine proves whose answer never came."""
    at = _answered_at(tx, heard.attempt)
    await _move(tx, heard, AttemptEvent.ANSWER, callback, answered_at=at, **values)


def _answered_at(tx: Tx, attempt: Any) -> datetime:
    at: datetime | None = attempt.answered_at
    if at is None and attempt.state == AttemptState.ENDED:
        at = attempt.ended_at
    return at or tx.now


async def _on_hangup(tx: Tx, heard: Heard, form: Form) -> None:
    hangup = read.read_hangup(form)
    held = heard.held
    was_answered = held.attempt.answered_at is not None or bool(hangup.was_answered)
    values = {
        **_identity(held.attempt, hangup),
        "talk_s": hangup.duration_s if was_answered else 0,
        "cost_usd": hangup.cost_usd,
    }
    facts = HangupFacts(
        code=hangup.hangup_code,
        cause=hangup.hangup_cause,
        status=hangup.status,
        source=hangup.hangup_source,
        was_answered=was_answered,
        is_machine=held.attempt.is_machine or bool(hangup.is_machine),
    )
    if held.attempt.state == AttemptState.ENDED:
        if not await correct_end(tx, held, facts, **values):
            await _add_what_is_new(tx, held, values)
        return
    was_cancelled = held.attempt.queue_cancelled_at is not None and is_cancel(hangup.hangup_code)
    state = AttemptState(held.attempt.state)
    if was_dropped(state, was_answered=was_answered, was_cancelled=was_cancelled):
        if state is not AttemptState.NEVER_PLACED:  # else recovery was first
            await give_up(tx, held)
        return
    await _reopen_if_given_up(tx, held, AttemptEvent.HANG_UP)
    await end_call(tx, held, facts, **values)


async def _add_what_is_new(tx: Tx, held: Held, values: dict[str, Any]) -> None:
    """Recovery was first, with the carrier's record: keep it, add what only the callback knows."""
    late = {k: v for k, v in values.items() if getattr(held.attempt, k) is None}
    late |= await costs_of(tx, held.attempt, late.get("cost_usd", held.attempt.cost_usd))
    await ledger.change(tx, held, **late)


async def _on_machine(tx: Tx, heard: Heard, form: Form) -> None:
    """A machine answered; where the hangup overtook this, it was no conversation after all."""
    machine = read.read_machine(form)
    if not machine.is_machine:
        return
    await _answered(tx, heard, machine, is_machine=True)
    held = heard.held
    if held.attempt.disposition == Disposition.INCOMPLETE:  # a talk with a machine is none
        await ledger.change(tx, held, disposition=None)
    if held.attempt.outcome == Outcome.COMPLETED and held.attempt.disposition is None:
        await ledger.change(tx, held, outcome=Outcome.MACHINE)
        await settle_lead(tx, held)


async def _on_input(tx: Tx, heard: Heard, form: Form) -> None:
    """A key settles the lead even when the hangup overtook it."""
    assert heard.key is not None
    await _answered(tx, heard, read.read_input(form))
    held, disposition = heard.held, heard.key.disposition
    pressed = held.attempt.keys_pressed + 1
    await ledger.change(tx, held, keys_pressed=pressed)
    if disposition is None or held.attempt.disposition == Disposition.OPTED_OUT:
        return
    await ledger.change(tx, held, disposition=disposition)
    if disposition is Disposition.OPTED_OUT:
        heard.to_end = await suppress(
            tx,
            phone=held.attempt.phone,
            source="call",
            reason="opt_out",
            by_attempt=held.attempt.id,
        )
    if held.attempt.state == AttemptState.ENDED:
        await settle_lead(tx, held)


async def _on_transfer(tx: Tx, heard: Heard, form: Form) -> None:
    """The carrier fetches what the call goes on with, or tells of the transfer's leg."""
    if heard.after == "leg":
        await _on_leg(tx, heard, read.read_dial_event(form).action)
        return
    request = read.read_answer(form)
    if request.is_over:
        return
    await _answered(tx, heard, request)
    if heard.after == "dial":
        await ledger.change(tx, heard.held, has_transfer_leg=False)
        if not read.read_dial_end(form).was_connected:  # a person is to call back, not the agent
            await establish(tx, heard.held, Disposition.CALLBACK)
    elif heard.after == "stream":
        await _after_stream(tx, heard)
    elif heard.goes_on == "voicemail":
        await establish(tx, heard.held, Disposition.VOICEMAIL_LEFT)


async def _on_leg(tx: Tx, heard: Heard, action: str | None) -> None:
    """A leg that was answered is told of before it ends; where the hangup overtook that, the lead
    was held for one that nobody had answered."""
    attempt = heard.attempt
    if action == "hangup":
        await ledger.change(tx, heard.held, has_transfer_leg=False)
    elif action in ledger.ANSWERING and attempt.state == AttemptState.ENDED:
        is_handed_over = attempt.after_stream == AfterStream.HAND_OVER
        if is_handed_over and attempt.disposition == Disposition.CALLBACK:
            await establish(tx, heard.held, Disposition.TRANSFERRED)


async def _after_stream(tx: Tx, heard: Heard) -> None:
    """A leg is counted before it rings; who hears an apology is called again. Nobody hears the
    document of a call that ended meanwhile."""
    held, goes_on = heard.held, heard.goes_on
    if held.attempt.state == AttemptState.ENDED:
        return
    if goes_on == "voicemail":
        await establish(tx, held, Disposition.VOICEMAIL_LEFT)
    elif goes_on == "dial":
        await ledger.change(tx, held, has_transfer_leg=True)
    elif goes_on == "apology":
        old = held.attempt.disposition
        if not establishes(None if old is None else Disposition(old)):
            await establish(tx, held, Disposition.CALLBACK, call_back(tx, held, heard.definition))


async def _on_recording(tx: Tx, heard: Heard, form: Form) -> None:
    recording = read.read_recording(form)
    if recording.url and recording.duration_ms is not None:
        await tx.execute(
            insert(recordings).values(
                account_id=tx.account_id,
                attempt_id=heard.attempt.id,
                id=uuid7(),
                source="carrier",
                url=recording.url,
                seconds=recording.duration_ms / 1000,
                created_at=tx.now,
            )
        )


async def _on_stream_status(tx: Tx, heard: Heard, form: Form) -> None:
    """A stream that began is one we must count on in the costs, whoever saw it."""
    status = read.read_stream_status(form)
    if status.change == "started" and status.stream_id and heard.attempt.stream_id is None:
        await ledger.change(tx, heard.held, stream_id=status.stream_id)


_APPLY: Mapping[str, Callable[[Tx, Heard, Form], Awaitable[None]]] = {
    "answer": _on_answer,
    "fallback": _on_answer,
    "ring": _on_ring,
    "hangup": _on_hangup,
    "machine": _on_machine,
    "input": _on_input,
    "transfer": _on_transfer,
    "recording": _on_recording,
    "stream-status": _on_stream_status,
}
KINDS = frozenset(_APPLY)


def _identity(attempt: Any, callback: read.Callback) -> dict[str, Any]:
    return {
        "call_uuid": attempt.call_uuid or callback.call_uuid,
        "request_uuid": attempt.request_uuid or callback.request_uuid,
    }


async def _move(
    tx: Tx, heard: Heard, event: AttemptEvent, callback: read.Callback, **values: Any
) -> None:
    held = heard.held
    await _reopen_if_given_up(tx, held, event)
    await ledger.change(tx, held, event, **_identity(held.attempt, callback), **values)


async def _reopen_if_given_up(tx: Tx, held: Held, event: AttemptEvent) -> None:
    """The carrier rang after all: take the line back before anything else does (design §5).

    A newer intent that holds the line loses it here and refuses itself at its slot: its own
    lead comes before this line in the lock order. A newer call keeps it, and passes it on.
    """
    attempt = held.attempt
    if not reopens(AttemptState(attempt.state), event):
        return
    log.error(
        "attempt_reopened",
        extra={"attempt_id": attempt.id, "state": attempt.state, "refusal": attempt.refusal},
    )
    took_line = gives_way(await _other_on_line(tx, held))
    if took_line:
        await lines.take_line(tx, attempt.phone, attempt.id)
    lead = held.enrolment
    is_decisive = decides_lead(
        is_newest=lead.last_attempt_id == attempt.id,
        took_line=took_line,
        is_settled=lead.state in (EnrolmentState.DONE, EnrolmentState.BLOCKED),
    )
    if not attempt.is_test and is_decisive:
        # Its end counts it; a refusal that was counted was wrong.
        row = {
            "id": held.enrolment.id,
            "attempts": held.enrolment.attempts - counts(attempt),
            "last_attempt_id": attempt.id,
            **enrolments.step_values(NextStep(EnrolmentState.CALLING)),
        }
        await enrolments.save_one(tx, row)
        held.enrolment = await enrolments.lock_one(tx, held.enrolment.id)
    await ledger.change(tx, held, refusal=None, outcome=None, ended_at=None)


async def _other_on_line(tx: Tx, held: Held) -> AttemptState | None:
    """Return the state of the attempt that holds the line by now, None if no other does."""
    if held.line_holder in (None, held.attempt.id):
        return None
    holder = await ledger.find(tx, held.line_holder)
    return None if holder is None else AttemptState(holder.state)
