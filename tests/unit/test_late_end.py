"""What late news of a call's end change, and whose record a record is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.dialing.late_ends import only_record
from dialer.domain.attempt import Disposition, HangupFacts
from dialer.domain.late_end import decides_anew, recounted
from dialer.domain.retry import EnrolmentState
from dialer.providers.protocols import CarrierCall
from dialer.settings import RecoveryBounds

L = EnrolmentState
NOW = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lead", "decides"),
    [
        (L.WAITING, True),
        (L.EXHAUSTED, True),
        (L.DONE, True),
        (L.CALLING, False),
        (L.BLOCKED, False),
        (L.CANCELLED, False),
    ],
)
def test_the_true_end_decides_for_a_lead_that_the_supposed_one_decided_for(
    lead: EnrolmentState, decides: bool
) -> None:
    assert decides_anew(is_newest=True, lead=lead, established=None) is decides
    assert not decides_anew(is_newest=False, lead=lead, established=None)
    for established in Disposition:
        assert not decides_anew(is_newest=True, lead=lead, established=established)


@pytest.mark.parametrize(
    ("counted", "newer", "does", "count"),
    [
        (1, 0, 1, 1),
        (1, 0, 0, 0),  # it was a refusal: the attempt is given back
        (3, 2, 0, 2),
        (2, 2, 0, 2),  # a redial began to count after it
        (0, 0, 0, 0),  # and nobody was called since
    ],
)
def test_an_attempt_is_given_back_once_and_only_to_a_count_that_held_it(
    counted: int, newer: int, does: int, count: int
) -> None:
    assert recounted(counted, newer=newer, did=1, does=does) == count


def test_an_end_is_known_by_any_word_on_how() -> None:
    assert not HangupFacts(None, None, None, "Carrier", True, True).says_how
    for facts in (
        HangupFacts(0, None, None, None, False, False),
        HangupFacts(None, "NO_ANSWER", None, None, False, False),
        HangupFacts(None, None, "busy", None, False, False),
    ):
        assert facts.says_how


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def record(call_uuid: str, begun_at: datetime | None) -> CarrierCall:
    return CarrierCall(call_uuid, to="+919876500001", begun_at=begun_at)


def other(placing_at: datetime, call_uuid: str | None = None) -> Any:
    return SimpleNamespace(placing_at=placing_at, call_uuid=call_uuid, request_uuid=None)


def found(calls: list[CarrierCall], *others: Any) -> str | None:
    row = SimpleNamespace(placing_at=NOW, end_supposed_at=at(60))
    call = only_record(calls, row, others, RecoveryBounds())
    return None if call is None else call.call_uuid


def test_a_record_of_the_time_of_the_call_is_its_own() -> None:
    assert found([record("a", at(-120))]) == "a"
    assert found([record("a", at(60))]) == "a"
    assert found([record("a", at(-121)), record("b", at(61)), record("c", None)]) is None


def test_a_record_that_may_be_another_calls_is_nobodys() -> None:
    ours, known = record("a", at(1)), record("b", at(2))
    assert found([ours, known]) is None
    assert found([ours, known], other(at(-60), "b")) == "a"
    assert found([ours], other(at(-119))) is None
    assert found([ours], other(at(179))) is None
    assert found([ours], other(at(-121)), other(at(181))) == "a"
