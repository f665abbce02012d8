"""A carrier account and the workers that share it, event by event in simulated time.

The workers run the product's own pure functions: what is free, whose it is, which slots, who is
late. The carrier frees a call's place a callback's time before we know of it, refuses what goes
over its cap, and counts what starts within any second.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from uuid import UUID

from dialer.dialing.claim import COMMIT_TIME
from dialer.dialing.decided import INTENT_LIFE
from dialer.domain.pacing import (
    ON_TIME_S,
    PASS_EVERY_S,
    SHORTEST_AHEAD_S,
    Pace,
    Slot,
    Slots,
    Starts,
    Use,
    free_calls,
    free_slots,
    repaced,
    schedule,
)
from dialer.domain.share import Demand, share

BEGIN = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
_POST_WITHIN_S = 2.0
ON_THE_WAY_S = _POST_WITHIN_S + 0.1


@dataclass(frozen=True)
class Dialed:
    """One campaign of the model: always more leads than it may call."""

    campaign_id: UUID
    weight: float = 1.0
    max_concurrent: int | None = None
    max_cps: float | None = None


@dataclass(frozen=True)
class World:
    """What the model is told. Seconds; ``answers(t)``: the share of calls answered at ``t``.

    stalls: (worker, from, to) in which that process stands still. changes: at an instant, the
    account's (cap, CPS) as we are told them; the carrier is as strict a little later, for what is
    on the way.
    """

    seconds: float
    campaigns: tuple[Dialed, ...]
    answers: Callable[[float], float]
    cap: int = 50
    cps: float = 2.0
    workers: int = 2
    ring_out_s: float = 30.0
    talk_s: float = 60.0
    lag_s: float = 0.2
    has_hints: bool = True
    stalls: tuple[tuple[int, float, float], ...] = ()
    changes: tuple[tuple[float, int, float], ...] = ()
    seed: int = 1

    def hold_s(self, t: float) -> float:
        """How long a call begun at ``t`` stays up on average, its ring included."""
        rings_s, answered = 8.0, self.answers(t)
        return answered * (rings_s + self.talk_s) + (1 - answered) * self.ring_out_s


@dataclass
class Seen:
    """What the carrier's side counted. use: (instant, calls up) at each change."""

    starts: list[tuple[float, UUID]] = field(default_factory=list)
    use: list[tuple[float, int]] = field(default_factory=list)
    most_of: Counter[UUID] = field(default_factory=Counter)  # calls up at once, by campaign
    refused: int = 0
    most_up: int = 0
    most_per_s: int = 0
    late: int = 0
    stale: int = 0

    def mean_use(self, since: float, until: float) -> float:
        """Calls up on average between two instants."""
        area, up, at = 0.0, 0, since
        for instant, now_up in [*self.use, (until, 0)]:
            if instant > at:
                area += up * (min(instant, until) - at)
                at = min(instant, until)
            up = now_up
        return area / (until - since)


def fairness(shares: Mapping[UUID, float]) -> float:
    """Jain's index: 1 when all have the same, 1/n when one has everything."""
    values = list(shares.values())
    return sum(values) ** 2 / (len(values) * sum(value * value for value in values))


@dataclass
class _Call:
    campaign: Dialed
    worker: int
    slot_at: float
    send_before: float = 0.0


