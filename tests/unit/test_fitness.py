"""What a definition must fit that stands outside it: hours and end, the account's numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dialer.dialing.fitness import caller_problems, retry_problems
from dialer.domain.definition_parse import parse_tables
from dialer.domain.spread import always
from tests.integration.dialing_floor import DEFINITION

NOW = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def paths(
    delays: dict[str, list[str]],
    opens: Any = always,
    *,
    attempts: int = 3,
    ends_h: float = 8,
    **dialing: Any,
) -> list[str]:
    tables = DEFINITION | {
        "retry": {"max_attempts": attempts, "delays": delays},
        "dialing": DEFINITION["dialing"]
        | {"ends_at": (NOW + ends_h * HOUR).isoformat(), **dialing},
    }
    definition = parse_tables(tables, source="test")
    return [problem.path for problem in retry_problems(definition, opens, now=NOW)]


@pytest.mark.parametrize(
    ("delays", "found"),
    [
        ({"busy": ["PT10M"], "no_answer": ["PT2H"]}, []),
        ({"busy": ["P1D"]}, ["retry.delays.busy[0]"]),
        ({"busy": ["PT8H"]}, ["retry.delays.busy[0]"]),  # the end is no part of the campaign
        ({"busy": ["PT10M", "P1D"]}, ["retry.delays.busy[1]"]),
        ({"busy": ["PT5H", "PT5H"]}, ["retry.delays.busy[1]"]),
        ({"busy": ["PT10M", "PT10M", "P9D"]}, []),  # three attempts never come to it
        ({"busy": ["PT1M"], "failed": ["P2D"], "machine": ["P3D"]},
         ["retry.delays.failed[0]", "retry.delays.machine[0]"]),
        ({"busy": ["PT5H"]}, []),  # the last pause repeats as often as there is time
    ],
)  # fmt: skip  # one case a row
def test_a_pause_after_which_no_try_can_come_is_named(
    delays: dict[str, list[str]], found: list[str]
) -> None:
    assert paths(delays) == found


def test_one_attempt_needs_no_room_for_a_second() -> None:
    assert paths({"busy": ["P9D"]}, attempts=1) == []


def test_hours_count_and_a_later_start_too() -> None:
    def mornings(at: datetime) -> datetime:
        opens = at.replace(hour=5, minute=30)
        return max(at, opens) if at < opens + HOUR else opens + timedelta(days=1)

    assert paths({"busy": ["PT2H"]}, mornings) == ["retry.delays.busy[0]"]
    assert paths({"busy": ["PT30M"]}, mornings) == []
    assert paths({"busy": ["PT2H"]}, mornings, ends_h=30) == []
    starts = (NOW + 7 * HOUR).isoformat()
    assert paths({"busy": ["PT2H"]}, starts_at=starts) == ["retry.delays.busy[0]"]


def test_without_an_end_any_plan_fits() -> None:
    assert (
        retry_problems_of(DEFINITION | {"retry": {"max_attempts": 9, "delays": {"busy": ["P99D"]}}})
        == []
    )


def retry_problems_of(tables: dict[str, Any]) -> list[Any]:
    return list(retry_problems(parse_tables(tables, source="test"), always, now=NOW))


KNOWN = {
    "+911": SimpleNamespace(series="1601"),
    "+912": SimpleNamespace(series="own_verified"),
}


@pytest.mark.parametrize(
    ("number", "owned", "is_known"),
    [
        ("+911", {"+911", "+914"}, True),
        ("+911", {"+914"}, False),
        ("+911", None, True),
        ("+912", {"+914"}, True),  # verified, not rented
        ("+914", {"+914"}, True),  # the law asks for its series when it is to be used
        ("+913", {"+914"}, False),
        ("+913", None, False),
    ],
)
def test_a_caller_id_must_be_on_the_account(
    number: str, owned: set[str] | None, is_known: bool
) -> None:
    problems = list(caller_problems(["+912", number], KNOWN, owned))
    assert (
        problems == [] if is_known else [one.path for one in problems] == ["dialing.caller_ids[1]"]
    )
