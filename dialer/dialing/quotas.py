"""How many calls each campaign may start in one pass: its wishes, its limits, its share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from dialer.dialing.breakers import starts_left
from dialer.domain.operators import (
    InFlight,
    Rates,
    expected,
    most_expected,
    rates,
    room_beside_legs,
)
from dialer.domain.pacing import free_slots
from dialer.domain.share import Demand, Desk, Shares, share
from dialer.store import campaigns, operators
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Desks:
    """The people calls are handed to. ``rooms``: transfer address → what they can still take,
    where their number is known. ``loads``: campaign → how many of its new calls come there, a
    fraction. ``coming``: hand-overs expected of the calls that are up."""

    rooms: Mapping[str, Desk]
    loads: Mapping[UUID, float]
    coming: float = 0.0

    def room(self, free: int) -> int:
        """Return how many of the account's free lines calls may take: legs need some, too."""
        if not self.loads:
            return free
        return room_beside_legs(free, self.coming, max(self.loads.values()))


@dataclass(slots=True)
class Quotas:
    """The shares of one pass; they grow when a campaign leaves something of its own."""

    room: int
    demands: dict[UUID, Demand]
    rooms: Mapping[str, Desk]
    carried: Mapping[UUID, float]
    shares: Shares

    def of(self, campaign_id: UUID) -> int:
        return self.shares.starts[campaign_id]

    def close(self, campaign_id: UUID, started: int) -> None:
        """A campaign has nobody more who may be called now: the others divide what it leaves."""
        if started < self.of(campaign_id):
            self.demands[campaign_id] = replace(self.demands[campaign_id], may_start=started)
            self.shares = _divide(self.room, self.demands, self.rooms, self.carried)


async def quotas_of(
    tx: Tx,
    running: Sequence[Campaign],
    live: Mapping[UUID, int],
    due: Mapping[UUID, int],
    room: int,
    desks: Desks,
    carried: Mapping[UUID, float],
) -> Quotas:
    """Share the room among the campaigns that can use it. due: leads that may be called now."""
    demands = {}
    for one in running:
        up = live.get(one.id, 0)
        may_start = due[one.id]
        if (most := one.definition.dialing.max_concurrent) is not None:
            may_start = min(may_start, most - up)
        if one.row.max_cps is not None:
            slots = free_slots(next_slot_at=one.row.next_slot_at, cps=one.row.max_cps, now=tx.now)
            may_start = min(may_start, slots)
        if (left := await starts_left(tx, one, up)) is not None:
            may_start = min(may_start, left)
        desk = _desk_of(one)
        demands[one.id] = Demand(
            one.id,
            one.row.weight,
            max(0, may_start),
            up,
            desk=desk if desk in desks.rooms else None,
            load=desks.loads.get(one.id, 0.0),
        )
    return Quotas(room, demands, desks.rooms, carried, _divide(room, demands, desks.rooms, carried))


def _divide(
    room: int,
    demands: Mapping[UUID, Demand],
    rooms: Mapping[str, Desk],
    carried: Mapping[UUID, float],
) -> Shares:
    return share(room, list(demands.values()), rooms, carried)


async def desks_of(tx: Tx, running: Sequence[Campaign], live: Mapping[UUID, int]) -> Desks:
    """Look at everybody who is handed calls: no query where no campaign does that."""
    if not any(_desk_of(one) for one in running):
        return Desks({}, {})
    up = await operators.in_flight(tx)
    # A paused campaign's calls still come to the people of its number.
    known = {one.id: one for one in running}
    others = [await campaigns.get(tx, cid) for cid in live if cid not in known]
    handing = [one for one in [*running, *others] if _desk_of(one) is not None]
    each = {one.id: rates(await operators.history(tx, one.id)) for one in handing}
    return Desks(
        rooms=dict(_rooms(handing, up, each)),
        loads={cid: rate.of_calls for cid, rate in each.items()},
        coming=sum(expected(up.get(one.id, InFlight()), each[one.id]) for one in handing),
    )


def _rooms(
    handing: Sequence[Campaign], up: Mapping[UUID, InFlight], each: Mapping[UUID, Rates]
) -> Iterator[tuple[str, Desk]]:
    """Yield each transfer address whose people are counted, with what they can still take.

    Campaigns that share an address share its people; where they count them differently, the
    lowest number holds.
    """
    for to in {_desk_of(one): None for one in handing}:
        sharing = [one for one in handing if _desk_of(one) == to]
        limits = [one.definition.transfer.operators for one in sharing if one.definition.transfer]
        counted = [limit for limit in limits if limit is not None]
        if to is None or not counted:
            continue
        calls = [(up.get(one.id, InFlight()), each[one.id]) for one in sharing]
        free = min(counted) - sum(flying.handed_over for flying, _ in calls)
        flying_there = sum(flying.unanswered + flying.talking for flying, _ in calls)
        load = most_expected(free) - sum(expected(*one) for one in calls)
        yield to, Desk(sure=free - flying_there, load=load)


def _desk_of(one: Campaign) -> str | None:
    transfer = one.definition.transfer
    return transfer.to if transfer is not None and one.definition.is_streamed else None


def read_carry(stored: Mapping[str, float]) -> dict[UUID, float]:
    """Read what the last pass left of whole calls: campaign → calls."""
    return {UUID(cid): calls for cid, calls in stored.items()}


def carry_json(carry: Mapping[UUID, float]) -> dict[str, float]:
    """Return it as it is stored; nothing is owed among fewer than two."""
    if len(carry) < 2:
        return {}
    return {str(cid): round(calls, 6) for cid, calls in carry.items() if round(calls, 6)}
