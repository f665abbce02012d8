"""One dial pass: take due leads, prove each call lawful, commit the proofs and the intents.

Everything of a pass is one transaction (design §6.1). Nothing is dialed here: `place` does that,
at the slot that is booked here.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from dialer.compliance.alike import AtOnce
from dialer.dialing.breakers import note_probes
from dialer.dialing.callers import CallerPool
from dialer.dialing.decided import Decided, decision_row, has_slot
from dialer.dialing.law import Law
from dialer.dialing.lineup import lineups_of
from dialer.dialing.meanwhile import meanwhile
from dialer.dialing.quotas import carry_json, desks_of, quotas_of, read_carry
from dialer.dialing.scan import BATCH, Pass, breathe, scan
from dialer.domain.ids import uuid7s
from dialer.domain.pacing import (
    ON_TIME_S,
    Pace,
    Slot,
    Starts,
    free_calls,
    free_slots,
    schedule,
)
from dialer.store import campaigns, carrier
from dialer.store.breakers import breaker_of
from dialer.store.campaigns import Campaign
from dialer.store.decisions import Beside, Head, Links, append, link
from dialer.store.engine import Tx
from dialer.store.notify import DIAL
from dialer.store.pass_start import start_of_pass

log = logging.getLogger(__name__)

SCAN_LIMIT = 200  # leads looked at per campaign and pass; denied ones use no capacity
SPARE = 50  # looked up beyond what may start: some may not be called
BUSY_LINE_PAUSE = timedelta(seconds=5)
# No slot lies before its pass can have committed and the call be started.
COMMIT_TIME = timedelta(milliseconds=200)


@dataclass(frozen=True, slots=True)
class Intended:
    """An intent that was committed; whoever claimed it places it at its slot.

    slot: of ``place_at``, on this process's monotonic clock.
    """

    attempt_id: UUID
    phone: str
    place_at: datetime
    slot: Slot


async def dial_pass(tx: Tx, law: Law, *, busy_s: float = 0.0) -> list[Intended]:
    """Claim what may start now; returns the intents this transaction commits.

    busy_s: of the process that will place them (`Slots.busy_s`).
    """
    account = await carrier.lock_carrier(tx, to_claim=True)
    held = breaker_of(account)
    if held is not None and held.may_start(tx.now) == 0:
        return []
    slots = free_slots(next_slot_at=account.next_slot_at, cps=account.cps, now=tx.now)
    if slots == 0:
        return []
    begin = await start_of_pass(tx)
    if begin is None:
        return []
    free = free_calls(cap=account.cap, inbound_reserve=account.inbound_reserve, use=begin.use)
    running = [one for one in begin.running if _may_claim(one, law, tx.now)]
    if free == 0 or not running:
        return []
    desks = await desks_of(tx, running, begin.live)
    room = min(desks.room(free), slots)
    room = room if held is None else min(room, 1)  # the call that probes
    if room == 0:
        return []
    lineups = await lineups_of(tx, law, running, most=min(SCAN_LIMIT, room + SPARE))
    due = {cid: len(lineup) for cid, lineup in lineups.items()}
    carried = read_carry(account.share_carry)
    quotas = await quotas_of(tx, running, begin.live, due, room, desks, carried)
    if not any(quotas.shares.starts.values()):
        return []
    pool = CallerPool(begin.callers)
    found = Pass(pool, begin.sender, AtOnce(tx.now), begin.head, busy_s=busy_s)
    await scan(tx, law, running, lineups, quotas, found)
    if any(one.is_cut and one.is_done for one in lineups.values()):
        tx.hint(DIAL)  # there is more to look at, for the next pass, at once
    next_slot_at = await book(tx, account, running, found)
    intents = await _write(tx, law, found, next_slot_at, quotas.shares.carry)
    await note_probes(tx, account, found.started)
    return intents


def _may_claim(campaign: Campaign, law: Law, now: datetime) -> bool:
    """Within its dates, and with a window open in some zone of its leads."""
    if campaign.row.ends_at is not None and campaign.row.ends_at <= now:
        return False
    return campaign.is_window_open(law.packs_of(campaign.definition), now)


async def book(tx: Tx, account: Any, running: Sequence[Campaign], found: Pass) -> datetime | None:
    """Give each allowed call its dial slot and move the campaigns' own paces on; returns when the
    account's next slot is, None if none was booked."""
    paces = {
        one.id: Pace(one.row.max_cps, one.row.next_slot_at)
        for one in running
        if one.row.max_cps is not None
    }
    starts = [Starts(cid, count, paces.get(cid)) for cid, count in found.allowed.items()]
    first = tx.now + COMMIT_TIME
    next_at = first if account.next_slot_at is None else max(first, account.next_slot_at)
    booked, pace, after = schedule(Pace(account.cps, next_at, found.busy_s), starts, tx.now)
    slots: dict[UUID, list[datetime]] = defaultdict(list)
    for campaign_id, at in booked:
        slots[campaign_id].append(at)
    for one in found.decided:
        if one.verdict.allowed and slots[one.campaign.id]:
            one.place_at = slots[one.campaign.id].pop(0)
    for campaign_id, one_pace in after.items():
        await campaigns.save(tx, campaign_id, next_slot_at=one_pace.next_at)
    return pace.next_at if booked else None


async def _write(
    tx: Tx,
    law: Law,
    found: Pass,
    next_slot_at: datetime | None,
    carry: Mapping[UUID, float],
) -> list[Intended]:
    """Write checks, attempts, lines and queue rows of the pass, and what is left to the next."""
    # A call that got no slot is not decided on at all: no check, still due.
    settled = [one for one in found.decided if has_slot(one)]
    calls = [one for one in settled if one.verdict.allowed]
    for one, attempt_id in zip(calls, uuid7s(len(calls)), strict=True):
        one.attempt_id = attempt_id
    links = await _link(tx, law, found.head, settled[:BATCH])
    for first in range(BATCH, len(settled), BATCH):
        following = _link(tx, law, links.head, settled[first : first + BATCH])
        _, links = await meanwhile(append(tx, links), following)
    beside = Beside(
        put_off=found.busy,
        put_off_to=tx.now + BUSY_LINE_PAUSE,
        caller_ids=found.callers.used,
        next_slot_at=next_slot_at,
        share_carry=carry_json(carry),
    )
    await append(tx, links, beside)
    return [intended(tx, one, found.busy_s) for one in calls]


async def _link(tx: Tx, law: Law, head: Head, settled: Sequence[Decided]) -> Links:
    rows = []
    for number, one in enumerate(settled):
        await breathe(number)
        rows.append(decision_row(tx, law, one))
    return link(law.keys.chain, head, rows)


def intended(tx: Tx, one: Decided, busy_s: float = 0.0) -> Intended:
    """Return what `place` needs of a call that has a slot."""
    assert one.attempt_id is not None and one.place_at is not None
    slot_at = tx.read_at + (one.place_at - tx.now).total_seconds()
    slot = Slot(slot_at, ON_TIME_S + busy_s)
    return Intended(one.attempt_id, one.lead.phone, one.place_at, slot)
