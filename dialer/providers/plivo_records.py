"""Plivo's REST objects read into ours. Pure; what a record does not say is None."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dialer.providers.plivo_values import moment, money, phone, text, whole
from dialer.providers.protocols import CarrierCall

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Application:
    """The URLs Plivo calls for inbound calls to the numbers attached to it (§1.4)."""

    name: str
    app_id: str = ""
    answer_url: str | None = None
    hangup_url: str | None = None
    fallback_url: str | None = None


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    """One rented number. ``compliance`` is ``accepted`` or why it may not call (§6)."""

    number: str
    kind: str | None
    app_id: str | None
    is_voice: bool | None
    compliance: str | None
    country: str | None


def as_fields(reply: object) -> Fields:
    """Return a reply as a dict: the SDK gives its own objects, and None for an empty body."""
    if isinstance(reply, dict):
        return reply
    return (
        {
            name: value
            for name, value in vars(reply).items()
            if name not in ("client", "_name")  # the SDK's, not Plivo's
        }
        if reply is not None and hasattr(reply, "__dict__")
        else {}
    )


def read_live(row: Fields) -> CarrierCall | None:
    """Read a live or queued call. Its ``session_start`` has no zone, so it is not read."""
    call_uuid = text(row.get("call_uuid"))
    if call_uuid is None:
        return None
    return CarrierCall(
        call_uuid=call_uuid,
        request_uuid=text(row.get("request_uuid")),
        to=phone(row.get("to")),
        from_=phone(row.get("from")),
        status=text(row.get("call_status")),
        begun_at=moment(row.get("session_start")),
    )


def read_finished(row: Fields) -> CarrierCall | None:
    """Read a call detail record (§1.2). `bill_duration` there is real seconds, not rounded."""
    call_uuid = text(row.get("call_uuid"))
    if call_uuid is None:
        return None
    return CarrierCall(
        call_uuid=call_uuid,
        request_uuid=text(row.get("request_uuid")),
        to=phone(row.get("to_number")),
        from_=phone(row.get("from_number")),
        status=text(row.get("call_state")),
        begun_at=moment(row.get("initiation_time")),
        answered_at=moment(row.get("answer_time")),
        ended_at=moment(row.get("end_time")),
        duration_s=whole(row.get("call_duration")),
        bill_s=whole(row.get("bill_duration")),
        cost_usd=money(row.get("total_amount")),
        hangup_code=whole(row.get("hangup_cause_code")),
        hangup_cause=text(row.get("hangup_cause_name")),
        hangup_source=text(row.get("hangup_source")),
    )


def read_number(row: Fields) -> OwnedNumber | None:
    """Read a rented number; its ``application`` is a resource path that ends in the id."""
    number = phone(row.get("number"))
    if number is None:
        return None
    application = text(row.get("application")) or ""
    voice = row.get("voice_enabled")
    return OwnedNumber(
        number=number,
        kind=text(row.get("number_type") or row.get("type")),
        app_id=application.rstrip("/").rpartition("/")[2] or None,
        is_voice=voice if isinstance(voice, bool) else None,
        compliance=text(row.get("compliance_status")),
        country=text(row.get("country")),
    )


def read_application(row: Fields) -> Application | None:
    """Read an application."""
    app_id, name = text(row.get("app_id")), text(row.get("app_name"))
    if app_id is None or name is None:
        return None
    return Application(
        name=name,
        app_id=app_id,
        answer_url=text(row.get("answer_url")),
        hangup_url=text(row.get("hangup_url")),
        fallback_url=text(row.get("fallback_answer_url")),
    )
