"""What Plivo posts to us, read into values (plivo.md §2). Pure, and never an exception.

A field that is missing, empty or unreadable is None. Times are left out on purpose: SessionStart
is UTC and differs per event of one call, StartTime, AnswerTime and EndTime are naive in the
account's zone (§2.1). Use the receive clock, and the call's record afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from dialer.providers.plivo_values import Form, money, phone, text, whole

# §2.4: what CallStatus says of a call that is no more.
_OVER = frozenset({"completed", "busy", "failed", "cancel", "timeout", "no-answer"})

StreamEvent = Literal["started", "stopped", "dropped", "degraded"]

# Two documented vocabularies (§2.3); both are accepted.
_STREAM_EVENTS: dict[str, StreamEvent] = {
    "startstream": "started",
    "started": "started",
    "stopstream": "stopped",
    "stopped": "stopped",
    "droppedstream": "dropped",
    "failed": "dropped",
    "degradedstream": "degraded",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """The fields most callbacks share. ``from_`` and ``to`` are E.164 or a SIP address.

    Join an attempt on ``request_uuid``, control the call with ``call_uuid``: an older capture
    shows them different (§1.1).
    """

    call_uuid: str | None
    request_uuid: str | None
    from_: str | None
    to: str | None
    event: str | None
    status: str | None
    direction: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring(Callback):
    """The phone started to ring. Some carriers never tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Callback):
    """Somebody or something answered, and Plivo wants a document.

    ``is_hangup``: a hangup that came here for want of a hangup URL (§7 no. 1); the reply must
    then be empty. ``is_over``: nobody will hear the document. ``is_machine`` is None without
    synchronous detection.
    """

    is_hangup: bool
    is_over: bool
    is_machine: bool | None
    bill_rate_usd: Decimal | None
    route_type: str | None
    compliance_status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup(Callback):
    """The call is over. ``cost_usd`` is Plivo's final word for the call's own leg.

    ``billed_s`` is rounded up to the billing step here, unlike in the REST record (§1.2).
    """

    hangup_code: int | None
    hangup_cause: str | None
    hangup_name: str | None
    hangup_source: str | None
    duration_s: int | None
    billed_s: int | None
    cost_usd: Decimal | None
    was_answered: bool | None
    is_machine: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(Callback):
    """Asynchronous detection heard a machine; it never tells of a human (§6)."""

    is_machine: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Input(Callback):
    """Keys pressed, or speech heard, at a prompt. ``confidence`` is 0 to 1."""

    input_type: str | None
    digits: str | None
    speech: str | None
    confidence: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DialEnd(Callback):
    """The transfer leg is over (`<Dial action>`)."""

    dial_status: str | None
    was_connected: bool
    ring_status: str | None
    hangup_cause: str | None
    aleg_uuid: str | None
    bleg_uuid: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DialEvent(Callback):
    """Something happened to the transfer leg (`<Dial callbackUrl>`)."""

    action: str | None
    bleg_status: str | None
    aleg_uuid: str | None
    bleg_uuid: str | None
    duration_s: int | None
    billed_s: int | None
    hangup_code: int | None
    hangup_source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(Callback):
    """A recording is ready. Session recordings come first without a duration (-1 there)."""

    recording_id: str | None
    url: str | None
    duration_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus(Callback):
    """The audio stream changed. ``change`` is None for an event we do not know, kept in
    ``event`` as it came."""

    stream_id: str | None
    change: StreamEvent | None
    reason: str | None
    duration_s: int | None


def read_ring(form: Form) -> Ring:
    return Ring(**_shared(form))


def read_answer(form: Form) -> Answer:
    """Also reads the fallback, transfer and inbound requests, which carry the same fields."""
    shared = _shared(form)
    is_hangup = (shared["event"] or "").lower() == "hangup"
    return Answer(
        **shared,
        is_hangup=is_hangup,
        is_over=is_hangup or (shared["status"] or "").lower() in _OVER,
        is_machine=_flag(form, "Machine"),
        bill_rate_usd=money(_field(form, "BillRate")),
        route_type=_field(form, "RouteType"),
        compliance_status=_field(form, "ComplianceStatus"),
    )


