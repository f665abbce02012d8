"""The ledger, proved: every interleaving of our steps, the carrier's and a kill, up to a depth.

LEDGER_STATES=2000000 walks deeper. Each walk prints how many worlds it saw (pytest -s).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from dialer.domain.absence import Absence, judge_absence
from dialer.domain.attempt import AttemptState, Outcome, Refusal
from dialer.domain.placing import Readiness, why_not
from dialer.domain.retry import EnrolmentState
from tests.unit.ledger_model import settles, steps
from tests.unit.ledger_world import Attempt, Broken, Call, Lead, Rules, Scope, World, forgotten

MOST_WORLDS = int(os.environ.get("LEDGER_STATES", "8000"))

ONE_LEAD = World((Lead(0),), (-1,), suppressed=(False,))
ONE_PHONE_IN_TWO_CAMPAIGNS = World((Lead(0), Lead(0)), (-1,), suppressed=(False,))
TWO_PHONES = World((Lead(0), Lead(1)), (-1, -1), suppressed=(False, False))


def record_to_come(call: Call, **noted: bool) -> World:
    """Recovery had to suppose the end of a lead's first call; its record comes late, if at all."""
    attempt = Attempt(
        0,
        AttemptState.ENDED,
        is_named=True,
        outcome=Outcome.FAILED,
        is_supposed=True,
        calls=(call._replace(place="late"),),
        told=frozenset({"hangup"}),
    )
    lead = Lead(0, EnrolmentState.WAITING, attempts=1, newest=0)
    return World((lead,), (-1,), (attempt._replace(**noted),), suppressed=(False,))


RANG_OUT = record_to_come(Call(rang=True))
ANSWERED_UNHEARD = record_to_come(Call(rang=True, answered=True))
DROPPED_UNRUNG = record_to_come(Call(cancelled=True), is_unwanted=True, is_dequeued=True)


class Walk:
    """A breadth-first walk over all worlds that can come to be; each is seen once."""

    def __init__(self, start: World, rules: Rules, scope: Scope) -> None:
        self.rules, self.scope = rules, scope
        self.came_from: dict[World, tuple[World, str] | None] = {start: None}
        self.settled: set[World] = set()
        self.depth = 0
        self.is_whole = False

    def run(self, most: int) -> None:
        """Walk ``most`` worlds; raise `Broken` with the shortest way to one that breaks a rule."""
        (start,) = self.came_from
        left = deque([(start, 0)])
        while left and len(self.came_from) < most:
            world, self.depth = left.popleft()
            self._judge(world, "recovery", lambda here=world: self._settle(here))
            for name, after in self._next(world):
                if after not in self.came_from:
                    self.came_from[after] = (world, name)
                    left.append((after, self.depth + 1))
        self.is_whole = not left

    def _settle(self, world: World) -> None:
        settles(world, self.rules, self.settled)

    def _next(self, world: World) -> Iterator[tuple[str, World]]:
        following = steps(world, self.rules, self.scope)
        while (step := self._judge(world, "then", lambda: next(following, None))) is not None:
            yield step[0], forgotten(step[1])

    def _judge(self, world: World, then: str, check: Callable[[], Any]) -> Any:
        try:
            return check()
        except Broken as broken:
            way = "\n  ".join([*self.trace(world), then])
            raise Broken(f"{broken}, after\n  {way}") from None

    def trace(self, world: World) -> list[str]:
        way: list[str] = []
        while (step := self.came_from[world]) is not None:
            world, name = step
            way.append(name)
        return way[::-1]


def walk(start: World, scope: Scope, rules: Rules | None = None, most: int = MOST_WORLDS) -> Walk:
    walked = Walk(start, rules or Rules(), scope)
    walked.run(most)
    print(
        f"{len(walked.came_from)} worlds, {walked.depth} steps deep, "
        f"{'all there are' if walked.is_whole else 'more lie deeper'}"
    )
    return walked


