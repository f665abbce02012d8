"""Ids sort as they were made, never repeat, and are UUIDs of version 7."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

import pytest

from dialer.domain import ids
from dialer.domain.ids import uuid7, uuid7s


def millisecond(made: UUID) -> int:
    return made.int >> 80


def test_the_bits_are_those_of_rfc_9562() -> None:
    before = time.time_ns() // 1_000_000
    made = [uuid7(), *uuid7s(3)]
    after = time.time_ns() // 1_000_000
    assert {(each.version, each.variant) for each in made} == {(7, RFC_4122)}
    assert all(before <= millisecond(each) <= after + 1 for each in made)


def test_ids_ascend_one_by_one_and_in_blocks() -> None:
    made = [uuid7(), *uuid7s(10_000), uuid7(), *uuid7s(1), uuid7()]
    assert made == sorted(made) and len(set(made)) == len(made)
    assert [str(each) for each in made] == sorted(str(each) for each in made)


def test_a_block_larger_than_a_millisecond_holds_runs_ahead_in_order() -> None:
    made = uuid7s(3 * 4096)
    assert millisecond(made[-1]) - millisecond(made[0]) in (2, 3)
    assert uuid7() > made[-1]


def test_no_ids_is_no_ids() -> None:
    assert uuid7s(0) == []


def test_threads_never_get_the_same_id() -> None:
    with ThreadPoolExecutor(8) as pool:
        blocks = list(pool.map(uuid7s, [200] * 40))
    assert len({each for block in blocks for each in block}) == 8000
    assert all(block == sorted(block) for block in blocks)


def test_a_clock_that_steps_back_does_not_bring_ids_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = uuid7()
    behind_ns = time.time_ns() - 3600 * 10**9
    monkeypatch.setattr(ids.time, "time_ns", lambda: behind_ns)
    assert first < uuid7() < uuid7()


def test_what_is_not_time_or_counter_is_random() -> None:
    made = uuid7s(500)
    assert len({each.int & ((1 << 62) - 1) for each in made}) == 500
