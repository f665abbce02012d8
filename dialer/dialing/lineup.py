"""Whom a dial pass looks at, and in which order: those behind a closed window delay nobody."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dialer.compliance.decide import may_be_open
from dialer.dialing.law import Law
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx
from dialer.store.queues import Queue, queues_of

ASIDE_LIMIT = 20  # of them such as wait for a window, when there is nobody else

_Place = tuple[int, datetime, Queue]  # priority, the highest least; due at; whose turn it is


@dataclass(slots=True)
class Lineup:
    """The order in which a campaign's due leads are looked at: of which queue the next one is.

    First those who may be called now, important and long-waiting ones first. Those whose window
    is closed stand behind them, however many there are: they delay nobody.
    """

    order: list[Queue]
    aside: list[Queue]
    is_cut: bool = False  # more are due than stand in it
    at: int = 0

    def __len__(self) -> int:
        """How many may be called: one more if any stands aside, so that it is looked at."""
        return len(self.order) + bool(self.aside)

    def next(self, most: int) -> list[tuple[Queue, int]]:
        """Take up to ``most`` leads: queue and how many of it."""
        taken = (self.order + self.aside)[self.at : self.at + most]
        self.at += len(taken)
        counts = Counter(map(id, taken))
        return [(queue, counts[id(queue)]) for queue in {id(one): one for one in taken}.values()]

    @property
    def is_done(self) -> bool:
        return self.at >= len(self.order) + len(self.aside)


async def lineups_of(
    tx: Tx, law: Law, running: Sequence[Campaign], *, most: int
) -> dict[UUID, Lineup]:
    """Line up the due leads of each campaign, ``most`` of each."""
    queues: dict[UUID, list[Queue]] = defaultdict(list)
    for queue in await queues_of(tx, [one.id for one in running], most=most):
        queues[queue.campaign_id].append(queue)
    return {one.id: _lineup(one, law, queues[one.id], tx.now, most) for one in running}


def _lineup(
    campaign: Campaign, law: Law, queues: Sequence[Queue], now: datetime, most: int
) -> Lineup:
    hours = campaign.hours(law.packs_of(campaign.definition))
    order: list[_Place] = []
    aside: list[_Place] = []
    for queue in queues:
        is_open = may_be_open(hours, phone=queue.phone, lead_zone=queue.lead_zone, now=now)
        (order if is_open else aside).extend((-queue.priority, at, queue) for at in queue.due)
    return Lineup(_first(order, most), _first(aside, ASIDE_LIMIT), len(order) >= most)


def _first(waiting: list[_Place], most: int) -> list[Queue]:
    if len({id(queue) for _, _, queue in waiting}) > 1:  # of one queue they come in order
        waiting.sort(key=lambda one: one[:2])
    return [queue for _, _, queue in waiting[:most]]
