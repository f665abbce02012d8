"""One dial pass: take due leads, prove each call lawful, commit the proofs and the intents.

Everything of a pass is one transaction (design §6.1). Nothing is dialed here: `place` does that,
at the slot that is booked here.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from dialer.compliance.alike import AtOnce
from dialer.compliance.packs import Pack
from dialer.dialing.breakers import note_probes
from dialer.dialing.callers import CallerPool, judge
from dialer.dialing.decided import Decided, decision_row, has_slot
from dialer.dialing.facts import history_since
from dialer.dialing.law import Law
from dialer.dialing.lineup import Lineup, lineups_of
from dialer.dialing.quotas import Quotas, carry_json, desks_of, quotas_of, read_carry
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
from dialer.store import campaigns, carrier, facts
from dialer.store.breakers import breaker_of
from dialer.store.callers import kept_callers
from dialer.store.campaigns import Campaign
from dialer.store.decisions import Decisions, Head, append
from dialer.store.engine import Tx
from dialer.store.notify import DIAL
from dialer.store.pass_start import start_of_pass
from dialer.store.queues import Queue, claim_due

log = logging.getLogger(__name__)

BATCH = 50
SCAN_LIMIT = 200  # leads looked at per campaign and pass; denied ones use no capacity
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


@dataclass(slots=True)
class Pass:
    """What a pass has found so far."""

    callers: CallerPool
    sender: Any
    deciding: AtOnce
    head: Head
    decided: list[Decided] = field(default_factory=list)
    busy: list[UUID] = field(default_factory=list)
    seen: dict[UUID, list[UUID]] = field(default_factory=lambda: defaultdict(list))
    allowed: Counter[UUID] = field(default_factory=Counter)
    taken: set[str] = field(default_factory=set)
    busy_s: float = 0.0

    @property
    def started(self) -> list[tuple[Campaign, UUID]]:
        """The calls that are intended, once that is written."""
        return [(one.campaign, one.attempt_id) for one in self.decided if one.attempt_id]


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
    lineups = await lineups_of(tx, law, running, most=min(SCAN_LIMIT, room + BATCH))
    due = {cid: len(lineup) for cid, lineup in lineups.items()}
    carried = read_carry(account.share_carry)
    quotas = await quotas_of(tx, running, begin.live, due, room, desks, carried)
    if not any(quotas.shares.starts.values()):
        return []
    pool = CallerPool(begin.callers)
    found = Pass(pool, begin.sender, AtOnce(tx.now), begin.head, busy_s=busy_s)
    await _scan(tx, law, running, lineups, quotas, found)
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


async def _scan(
    tx: Tx,
    law: Law,
    running: Sequence[Campaign],
    lineups: Mapping[UUID, Lineup],
    quotas: Quotas,
    found: Pass,
) -> None:
    """Look at due leads, a batch a campaign at a time, until quotas or lineups are used up.

    The first batch is what a campaign may start: mostly all of it is lawful. What a campaign
    leaves goes to the others in the same pass.
    """
    through: set[UUID] = set()
    while hungry := [
        one
        for one in running
        if one.id not in through and found.allowed[one.id] < quotas.of(one.id)
    ]:
        wanted: list[tuple[Queue, int]] = []
        for one in hungry:
            first = quotas.of(one.id) if not found.seen[one.id] else BATCH
            wanted += lineups[one.id].next(min(BATCH, first))
        seen = [lead_id for one in hungry for lead_id in found.seen[one.id]]
        claimed = await claim_due(tx, wanted, seen=seen)
        for one in hungry:
            batch = [lead for lead in claimed.leads if lead.campaign_id == one.id]
            await _decide_batch(tx, law, one, batch, quotas.of(one.id), claimed.holders, found)
        for one in hungry:
            if lineups[one.id].is_done:
                through.add(one.id)
                quotas.close(one.id, found.allowed[one.id])


async def _decide_batch(
    tx: Tx,
    law: Law,
    campaign: Campaign,
    leads: Sequence[Any],
    quota: int,
    holders: Mapping[str, UUID | None],
    found: Pass,
) -> None:
    """Decide leads in their order until the quota is filled; the rest is left for later."""
    if not leads:
        return
    packs = law.packs_of(campaign.definition)
    phones = {lead.lead_id: lead.phone for lead in leads}
    batch = await facts.facts_of(
        tx,
        campaign_id=campaign.id,
        list_id=campaign.row.list_id,
        leads=phones,
        history_since=history_since(packs, tx.now),
    )
    found.callers.kept |= await kept_callers(tx, campaign.definition, phones)
    check_ids = uuid7s(len(leads))
    for number, lead in enumerate(leads):
        if found.allowed[campaign.id] >= quota:
            return
        await _breathe(number)
        found.seen[campaign.id].append(lead.id)
        if holders[lead.phone] is not None or lead.phone in found.taken:
            found.busy.append(lead.id)
            continue
        decided = decide_lead(check_ids[number], lead, campaign, packs, batch, found)
        found.decided.append(decided)
        if decided.verdict.allowed:
            found.allowed[campaign.id] += 1
            found.taken.add(lead.phone)
            found.callers.use(decided.facts.caller.number)  # type: ignore[union-attr]


async def _breathe(number: int) -> None:
    """Let others run now and then: a start is late after `ON_TIME_S`, audio has frames of 20 ms."""
    if number % 8 == 7:
        await asyncio.sleep(0)


def decide_lead(
    check_id: UUID,
    lead: Any,
    campaign: Campaign,
    packs: Sequence[Pack],
    batch: facts.Batch,
    found: Pass,
) -> Decided:
    """Ask the law about one lead, with the caller id it would see."""
    known, verdict = judge(
        found.callers,
        lead,
        campaign,
        sender=found.sender,
        batch=batch,
        packs=packs,
        deciding=found.deciding,
    )
    return Decided(lead, campaign, known, verdict, batch.subjects[lead.phone], check_id)


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
    rows = []
    for number, one in enumerate(settled):
        await _breathe(number)
        rows.append(decision_row(tx, law, one))
    decisions = Decisions(
        rows,
        put_off=found.busy,
        put_off_to=tx.now + BUSY_LINE_PAUSE,
        caller_ids=found.callers.used,
        next_slot_at=next_slot_at,
        share_carry=carry_json(carry),
    )
    await append(tx, law.keys.chain, found.head, decisions)
    return [intended(tx, one, found.busy_s) for one in calls]


def intended(tx: Tx, one: Decided, busy_s: float = 0.0) -> Intended:
    """Return what `place` needs of a call that has a slot."""
    assert one.attempt_id is not None and one.place_at is not None
    slot_at = tx.read_at + (one.place_at - tx.now).total_seconds()
    slot = Slot(slot_at, ON_TIME_S + busy_s)
    return Intended(one.attempt_id, one.lead.phone, one.place_at, slot)
