"""30 calls in which something goes wrong; `make bench-agent` holds 300."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.acceptance.aftermath import Came
from tests.acceptance.fault_cases import waves
from tests.acceptance.faulted_calls import hold
from tests.acceptance.stopped_calls import hold_and_stop

SEED = 3
MOST_DEAD_AIR_S = 15.0  # some 6 s where the machine has nothing else to do


async def test_calls_that_go_wrong_end_in_words_and_leave_nothing_open(
    database_url: str, tmp_path: Path
) -> None:
    (wave,) = waves(SEED, size=26, first=4, count=1)
    came, left = await hold(database_url, tmp_path, [wave], at_once=26)
    assert not left.of
    assert len(came) == 26
    assert not [each.case for each in came if each.is_in_silence]
    assert not [(each.case, each.dead_air_s) for each in came if _is_long(each)]


async def test_calls_of_a_killed_process_are_settled_by_the_next(
    database_url: str, tmp_path: Path
) -> None:
    came, left, code = await hold_and_stop(
        database_url, tmp_path, signal.SIGKILL, people=4, seed=SEED
    )
    assert code == -signal.SIGKILL
    assert not left.of
    assert {each.case.name for each in came} and all(each.outcome for each in came)


def _is_long(each: Came) -> bool:
    return each.dead_air_s > MOST_DEAD_AIR_S