class Model:
    """Runs a `World`; ``seen`` is what came of it."""

    def __init__(self, world: World) -> None:
        self.world, self.seen, self.random = world, Seen(), Random(world.seed)
        self.cap, self.cps, self.carriers_cap = world.cap, world.cps, world.cap
        self._changed_at = 0.0
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        # Our rows.
        self._live: Counter[UUID] = Counter()
        self._next_slot: datetime | None = None
        self._own_slot: dict[UUID, datetime | None] = {}
        self._carry: dict[UUID, float] = {}
        self._intended: dict[int, _Call] = {}
        self._slots = [Slots() for _ in range(world.workers)]
        # The carrier's.
        self._up = 0
        self._up_of: Counter[UUID] = Counter()
        self._second: deque[float] = deque()

    def run(self) -> Seen:
        for worker in range(self.world.workers):
            self._later(self.random.uniform(0, PASS_EVERY_S), self._tick_of(worker))
        for at, cap, cps in self.world.changes:
            self._later(at, lambda t, cap=cap, cps=cps: self._change(t, cap, cps))  # type: ignore[misc]
        while self._events and self._events[0][0] < self.world.seconds:
            at, _, act = heapq.heappop(self._events)
            act(at)
        return self.seen

    def _later(self, at: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (at, next(self._order), act))

    def _awake(self, worker: int, at: float) -> float:
        """When a process does what it would at ``at``: after its stall, a little late always."""
        for stalled, since, until in self.world.stalls:
            if stalled == worker and since <= at < until:
                at = until
        return at + min(ON_TIME_S, self.random.expovariate(500))

    def _tick_of(self, worker: int) -> Callable[[float], None]:
        def tick(t: float) -> None:
            at = self._awake(worker, t)
            self._later(at, lambda now: self._dial_pass(worker, now))
            self._later(max(t + PASS_EVERY_S, at), tick)

        return tick

    def _dial_pass(self, worker: int, t: float) -> None:
        now = BEGIN + timedelta(seconds=t)
        use = Use(live=sum(self._live.values()))
        free = free_calls(cap=self.cap, inbound_reserve=0, use=use)
        room = min(free, free_slots(next_slot_at=self._next_slot, cps=self.cps, now=now))
        if room == 0:
            return
        found = share(
            room, [self._demand(one, now) for one in self.world.campaigns], {}, self._carry
        )
        self._carry = dict(found.carry)
        paces = {
            one.campaign_id: Pace(one.max_cps, self._own_slot.get(one.campaign_id))
            for one in self.world.campaigns
            if one.max_cps is not None
        }
        starts = [Starts(cid, n, paces.get(cid)) for cid, n in found.starts.items() if n]
        first = now + COMMIT_TIME
        next_at = first if self._next_slot is None else max(first, self._next_slot)
        busy_s = self._slots[worker].busy_s
        booked, pace, after = schedule(Pace(self.cps, next_at, busy_s), starts, now)
        if booked:
            self._next_slot = pace.next_at
        self._own_slot |= {cid: own.next_at for cid, own in after.items()}
        named = {one.campaign_id: one for one in self.world.campaigns}
        for campaign_id, at in booked:
            self._live[campaign_id] += 1
            slot_at = (at - BEGIN).total_seconds()
            call = _Call(named[campaign_id], worker, slot_at)
            self._slots[worker].add(Slot(slot_at, ON_TIME_S + busy_s))
            self._intended[id(call)] = call
            near_at = self._awake(worker, max(t, call.slot_at - SHORTEST_AHEAD_S))
            self._later(near_at, lambda now_s, call=call: self._come_near(call, now_s))  # type: ignore[misc]

    def _demand(self, one: Dialed, now: datetime) -> Demand:
        live = self._live[one.campaign_id]
        may_start = 10_000 if one.max_concurrent is None else max(0, one.max_concurrent - live)
        if one.max_cps is not None:
            own = self._own_slot.get(one.campaign_id)
            may_start = min(may_start, free_slots(next_slot_at=own, cps=one.max_cps, now=now))
        return Demand(one.campaign_id, one.weight, may_start, live)

    def _come_near(self, call: _Call, t: float) -> None:
        """As `dialing.place`: made ready for the process's next slot, or for a new one."""
        own = self._slots[call.worker]
        slot, wait_s = own.near(t)
        if slot is not None:
            self._make_ready(call, slot, t)
        elif wait_s == math.inf:
            self.seen.late += 1
            ahead_at = t + own.ahead_s
            too_late_at = call.slot_at + INTENT_LIFE.total_seconds()
            booked = self._book(ahead_at, own.busy_s, too_late_at)
            if booked is not None:
                own.add(booked)
                self._come_near(call, t)
            elif self._intended.pop(id(call), None) is not None:
                self._give_up(call)
        else:
            at = self._awake(call.worker, t + wait_s)
            self._later(at, lambda now_s: self._come_near(call, now_s))

    def _book(self, t: float, busy_s: float, before: float) -> Slot | None:
        pace = Pace(self.cps, self._next_slot, busy_s)
        at = pace.slot(BEGIN + timedelta(seconds=t))
        slot = Slot((at - BEGIN).total_seconds(), ON_TIME_S + busy_s)
        if slot.at >= before:
            return None
        self._next_slot = pace.after(at).next_at
        return slot

    def _make_ready(self, call: _Call, slot: Slot, t: float) -> None:
        """intended → placing, unless it was given back or is too old."""
        if self._intended.pop(id(call), None) is None:
            self._slots[call.worker].add(slot)
            return
        if t >= call.slot_at + INTENT_LIFE.total_seconds():
            self._slots[call.worker].add(slot)
            self._give_up(call)
            return
        call.send_before = t + _POST_WITHIN_S
        woken_at = self._awake(call.worker, max(t, slot.at))
        self._later(woken_at, lambda now_s: self._send(call, slot, now_s))

    def _take_slot(self, call: _Call, t: float) -> None:
        """Late for its slot: the process's next one, or a new one of the account's."""
        if t >= call.send_before:
            self._give_up(call)
            return
        own = self._slots[call.worker]
        slot = own.take(t)
        if slot is None:
            self.seen.late += 1
            slot = self._book(t, own.again_s, call.send_before)
        if slot is None:
            self._give_up(call)
            return
        if slot.at >= call.send_before:
            own.add(slot)
            self._give_up(call)
            return
        woken_at = self._awake(call.worker, max(t, slot.at))
        self._later(woken_at, lambda now_s: self._send(call, slot, now_s))

    def _send(self, call: _Call, slot: Slot, t: float) -> None:
        self._slots[call.worker].late_s.append(t - slot.at)
        if not slot.is_on_time(t):
            self._take_slot(call, t)
        elif t >= call.send_before:
            self._give_up(call)
        else:
            on_the_way_s = self.random.uniform(0.001, 0.018)
            self._later(t + on_the_way_s, lambda now: self._arrive(call, now))

    def _give_up(self, call: _Call) -> None:
        self.seen.stale += 1
        self._live[call.campaign.campaign_id] -= 1

    def _arrive(self, call: _Call, t: float) -> None:
        """The carrier takes the request or refuses it."""
        while self._second and self._second[0] <= t - 1.0:
            self._second.popleft()
        if self._up >= self.carriers_cap:
            self.seen.refused += 1
            self._later(t + 0.2, lambda _: self._over(call))
            return
        self._second.append(t)
        self.seen.most_per_s = max(self.seen.most_per_s, len(self._second))
        self.seen.starts.append((t, call.campaign.campaign_id))
        self._change_use(t, call, +1)
        if self.random.random() < self.world.answers(t):
            rings_s = self.random.uniform(4.0, 12.0)
            talk_s = self.world.talk_s * self.random.uniform(0.5, 1.5)
            ends_at = t + rings_s + talk_s
        else:
            ends_at = t + self.world.ring_out_s
        self._later(ends_at, lambda now: self._end(call, now))

    def _end(self, call: _Call, t: float) -> None:
        """The carrier's place is free at once; we hear of it later."""
        self._change_use(t, call, -1)
        heard_at = t + self.world.lag_s + self.random.uniform(0.005, 0.02)
        self._later(heard_at, lambda now: self._heard(call, now))

    def _heard(self, call: _Call, t: float) -> None:
        self._over(call)
        if self.world.has_hints:
            worker = self.random.randrange(self.world.workers)
            self._later(self._awake(worker, t), lambda now: self._dial_pass(worker, now))

    def _over(self, call: _Call) -> None:
        self._live[call.campaign.campaign_id] -= 1

    def _change_use(self, t: float, call: _Call, by: int) -> None:
        campaign_id = call.campaign.campaign_id
        self._up += by
        self._up_of[campaign_id] += by
        self.seen.most_of[campaign_id] = max(
            self.seen.most_of[campaign_id], self._up_of[campaign_id]
        )
        self.seen.use.append((t, self._up))
        self.seen.most_up = max(self.seen.most_up, self._up)

    def _change(self, t: float, cap: int, cps: float) -> None:
        """As `dialing.limits.change_limits`: what was booked under wider limits is given back."""
        if self._next_slot is not None:
            self._next_slot = repaced(self._next_slot, old_cps=self.cps, new_cps=cps)
        if cap < self.cap or cps < self.cps:
            for call in list(self._intended.values()):
                self._give_up(call)
            self._intended.clear()
        self.cap, self.cps = cap, cps
        self.carriers_cap = max(self.carriers_cap, cap)
        self._changed_at = t

        def tighten(_: float) -> None:
            if self._changed_at == t:  # a later change has its own time
                self.carriers_cap = self.cap

        self._later(t + ON_THE_WAY_S, tighten)
