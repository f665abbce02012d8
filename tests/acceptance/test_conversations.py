"""Twenty of the two hundred conversations of `make bench-agent`, two of every persona, over the
real speech and model clients and the twin's default delays.

No latency is judged here: the machine is shared, and the benchmark does it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.conversations import LEVEL_DBFS, Verdict, hold
from tests.acceptance.personas import PERSONAS, people

SEEDS = (2, 6)


@pytest.fixture(scope="module")
async def verdicts(
    module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[Verdict]]:
    folder: Path = tmp_path_factory.mktemp("conversations")
    yield list((await hold(module_database_url, folder, people(SEEDS))).verdicts)


async def test_everybody_was_understood(verdicts: list[Verdict]) -> None:
    assert len(verdicts) == len(PERSONAS) * len(SEEDS)
    wrong = {v.conversation.name: v.wrong_answers + v.wrong_dispositions for v in verdicts}
    assert {name: found for name, found in wrong.items() if found} == {}
    assert sum(len(each.conversation.answers) for each in verdicts) >= 25


async def test_who_talks_over_the_agent_stops_it_at_the_word_that_is_written_down(
    verdicts: list[Verdict],
) -> None:
    wrong = [found for each in verdicts for found in each.wrong_interruptions]
    assert wrong == []
    cuts = [words for each in verdicts for words in each.cuts]
    assert len(cuts) >= 5
    # A machine that stands still for longer than a word tells the two ends different things.
    assert sum(abs(words) > 1 for words in cuts) <= len(cuts) // 5, cuts


async def test_nothing_of_the_agent_is_heard_after_a_clear(verdicts: list[Verdict]) -> None:
    assert [found for each in verdicts for found in each.stale_audio] == []


async def test_both_sides_are_recorded_at_the_level_of_speech(verdicts: list[Verdict]) -> None:
    low, high = LEVEL_DBFS
    for each in verdicts:
        agent, callee = each.agent_dbfs, each.callee_dbfs
        assert agent is not None and low <= agent <= high
        is_mute = not any(line["says"] for line in each.conversation.script["talk"])
        assert is_mute or (callee is not None and low <= callee <= high)
