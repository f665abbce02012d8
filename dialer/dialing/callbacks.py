"""What the carrier tells us, applied to the ledger: idempotent, in any order (design §5)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import insert

from dialer.call.notification import KeyStep, lead_values, on_key
from dialer.dialing.optout import suppress
from dialer.dialing.settle import end_call, refuse, settle_lead
from dialer.domain.attempt import (
    AttemptEvent,
    AttemptState,
    Disposition,
    HangupFacts,
    Refusal,
    reopens,
)
from dialer.domain.definition import Definition
from dialer.domain.ids import uuid7
from dialer.domain.retry import EnrolmentState
from dialer.providers import plivo_callbacks as read
from dialer.providers.plivo_values import Form
from dialer.store import attempts as ledger
from dialer.store import campaigns, enrolments, lines
from dialer.store.attempts import Held
from dialer.store.engine import Tx
from dialer.store.tables import recordings

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Heard:
    """A callback that was taken in: the attempt and lead as they stand now.

    ``is_new`` is False for a replay, which changed nothing. ``key`` is set for an input.
    """

    held: Held
    definition: Definition
    is_new: bool
    key: KeyStep | None = None

    @property
    def attempt(self) -> Any:
        return self.held.attempt

    @property
    def values(self) -> dict[str, object]:
        return lead_values(self.held.enrolment)


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
    input_url: Callable[[int], str],
) -> Heard | None:
    """Take in one authentic callback; None if the attempt does not exist.

    path: with its query, as signed. prompt: at which prompt a key was pressed.
    """
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
        body={name: value for name, value in form.items()},
    )
    heard = Heard(held, definition, is_new)
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
    return heard


async def _on_ring(tx: Tx, heard: Heard, form: Form) -> None:
    ring = read.read_ring(form)
    await _move(tx, heard, AttemptEvent.RING, ring, rang_at=heard.attempt.rang_at or tx.now)


async def _on_answer(tx: Tx, heard: Heard, form: Form) -> None:
    answer = read.read_answer(form)
    if answer.is_hangup:
        await _on_hangup(tx, heard, form)
        return
    values: dict[str, Any] = {"answered_at": heard.attempt.answered_at or tx.now}
    if answer.is_machine:
        values["is_machine"] = True
    await _move(tx, heard, AttemptEvent.ANSWER, answer, **values)


async def _on_hangup(tx: Tx, heard: Heard, form: Form) -> None:
    hangup = read.read_hangup(form)
    held = heard.held
    was_answered = held.attempt.answered_at is not None or bool(hangup.was_answered)
    values = {
        **_identity(held.attempt, hangup),
        "talk_s": hangup.duration_s if was_answered else 0,
        "cost_usd": hangup.cost_usd,
    }
    if held.attempt.state == AttemptState.ENDED:
        # Recovery was first: keep its verdict, add what only the callback knows.
        late = {k: v for k, v in values.items() if getattr(held.attempt, k) is None}
        await ledger.change(tx, held, **late)
        return
    if _was_dropped_from_queue(held.attempt, hangup, was_answered):
        await _drop(tx, held)
        return
    await _reopen_if_given_up(tx, held, AttemptEvent.HANG_UP)
    facts = HangupFacts(
        code=hangup.hangup_code,
        cause=hangup.hangup_cause,
        status=hangup.status,
        source=hangup.hangup_source,
        was_answered=was_answered,
        is_machine=held.attempt.is_machine or bool(hangup.is_machine),
    )
    await end_call(tx, held, facts, **values)


async def _on_machine(tx: Tx, heard: Heard, form: Form) -> None:
    if read.read_machine(form).is_machine:
        await ledger.change(tx, heard.held, is_machine=True)


async def _on_input(tx: Tx, heard: Heard, form: Form) -> None:
    """A key settles the lead even when the hangup overtook it."""
    assert heard.key is not None
    held, disposition = heard.held, heard.key.disposition
    pressed = held.attempt.keys_pressed + 1
    await ledger.change(tx, held, keys_pressed=pressed)
    if disposition is None or held.attempt.disposition == Disposition.OPTED_OUT:
        return
    await ledger.change(tx, held, disposition=disposition)
    if disposition is Disposition.OPTED_OUT:
        await suppress(
            tx,
            phone=held.attempt.phone,
            source="call",
            reason="opt_out",
            by_attempt=held.attempt.id,
        )
    if held.attempt.state == AttemptState.ENDED:
        await settle_lead(tx, held)


async def _on_transfer(tx: Tx, heard: Heard, form: Form) -> None:
    """The carrier fetches the document for a machine."""
    if heard.attempt.is_machine and heard.definition.voicemail.action == "leave_message":
        await ledger.change(tx, heard.held, disposition=Disposition.VOICEMAIL_LEFT)


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


async def _on_note(tx: Tx, heard: Heard, form: Form) -> None:
    """Kept as it came; nothing of ours depends on it."""


_APPLY: Mapping[str, Callable[[Tx, Heard, Form], Awaitable[None]]] = {
    "answer": _on_answer,
    "fallback": _on_answer,
    "ring": _on_ring,
    "hangup": _on_hangup,
    "machine": _on_machine,
    "input": _on_input,
    "transfer": _on_transfer,
    "recording": _on_recording,
    "stream-status": _on_note,
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


def _was_dropped_from_queue(attempt: Any, hangup: read.Hangup, was_answered: bool) -> bool:
    """True when our cancel took the call out of the carrier's queue before it reached a phone."""
    waited = attempt.state in (AttemptState.PLACING, AttemptState.AMBIGUOUS, AttemptState.PLACED)
    return waited and not was_answered and attempt.queue_cancelled_at is not None


async def _drop(tx: Tx, held: Held) -> None:
    if held.attempt.state == AttemptState.PLACING:
        await ledger.change(tx, held, AttemptEvent.ACCEPT)
    attempt = await ledger.change(tx, held, AttemptEvent.FIND_ABSENT, ended_at=tx.now)
    await lines.free_line(tx, attempt.phone, attempt.id)
    await settle_lead(tx, held)


async def _reopen_if_given_up(tx: Tx, held: Held, event: AttemptEvent) -> None:
    """The carrier rang after all: take the line back before anything else does (design §5)."""
    attempt = held.attempt
    if not reopens(AttemptState(attempt.state), event):
        return
    log.error(
        "attempt_reopened",
        extra={"attempt_id": attempt.id, "state": attempt.state, "refusal": attempt.refusal},
    )
    other_id = held.line_holder
    if other_id is not None and other_id != attempt.id:
        other = await ledger.hold(tx, other_id)
        if other is not None and other.attempt.state == AttemptState.INTENDED:
            await refuse(tx, other, Refusal.STALE)
            other_id = None
    if other_id is None:
        await lines.take_lines(tx, [(attempt.phone, attempt.id)])
    await ledger.change(tx, held, refusal=None, outcome=None, ended_at=None)
    lead = held.enrolment
    if lead.last_attempt_id == attempt.id and lead.state != EnrolmentState.CALLING:
        await enrolments.save_many(
            tx, [{"id": lead.id, "state": EnrolmentState.CALLING, "due_at": None}]
        )
        held.enrolment = await enrolments.lock_one(tx, lead.id)
