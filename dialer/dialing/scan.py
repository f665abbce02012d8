"""Looking through due leads: claim some, ask the law about each, until what may start is found.

While the law is asked about one batch, the database is at the next.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from dialer.compliance.alike import AtOnce
from dialer.compliance.packs import Pack
from dialer.dialing.callers import CallerPool, judge
from dialer.dialing.decided import Decided
from dialer.dialing.facts import history_since
from dialer.dialing.law import Law
from dialer.dialing.lineup import Lineup
from dialer.dialing.meanwhile import meanwhile
from dialer.dialing.quotas import Quotas
from dialer.domain.ids import uuid7s
from dialer.store import facts
from dialer.store.callers import kept_callers
from dialer.store.campaigns import Campaign
from dialer.store.decisions import Head
from dialer.store.engine import Tx
from dialer.store.queues import Queue, claim_due

BATCH = 20  # of a campaign


@dataclass(slots=True)
class Pass:
    """What a pass has found so far."""

    callers: CallerPool
    sender: Any
    deciding: AtOnce
    head: Head
    decided: list[Decided] = field(default_factory=list)
    busy: list[UUID] = field(default_factory=list)
    claimed: list[UUID] = field(default_factory=list)  # enrolments that are locked
    looked: Counter[UUID] = field(default_factory=Counter)
    allowed: Counter[UUID] = field(default_factory=Counter)
    taken: set[str] = field(default_factory=set)
    busy_s: float = 0.0

    @property
    def started(self) -> list[tuple[Campaign, UUID]]:
        """The calls that are intended, once that is written."""
        return [(one.campaign, one.attempt_id) for one in self.decided if one.attempt_id]


@dataclass(frozen=True, slots=True)
class Batch:
    """Claimed leads of one campaign, and what the law asks about them. holders: as `Claimed` has
    them. kept: lead id → the caller id that it answered."""

    campaign: Campaign
    leads: Sequence[Any]
    holders: Mapping[str, UUID | None]
    facts: facts.Batch
    kept: Mapping[UUID, str]


async def scan(
    tx: Tx,
    law: Law,
    running: Sequence[Campaign],
    lineups: Mapping[UUID, Lineup],
    quotas: Quotas,
    found: Pass,
) -> None:
    """Look at due leads, a batch a campaign at a time, until quotas or lineups are used up.

    What a campaign leaves goes to the others in the same pass.
    """
    batches: Sequence[Batch] = ()
    while True:
        wanted = _wanted(running, lineups, quotas, found, batches)
        if not wanted and not batches:
            return
        deciding = _decide(law, batches, quotas, found)
        if wanted:
            batches, _ = await meanwhile(_claim(tx, law, running, wanted, found), deciding)
        else:
            await deciding
            batches = ()
        _close(lineups, batches, quotas, found)


def _wanted(
    running: Sequence[Campaign],
    lineups: Mapping[UUID, Lineup],
    quotas: Quotas,
    found: Pass,
    undecided: Sequence[Batch],
) -> list[tuple[Queue, int]]:
    """Return what to claim next, if all that is claimed and ``undecided`` may be called, as it
    mostly may. A campaign of whose leads some may not has a whole batch looked at."""
    waiting = {batch.campaign.id: len(batch.leads) for batch in undecided}
    wanted: list[tuple[Queue, int]] = []
    for one in running:
        allowed = found.allowed[one.id]
        need = quotas.of(one.id) - allowed - waiting.get(one.id, 0)
        if need > 0:
            most = need if allowed == found.looked[one.id] else BATCH
            wanted += lineups[one.id].next(min(BATCH, most))
    return wanted


async def _claim(
    tx: Tx,
    law: Law,
    running: Sequence[Campaign],
    wanted: Sequence[tuple[Queue, int]],
    found: Pass,
) -> list[Batch]:
    """Lock leads and their lines, and read what the law asks about each."""
    claimed = await claim_due(tx, wanted, seen=found.claimed)
    found.claimed += [lead.id for lead in claimed.leads]
    batches = []
    for one in running:
        if leads := [lead for lead in claimed.leads if lead.campaign_id == one.id]:
            phones = {lead.lead_id: lead.phone for lead in leads}
            known = await facts.facts_of(
                tx,
                campaign_id=one.id,
                list_id=one.row.list_id,
                leads=phones,
                history_since=history_since(law.packs_of(one.definition), tx.now),
            )
            kept = await kept_callers(tx, one.definition, phones)
            batches.append(Batch(one, leads, claimed.holders, known, kept))
    return batches


async def _decide(law: Law, batches: Sequence[Batch], quotas: Quotas, found: Pass) -> None:
    for batch in batches:
        await _decide_batch(law, batch, quotas.of(batch.campaign.id), found)


def _close(
    lineups: Mapping[UUID, Lineup], undecided: Sequence[Batch], quotas: Quotas, found: Pass
) -> None:
    """Leave to others what campaigns will not use: all of their leads are decided."""
    waiting = {batch.campaign.id for batch in undecided}
    for campaign_id, lineup in lineups.items():
        if lineup.is_done and campaign_id not in waiting:
            quotas.close(campaign_id, found.allowed[campaign_id])


async def _decide_batch(law: Law, batch: Batch, quota: int, found: Pass) -> None:
    """Decide leads in their order until the quota is filled; the rest is left for later."""
    campaign = batch.campaign
    packs = law.packs_of(campaign.definition)
    found.callers.kept |= batch.kept
    for number, (lead, check_id) in enumerate(
        zip(batch.leads, uuid7s(len(batch.leads)), strict=True)
    ):
        if found.allowed[campaign.id] >= quota:
            return
        await breathe(number)
        found.looked[campaign.id] += 1
        if batch.holders[lead.phone] is not None or lead.phone in found.taken:
            found.busy.append(lead.id)
            continue
        decided = decide_lead(check_id, lead, campaign, packs, batch.facts, found)
        found.decided.append(decided)
        if decided.verdict.allowed:
            found.allowed[campaign.id] += 1
            found.taken.add(lead.phone)
            found.callers.use(decided.facts.caller.number)  # type: ignore[union-attr]


async def breathe(number: int) -> None:
    """Let others run now and then: a start is late after `ON_TIME_S`, audio has frames of 20 ms."""
    if number % 8 == 7:
        await asyncio.sleep(0)


def decide_lead(
    check_id: UUID,
    lead: Any,
    campaign: Campaign,
    packs: Sequence[Pack],
    known: facts.Batch,
    found: Pass,
) -> Decided:
    """Ask the law about one lead, with the caller id it would see."""
    asked, verdict = judge(
        found.callers,
        lead,
        campaign,
        sender=found.sender,
        batch=known,
        packs=packs,
        deciding=found.deciding,
    )
    return Decided(lead, campaign, asked, verdict, known.subjects[lead.phone], check_id)