def read_hangup(form: Form) -> Hangup:
    duration_s = whole(_field(form, "Duration"))
    return Hangup(
        **_shared(form),
        hangup_code=whole(_field(form, "HangupCauseCode")),
        hangup_cause=_field(form, "HangupCause"),
        hangup_name=_field(form, "HangupCauseName"),
        hangup_source=_field(form, "HangupSource"),
        duration_s=duration_s,
        billed_s=whole(_field(form, "BillDuration")),
        cost_usd=money(_field(form, "TotalCost")),
        was_answered=_was_answered(form, duration_s),
        is_machine=_flag(form, "Machine"),
    )


def read_machine(form: Form) -> Machine:
    return Machine(**_shared(form), is_machine=_flag(form, "Machine"))


def read_input(form: Form) -> Input:
    confidence = money(_field(form, "SpeechConfidenceScore"))
    return Input(
        **_shared(form),
        input_type=_field(form, "InputType"),
        digits=_field(form, "Digits"),
        speech=_field(form, "Speech"),
        confidence=confidence if confidence is not None and confidence <= 1 else None,
    )


def read_dial_end(form: Form) -> DialEnd:
    status = _field(form, "DialStatus")
    return DialEnd(
        **_shared(form),
        dial_status=status,
        was_connected=(status or "").lower() == "completed",
        ring_status=_field(form, "DialRingStatus"),
        hangup_cause=_field(form, "DialHangupCause"),
        aleg_uuid=_field(form, "DialALegUUID"),
        bleg_uuid=_field(form, "DialBLegUUID"),
    )


def read_dial_event(form: Form) -> DialEvent:
    return DialEvent(
        **_shared(form),
        action=_field(form, "DialAction"),
        bleg_status=_field(form, "DialBLegStatus"),
        aleg_uuid=_field(form, "DialALegUUID"),
        bleg_uuid=_field(form, "DialBLegUUID"),
        duration_s=whole(_field(form, "DialBLegDuration")),
        billed_s=whole(_field(form, "DialBLegBillDuration")),
        hangup_code=whole(_field(form, "DialBLegHangupCauseCode")),
        hangup_source=_field(form, "DialBLegHangupSource"),
    )


def read_recording(form: Form) -> Recording:
    duration_ms = whole(_field(form, "RecordingDurationMs"))
    duration_s = whole(_field(form, "RecordingDuration"))
    if duration_ms is None and duration_s is not None:
        duration_ms = duration_s * 1000
    return Recording(
        **_shared(form),
        recording_id=_field(form, "RecordingID"),
        url=_field(form, "RecordUrl"),
        duration_ms=duration_ms,
    )


def read_stream_status(form: Form) -> StreamStatus:
    shared = _shared(form)
    return StreamStatus(
        **shared,
        stream_id=_field(form, "StreamID"),
        change=_STREAM_EVENTS.get((shared["event"] or "").lower()),
        reason=_field(form, "StatusReason"),
        duration_s=whole(_field(form, "Duration")),
    )


def _shared(form: Form) -> dict[str, Any]:
    return {
        "call_uuid": _field(form, "CallUUID"),
        "request_uuid": _field(form, "RequestUUID"),
        "from_": phone(_field(form, "From")),
        "to": phone(_field(form, "To")),
        "event": _field(form, "Event"),
        "status": _field(form, "CallStatus"),
        "direction": _field(form, "Direction"),
    }


def _field(form: Form, name: str) -> str | None:
    """Return one field as text; the first of a repeated one."""
    value: object = form.get(name)
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return text(value)


def _flag(form: Form, name: str) -> bool | None:
    return {"true": True, "false": False}.get((_field(form, name) or "").lower())


def _was_answered(form: Form, duration_s: int | None) -> bool | None:
    # AnswerTime is the proof; it is not sent for an unanswered call, which lasts 0 s. A call
    # answered and dropped within the first second has the first but not the second.
    if _field(form, "AnswerTime"):
        return True
    return None if duration_s is None else duration_s > 0
