"""A test call: one lead of a campaign rung now, decided and paced like any other (design §8).

It leaves the lead's place in the queue as it was: a test call is no turn of the campaign.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dialer.compliance.alike import AtOnce
from dialer.dialing.callers import CallerPool
from dialer.dialing.claim import Intended, book, intended
from dialer.dialing.decided import decision_row, has_slot
from dialer.dialing.facts import history_since
from dialer.dialing.law import Law
from dialer.dialing.lifecycle import require_playable
from dialer.dialing.scan import Pass, decide_lead
from dialer.domain.breakers import in_words
from dialer.domain.campaign import MAY_TEST_CALL
from dialer.domain.ids import uuid7
from dialer.domain.pacing import free_calls, free_slots
from dialer.errors import NotFound, RuleViolation
from dialer.store import campaigns, carrier, enrolments, facts, lines
from dialer.store.breakers import breaker_of
from dialer.store.callers import kept_callers
from dialer.store.campaigns import Campaign
from dialer.store.decisions import Beside, append, link, read_head
from dialer.store.engine import Tx


@dataclass(frozen=True, slots=True)
class TestCall:
    """``intended``: what to place once the transaction has committed; None if it was denied.

    code: ``OK``, or why not. next_allowed_at: None if no waiting makes it lawful.
    """

    check_id: UUID
    allowed: bool
    code: str
    next_allowed_at: datetime | None
    intended: Intended | None


async def test_call(tx: Tx, law: Law, campaign_id: UUID, phone: str) -> TestCall:
    """Decide a call to the lead with this phone, and book it if it is lawful.

    Either way the check is written, and must be committed. Raises `NotFound` for a phone that is
    no lead of the campaign, and `RuleViolation`, with nothing written, when no call can start.
    """
    # The campaign before the carrier: whoever moves it may take long, and passes must not wait.
    campaign = await campaigns.get(tx, campaign_id, lock=True)
    account = await carrier.lock_carrier(tx)
    enrolment_id = await enrolments.of_phone(tx, campaign_id, phone)
    if enrolment_id is None:
        raise NotFound(f"no lead with this phone in campaign {campaign.row.name!r}")
    if campaign.state not in MAY_TEST_CALL:
        raise RuleViolation(
            f"campaign {campaign.row.name!r} is {campaign.state}; it makes no calls"
        )
    require_playable(campaign.definition, law.missing_keys)
    await _require_room(tx, account)
    lead = await enrolments.lock_one(tx, enrolment_id)
    holders = await lines.lock_lines(tx, [phone])
    if holders[phone] is not None:
        raise RuleViolation("this phone has a call already; wait until it has ended")
    found = await _decide(tx, law, campaign, lead)
    (one,) = found.decided
    next_slot_at = await book(tx, account, [campaign], found)
    if not has_slot(one, is_test=True):
        raise RuleViolation("no dial slot is free within the calling window; try again")
    return await _write(tx, law, found, next_slot_at)


async def _require_room(tx: Tx, account: Any) -> None:
    """Raise `RuleViolation` unless the carrier account can start a call now."""
    held = breaker_of(account)
    if held is not None and held.holds(tx.now):
        raise RuleViolation(f"the carrier account is paused: {in_words(held, tx.now)}")
    _, use = await carrier.live_by_campaign(tx)
    if free_calls(cap=account.cap, inbound_reserve=account.inbound_reserve, use=use) == 0:
        raise RuleViolation(f"all {account.cap} calls of the carrier account are in use; try again")
    if free_slots(next_slot_at=account.next_slot_at, cps=account.cps, now=tx.now) == 0:
        raise RuleViolation("all dial slots of the next seconds are taken; try again")


async def _decide(tx: Tx, law: Law, campaign: Campaign, lead: Any) -> Pass:
    packs = law.packs_of(campaign.definition)
    phones = {lead.lead_id: lead.phone}
    batch = await facts.facts_of(
        tx,
        campaign_id=campaign.id,
        list_id=campaign.row.list_id,
        leads=phones,
        history_since=history_since(packs, tx.now),
    )
    pool = CallerPool(
        await facts.caller_rows(tx), await kept_callers(tx, campaign.definition, phones)
    )
    found = Pass(pool, await facts.sender_row(tx), AtOnce(tx.now), await read_head(tx))
    one = decide_lead(uuid7(), lead, campaign, packs, batch, found)
    found.decided.append(one)
    if one.verdict.allowed:
        found.allowed[campaign.id] += 1
    return found


async def _write(tx: Tx, law: Law, found: Pass, next_slot_at: datetime | None) -> TestCall:
    (one,) = found.decided
    verdict = one.verdict
    if verdict.allowed:
        one.attempt_id = uuid7()
    row = decision_row(tx, law, one, is_test=True)
    used = [row["caller_id"]] if verdict.allowed else []
    beside = Beside(caller_ids=used, next_slot_at=next_slot_at)
    await append(tx, link(law.keys.chain, found.head, [row]), beside, is_test=True)
    if not verdict.allowed:
        return TestCall(one.check_id, False, verdict.code, verdict.next_allowed_at, None)
    return TestCall(one.check_id, True, verdict.code, None, intended(tx, one))
