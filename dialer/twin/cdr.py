"""Calls as REST shows them, and the filters of their lists (plivo.md §1.2). Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

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


def cdr_filter(query: Query, now: datetime) -> Callable[[Call], bool]:
    """What the finished list was asked for; `Refused` 400 for a filter that makes no sense."""
    in_window = _window(query, now)
    durations = _duration_checks(query)

    def fits(call: Call) -> bool:
        end, ended_at = call.end, call.ended_at
        assert end is not None and ended_at is not None  # only finished calls are listed
        known = {
            "parent_call_uuid": call.parent_call_uuid,
            "hangup_cause_code": str(end.code),
            "hangup_source": end.source,
            "stir_verification": "Not Applicable",
        }
        return (
            fits_numbers(call, query)
            and all(query.get(name) in (None, "", value) for name, value in known.items())
            and all(check(call.talk_s) for check in durations)
            and in_window(ended_at)
        )

    return fits


def _window(query: Query, now: datetime) -> Callable[[datetime], bool]:
    """The end times asked for: the last 7 days unless said, a range of 30 days at most."""
    exact = _time(query, "end_time")
    if exact is not None:
        return lambda at: at.replace(microsecond=exact.microsecond) == exact
    after, before = _time(query, "end_time__gt"), _time(query, "end_time__lt")
    high = min(filter(None, (before, _time(query, "end_time__lte"))), default=now)
    low = max(filter(None, (after, _time(query, "end_time__gte"))), default=high - DEFAULT_WINDOW)
    if high - low > MAX_RANGE:
        raise Refused(400, "end_time parameter is invalid. The range is over 30 days")
    return lambda at: low <= at <= high and at not in (after, before)


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


def _duration_checks(query: Query) -> list[Callable[[int], bool]]:
    """bill_duration and its comparisons, on real seconds of talk."""
    compare: dict[str, Callable[[int, int], bool]] = {
        "bill_duration": operator.eq,
        "bill_duration__gt": operator.gt,
        "bill_duration__gte": operator.ge,
        "bill_duration__lt": operator.lt,
        "bill_duration__lte": operator.le,
    }
    given = {name: query[name] for name in compare if query.get(name)}
    for name, raw in given.items():
        if not raw.isdigit():
            raise Refused(400, f"{name} parameter is invalid")
    return [partial(_compared, compare[name], int(raw)) for name, raw in given.items()]


def _compared(compare: Callable[[int, int], bool], bound: int, talk_s: int) -> bool:
    return compare(talk_s, bound)