def test_one_attempt_is_proved_from_its_claim_to_its_end() -> None:
    """Not to a depth: all worlds there are, with a kill before every commit and after it."""
    walked = walk(ONE_LEAD, Scope(most_attempts=1, most_looks=1, has_people=False), most=10**6)
    assert walked.is_whole and len(walked.came_from) > 20_000


@pytest.mark.parametrize(
    ("start", "scope"),
    [
        pytest.param(ONE_LEAD, Scope(most_attempts=1), id="one attempt, two recoveries, people"),
        pytest.param(ONE_LEAD, Scope(most_attempts=2), id="one lead, tried again"),
        pytest.param(ONE_PHONE_IN_TWO_CAMPAIGNS, Scope(), id="one phone in two campaigns"),
        pytest.param(TWO_PHONES, Scope(cap=1), id="two phones, room for one call"),
        pytest.param(RANG_OUT, Scope(), id="a record comes late"),
        pytest.param(ANSWERED_UNHEARD, Scope(), id="a record of an answer comes late"),
        pytest.param(DROPPED_UNRUNG, Scope(), id="a record of a dropped call comes late"),
    ],
)
def test_every_interleaving_keeps_the_invariants(start: World, scope: Scope) -> None:
    assert len(walk(start, scope).came_from) >= MOST_WORLDS


def first_is_enough(*given: Any, **more: Any) -> Absence:
    judged = judge_absence(*given, **more)
    return Absence.PROVED if judged is Absence.FIRST else judged


def forgets_opt_outs(found: Readiness, now: datetime) -> Refusal | None:
    return why_not(replace(found, is_suppressed=False), now)


def always_decides(**found: Any) -> bool:
    return True


def keeps_its_count(counted: int, **counts: int) -> int:
    return counted


QUIET = Scope(most_looks=0, has_people=False)
BROKEN_RULES = {
    "the line is not looked at": (
        ONE_PHONE_IN_TWO_CAMPAIGNS,
        QUIET,
        Rules(is_line_checked=False),
        "1: a phone has two calls",
    ),
    "a POST whose reply was lost is sent again": (
        ONE_LEAD,
        replace(QUIET, most_attempts=1),
        Rules(posts_again=True),
        "1: a phone",
    ),
    "one absence is enough": (
        ONE_LEAD,
        Scope(most_attempts=1, most_looks=1, has_people=False),
        Rules(judge_absence=first_is_enough),
        "5: a phone rang and the ledger says never_placed",
    ),
    "an opt-out is not read again at placing": (
        ONE_LEAD,
        Scope(most_attempts=1, most_looks=0),
        Rules(why_not=forgets_opt_outs),
        "6: a suppressed number enters placing",
    ),
    "the clock is not looked at before the POST": (
        ONE_LEAD,
        Scope(most_attempts=1, most_looks=0),
        Rules(is_clock_checked=False),
        "2: a call is asked for outside its window",
    ),
    "late news are not taken in": (
        ONE_LEAD,
        Scope(most_attempts=1, most_looks=1, has_people=False),
        Rules(hears_late_news=False),
        "5: the ledger says failed and the carrier another end",
    ),
    "a dropped call stays counted": (
        DROPPED_UNRUNG,
        QUIET,
        Rules(recounted=keeps_its_count),
        "5: a lead counts 1 attempts and made 0",
    ),
    "late news decide beside a newer attempt": (
        RANG_OUT,
        QUIET,
        Rules(decides_anew=always_decides),
        "5: a lead counts 1 attempts and made 2",
    ),
}


@pytest.mark.parametrize("rule", BROKEN_RULES)
def test_the_walk_finds_what_breaks_when_a_rule_does(rule: str) -> None:
    start, scope, rules, complaint = BROKEN_RULES[rule]
    with pytest.raises(Broken, match=complaint) as caught:
        walk(start, scope, rules, most=200_000)
    way = str(caught.value).splitlines()
    print("\n".join([rule, *way]))
    is_told = len(way) > 3 and "is claimed" in str(caught.value)
    assert is_told or start.attempts, "with the steps that lead there"
