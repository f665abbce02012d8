"""Whose calls may start: weighted fair shares of what is free. Pure.

A campaign's share is of the calls that are up, not of those that start: who talks longer does not
get more lines for it. Shares are whole calls, so what rounding owes a campaign is carried on to
the next pass; without that, a light campaign beside a heavy one would never get the only line.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

_MOST_CARRIED = 1.0  # calls; what is older than a call's worth is forgotten


@dataclass(frozen=True, slots=True)
class Desk:
    """What the people at one transfer number can still take: so many calls are sure to find one
    free, beyond that an expected number of calls handed over."""

    sure: int
    load: float


@dataclass(frozen=True, slots=True)
class Demand:
    """One running campaign's wish.

    may_start: due leads within its own limits. live: its calls that are up already. desk: where
    it hands calls over, if people there are limited; load: how many of its calls, a fraction, are
    expected to come there.
    """

    campaign_id: UUID
    weight: float
    may_start: int
    live: int = 0
    desk: str | None = None
    load: float = 0.0


@dataclass(frozen=True, slots=True)
class Shares:
    """``starts``: campaign → calls it may start. ``carry``: campaign → calls it is owed, or owes,
    for the next pass."""

    starts: Mapping[UUID, int]
    carry: Mapping[UUID, float]


def share(
    free: int,
    demands: Sequence[Demand],
    desks: Mapping[str, Desk] | None = None,
    carry: Mapping[UUID, float] | None = None,
) -> Shares:
    """Divide ``free`` starts; what one campaign cannot use goes to the others."""
    levels = _levels(free, demands)
    owed = {
        d.campaign_id: levels[d.campaign_id] - d.live + (carry or {}).get(d.campaign_id, 0.0)
        for d in demands
    }
    starts = {d.campaign_id: 0 for d in demands}
    rooms = {name: _Room(desk.sure, desk.load) for name, desk in (desks or {}).items()}
    queue = [(-owed[d.campaign_id], d.campaign_id, d) for d in demands if d.may_start > 0]
    heapq.heapify(queue)
    hungry: set[UUID] = {d.campaign_id for _, _, d in queue}
    left = free
    while left > 0 and queue:
        _, campaign_id, demand = heapq.heappop(queue)
        room = None if demand.desk is None else rooms.get(demand.desk)
        if room is not None and not room.take(demand.load):
            hungry.discard(campaign_id)
            continue
        left -= 1
        starts[campaign_id] += 1
        owed[campaign_id] -= 1
        if starts[campaign_id] < demand.may_start:
            heapq.heappush(queue, (-owed[campaign_id], campaign_id, demand))
        else:
            hungry.discard(campaign_id)
    return Shares(starts, {cid: _carried(owed[cid], is_hungry=cid in hungry) for cid in starts})


@dataclass(slots=True)
class _Room:
    """What is left of a desk during one division."""

    sure: int
    load: float
    _taken: int = field(default=0, init=False)

    def take(self, load: float) -> bool:
        """Give one call of this load its place; False if it has none."""
        if self._taken >= self.sure and self.load < load:
            return False
        self._taken += 1
        self.load -= load
        return True


def _levels(free: int, demands: Sequence[Demand]) -> dict[UUID, float]:
    """Return how many calls each campaign should have up, in fractions: all at one level by
    weight, as far as their wishes and the calls they have already allow."""
    if len(demands) == 1:
        (one,) = demands
        return {one.campaign_id: one.live + float(max(0, min(free, one.may_start)))}
    low, high = 0.0, max(((d.live + d.may_start) / d.weight for d in demands), default=0.0)
    total = sum(d.live for d in demands) + min(free, sum(d.may_start for d in demands))
    for _ in range(60):
        middle = (low + high) / 2
        if sum(_at(d, middle) for d in demands) < total:
            low = middle
        else:
            high = middle
    return {d.campaign_id: _at(d, high) for d in demands}


def _at(demand: Demand, level: float) -> float:
    return min(max(level * demand.weight, demand.live), demand.live + demand.may_start)


def _carried(owed: float, *, is_hungry: bool) -> float:
    """Who could have used more is owed it; who could not has no claim to what it let pass."""
    most = _MOST_CARRIED if is_hungry else 0.0
    return max(-_MOST_CARRIED, min(most, owed))
