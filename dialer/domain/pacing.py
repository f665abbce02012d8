"""How many calls may start now, and at which instant each goes out. Pure.

Capacity counts calls up, CPS counts calls started. Both limits are the carrier account's, and
both are kept everywhere: what goes over them is refused at once in India (5030) and queued in
silence elsewhere, so that a phone would ring when nobody decided that it may.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import NamedTuple
from uuid import UUID

import msgspec

# Slots lie a little further apart than 1/CPS: n of them span 30 ms more than a second, so that
# n + 1 requests never reach the carrier within one, though the way there varies.
_SLACK = 1.03

ON_TIME_S = 0.012  # of that, for a start that wakes up late; the rest is for the way
_SHORTEST_AGAIN_S, _LONGEST_AGAIN_S = 0.05, 0.15
_MOST_BUSY_S = 0.08
SHORTEST_AHEAD_S, _LONGEST_AHEAD_S = 0.15, 1.0

PASS_EVERY_S = 1.0  # the poll behind the hints that capacity is free or leads are due
# A pass books dial slots no further ahead than this: inside the 2 s of design §6.1, so that a call
# that is ready and late finds one in the 2 s in which it may be sent.
HORIZON_S = 1.5


@dataclass(frozen=True, slots=True)
class Use:
    """What the account's cap is spent on now."""

    live: int  # attempts that ring, talk, may ring or are about to
    transfer_legs: int = 0
    inbound: int = 0


def free_calls(*, cap: int, inbound_reserve: int, use: Use) -> int:
    """Return how many more calls may exist, never negative (design §6.1)."""
    return max(0, cap - use.live - use.transfer_legs - max(use.inbound, inbound_reserve))


def free_slots(*, next_slot_at: datetime | None, cps: float, now: datetime) -> int:
    """Return how many dial slots may still be booked within the horizon."""
    booked_s = 0.0 if next_slot_at is None else max(0.0, (next_slot_at - now).total_seconds())
    return max(0, math.ceil((HORIZON_S - booked_s) * cps))


def gap_s(cps: float, busy_s: float = 0.0) -> float:
    """Return how far apart starts must lie, in seconds, to stay within ``cps`` a second, if each
    may come ``busy_s`` later than on time."""
    return _SLACK / cps + busy_s


class Pace(msgspec.Struct, frozen=True):
    """A GCRA with no burst: ``next_at`` is the earliest instant of the next start. busy_s: how
    much later than on time each may come."""

    cps: float
    next_at: datetime | None = None
    busy_s: float = 0.0

    def slot(self, now: datetime) -> datetime:
        """Return the next instant a call may start. Time that passed unused is not saved up."""
        return now if self.next_at is None else max(now, self.next_at)

    def after(self, at: datetime) -> Pace:
        """Return the pace once a start is booked at ``at``."""
        gap = timedelta(seconds=gap_s(self.cps, self.busy_s))
        return Pace(self.cps, at + gap, self.busy_s)


def repaced(next_at: datetime | None, *, old_cps: float, new_cps: float) -> datetime | None:
    """Return the instant of the next start after a change of CPS: as far after the last one that
    was booked as the new one wants."""
    if next_at is None:
        return None
    return next_at + timedelta(seconds=gap_s(new_cps) - gap_s(old_cps))


class Slot(NamedTuple):
    """When a call may start, in monotonic seconds: from ``at`` on, for ``within_s``."""

    at: float
    within_s: float = ON_TIME_S

    def is_on_time(self, now: float) -> bool:
        """True while a start may still go out at it. Whoever is later, in whichever process,
        might go out together with the next: it books anew."""
        return now <= self.at + self.within_s


@dataclass(slots=True)
class Slots:
    """The slots that one process has booked.

    A call is made ready for the first of them that it can still reach, be it its own or not: who
    is late moves all after it by one, and the last of them books anew while it has time. A start
    that comes to nothing leaves its slot to another. ``late_s``: how late the last starts woke
    up; ``ready_s``: how long the last calls took to be made ready.
    """

    booked: list[Slot] = field(default_factory=list)
    late_s: deque[float] = field(default_factory=lambda: deque(maxlen=16))
    ready_s: deque[float] = field(default_factory=lambda: deque(maxlen=8))

    @property
    def ahead_s(self) -> float:
        """Return how long before its slot a call is made ready: its transaction takes a moment,
        and a longer one where the machine or the database has too much to do."""
        usual_s = 1.5 * max(self.ready_s, default=0.0)
        return min(_LONGEST_AHEAD_S, max(SHORTEST_AHEAD_S, usual_s))

    @property
    def busy_s(self) -> float:
        """Return how much later than on time most starts of this process come: for want of a
        processor it wakes up late. Its slots are as much longer, and lie as much further apart."""
        mostly_s = sorted(self.late_s)[len(self.late_s) * 4 // 5] if self.late_s else 0.0
        return min(_MOST_BUSY_S, max(0.0, 1.5 * mostly_s - ON_TIME_S))

    @property
    def again_s(self) -> float:
        """Return `busy_s` for one that was late already: it must be there now."""
        return min(_LONGEST_AGAIN_S, max(_SHORTEST_AGAIN_S, 1.5 * max(self.late_s, default=0.0)))

    def add(self, slot: Slot) -> None:
        heappush(self.booked, slot)

    def take(self, now: float) -> Slot | None:
        """Take the next slot for a call that is ready, None if all have gone by."""
        while self.booked:
            slot = heappop(self.booked)
            if slot.is_on_time(now):
                return slot
        return None

    def near(self, now: float) -> tuple[Slot | None, float]:
        """Take the first slot that a call can be made ready for, if the time for that has come.

        Returns the slot or None, and how long to wait for it; infinity if none is left.
        """
        reachable = [slot for slot in self.booked if slot.at - now >= self.ahead_s / 3]
        if not reachable:
            return None, math.inf
        slot = min(reachable)
        if (wait_s := slot.at - self.ahead_s - now) > 0:
            return None, wait_s
        self.booked.remove(slot)
        heapify(self.booked)
        return slot, 0.0


def is_within_horizon(at: datetime, now: datetime) -> bool:
    return at < now + timedelta(seconds=HORIZON_S)


@dataclass(frozen=True, slots=True)
class Starts:
    """What one campaign may start in this pass; ``pace`` is its own limit, if it has one."""

    campaign_id: UUID
    count: int
    pace: Pace | None = None


def schedule(
    account: Pace, starts: Sequence[Starts], now: datetime
) -> tuple[list[tuple[UUID, datetime]], Pace, dict[UUID, Pace]]:
    """Give every start an instant that both its campaign's and the account's pace allow.

    Returns the instants in order, the account's pace after them, and each paced campaign's.
    Starts that find no instant within the horizon get none.
    """
    left = {one.campaign_id: one.count for one in starts}
    paces = {one.campaign_id: one.pace for one in starts if one.pace is not None}
    booked: list[tuple[UUID, datetime]] = []
    while any(left.values()):
        slot = account.slot(now)
        ready_at = {
            cid: max(slot, paces[cid].slot(now)) if cid in paces else slot
            for cid, count in left.items()
            if count
        }
        chosen = min(ready_at, key=lambda c: (ready_at[c], -left[c], c))
        at = ready_at[chosen]
        if not is_within_horizon(at, now):
            break
        booked.append((chosen, at))
        left[chosen] -= 1
        account = account.after(at)
        if chosen in paces:
            paces[chosen] = paces[chosen].after(at)
    return booked, account, paces
