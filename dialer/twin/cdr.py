"""Calls as REST shows them, and the filters of their lists (plivo.md §1.2). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from dialer.twin.callee import normal_phone
from dialer.twin.calls import Call, billed_s
from dialer.twin.clock import Clock, utc_stamp
from dialer.twin.errors import Refused
from dialer.twin.params import Wording, money

Query = Mapping[str, str]

DEFAULT_WINDOW = timedelta(days=7)
MAX_RANGE = timedelta(days=30)
_TIME_FORMATS = ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")
_STATES = {
    "completed": "ANSWER",
    "busy": "BUSY",
    "no-answer": "NO_ANSWER",
    "timeout": "TIMEOUT",
    "cancel": "CANCEL",
    "failed": "FAILED",
}


def cdr(call: Call, clock: Clock, wording: Wording, auth_id: str) -> dict[str, object]:
    """A finished call. Times carry the account's offset; bill_duration is real seconds here."""
    end, ended_at = call.end, call.ended_at
    assert end is not None and ended_at is not None  # only finished calls have a CDR
    cost = wording.cost(call)
    return {
        "call_uuid": call.call_uuid,
        "parent_call_uuid": call.parent_call_uuid or None,
        "call_direction": "outbound",
        "from_number": call.from_.lstrip("+"),
        "to_number": call.to.lstrip("+"),
        "initiation_time": clock.local_with_offset(call.started_at or call.accepted_at),
        "answer_time": clock.local_with_offset(call.answered_at) if call.answered_at else None,
        "end_time": clock.local_with_offset(ended_at),
        "call_duration": call.talk_s,
        "bill_duration": call.talk_s,
        "billed_duration": billed_s(call.talk_s),
        "total_rate": money(Decimal(wording.bill_rate_usd)),
        "total_amount": money(cost),
        "call_state": "ANSWER" if call.is_answered else _STATES[end.status],
        "hangup_cause_code": end.code,
        "hangup_cause_name": end.name,
        "hangup_source": end.source,
        "conference_uuid": None,
        "stir_verification": "Not Applicable",
        "stir_attestation": "Not Applicable",
        "voice_network_group": None,
        "source_ip": None,
        "cnam_lookup": None,
        "resource_uri": f"/v1/Account/{auth_id}/Call/{call.call_uuid}/",
    }


def live_object(call: Call) -> dict[str, object]:
    """A queued or live call."""
    request = call.request
    return {
        "call_uuid": call.call_uuid,
        "request_uuid": call.request_uuid,
        "call_status": call.state.value,
        "direction": "outbound",
        "from": call.from_.lstrip("+"),
        "to": call.to.lstrip("+"),
        "caller_name": request.caller_name if request else "",
        "session_start": utc_stamp(call.started_at or call.accepted_at),
        "stir_verification": "Not Applicable",
        "stir_attestation": "Not Applicable",
        "answer_url": request.answer.url if request else "",
        "parent_call_uuid": call.parent_call_uuid or None,
    }


def fits_numbers(call: Call, query: Query) -> bool:
    """The filters all three lists share."""
    to = query.get("to_number")
    if to and call.phone not in {normal_phone(each) for each in to.split("<")}:
        return False
    from_ = query.get("from_number")
    if from_ and normal_phone(call.from_) != normal_phone(from_):
        return False
    return query.get("call_direction", "outbound") == "outbound"


def fits_cdr(call: Call, query: Query, now: datetime) -> bool:
    """The finished list's filters; `Refused` 400 for a bad one."""
    end, ended_at = call.end, call.ended_at
    assert end is not None and ended_at is not None  # only finished calls are listed
    wanted = {
        "parent_call_uuid": call.parent_call_uuid,
        "hangup_cause_code": str(end.code),
        "hangup_source": end.source,
        "stir_verification": "Not Applicable",
    }
    if any(query.get(name) not in (None, "", value) for name, value in wanted.items()):
        return False
    return (
        fits_numbers(call, query)
        and _in_window(ended_at, query, now)
        and _duration_fits(call.talk_s, query)
    )


def check_query(query: Query, now: datetime) -> None:
    """Refuse a bad filter even when no call is there to meet it."""
    _window(query, now)
    _duration_fits(0, query)


def _window(query: Query, now: datetime) -> tuple[datetime, datetime]:
    """The range of end times asked for: the last 7 days unless said, 30 days at most."""
    exact = _time(query, "end_time")
    if exact is not None:
        return exact, exact
    lows = [_time(query, f"end_time__{op}") for op in ("gt", "gte")]
    highs = [_time(query, f"end_time__{op}") for op in ("lt", "lte")]
    high = min((each for each in highs if each), default=now)
    low = max((each for each in lows if each), default=high - DEFAULT_WINDOW)
    if high - low > MAX_RANGE:
        raise Refused(400, "end_time parameter is invalid. The range is over 30 days")
    return low, high


def _in_window(ended_at: datetime, query: Query, now: datetime) -> bool:
    low, high = _window(query, now)
    if low == high and query.get("end_time"):
        return ended_at.replace(microsecond=low.microsecond) == low
    if query.get("end_time__gt") and ended_at == low:
        return False
    if query.get("end_time__lt") and ended_at == high:
        return False
    return low <= ended_at <= high


def _time(query: Query, name: str) -> datetime | None:
    raw = query.get(name)
    if not raw:
        return None
    for form in _TIME_FORMATS:
        try:
            return datetime.strptime(raw, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Refused(400, f"{name} parameter is invalid. Use YYYY-MM-DD HH:MM[:ss[.uuuuuu]] in UTC")


def _duration_fits(talk_s: int, query: Query) -> bool:
    checks = {
        "bill_duration": talk_s.__eq__,
        "bill_duration__gt": talk_s.__gt__,
        "bill_duration__gte": talk_s.__ge__,
        "bill_duration__lt": talk_s.__lt__,
        "bill_duration__lte": talk_s.__le__,
    }
    for name, check in checks.items():
        raw = query.get(name, "")
        if raw and not raw.isdigit():
            raise Refused(400, f"{name} parameter is invalid")
        if raw and not check(int(raw)):
            return False
    return True
