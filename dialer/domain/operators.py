"""How many calls may be up so that who is handed to a person finds one free. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

#: At most so often may more calls come to be handed over than people are free.
NOBODY_FREE = 0.03
# What is believed of a campaign before it has called anybody, and how many calls that weighs.
_ANSWERED, _CALLS = 3.0, 10.0
_HANDED_OVER, _TALKS = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class History:
    """A campaign's latest calls: how many ended, of those how many a person answered, and of
    these how many were handed over."""

    calls: int = 0
    talks: int = 0
    handed_over: int = 0


@dataclass(frozen=True, slots=True)
class InFlight:
    """A campaign's calls that are up: not answered yet, talking, and handed over or about to be."""

    unanswered: int = 0
    talking: int = 0
    handed_over: int = 0


@dataclass(frozen=True, slots=True)
class Rates:
    """The share of calls that come to be handed over: of those just begun, of those answered."""

    of_calls: float
    of_talks: float


def rates(history: History) -> Rates:
    """Learn from a campaign's own calls; the first ones move a cautious guess."""
    answered = (history.talks + _ANSWERED) / (history.calls + _CALLS)
    of_talks = (history.handed_over + _HANDED_OVER) / (history.talks + _TALKS)
    return Rates(min(1.0, answered) * min(1.0, of_talks), min(1.0, of_talks))


def expected(up: InFlight, each: Rates) -> float:
    """Return how many of the calls that are up will still come to be handed over."""
    return up.unanswered * each.of_calls + up.talking * each.of_talks


@lru_cache(maxsize=4096)
def most_expected(free: int) -> float:
    """Return how many hand-overs may be expected for ``free`` people.

    More than ``free`` come with a chance of at most `NOBODY_FREE`: many calls with a small chance
    each are a Poisson number, which errs on the side of the callee when the chances are larger.
    """
    if free <= 0:
        return 0.0
    low, high = 0.0, float(free)
    for _ in range(50):
        middle = (low + high) / 2
        if 1.0 - _at_most(free, middle) <= NOBODY_FREE:
            low = middle
        else:
            high = middle
    return low


def room_beside_legs(free: int, coming: float, of_calls: float) -> int:
    """Return how many of ``free`` lines calls may take, so that each hand-over that is likely
    still finds one for its leg.

    coming: hand-overs expected of calls that are up. of_calls: share of new ones that come to it.
    """
    low, high = 0, max(0, free)
    while low < high:
        middle = (low + high + 1) // 2
        if middle + likely_most(coming + middle * of_calls) <= free:
            low = middle
        else:
            high = middle - 1
    return low


def likely_most(mean: float) -> int:
    """Return the number of hand-overs that is passed with a chance of at most `NOBODY_FREE`."""
    most = 0
    while 1.0 - _at_most(most, mean) > NOBODY_FREE:
        most += 1
    return most


def _at_most(most: int, mean: float) -> float:
    """The chance of a Poisson number up to ``most``; in logarithms, which do not overflow."""
    if mean <= 0:
        return 1.0
    log_mean = math.log(mean)
    return math.fsum(math.exp(n * log_mean - mean - math.lgamma(n + 1)) for n in range(most + 1))
