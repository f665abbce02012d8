"""What an attempt's end means for its lead, its line and its account. One transaction's part."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from dialer.dialing.breakers import hold_account
from dialer.dialing.costs import costs_of
from dialer.dialing.due import calendar_of, is_cut_off, refusal_of, refusals_in_a_row
from dialer.dialing.events import tell_call_ended, tell_disposition
from dialer.domain.after_stream import call_back_at, replaces
from dialer.domain.attempt import (
    OUT_OF_CREDIT_CODE,
    AttemptEvent,
    AttemptState,
    Disposition,
    HangupFacts,
    Outcome,
    Refusal,
    outcome_of,
)
from dialer.domain.breakers import Reason
from dialer.domain.campaign import CampaignState
from dialer.domain.definition import Definition
from dialer.domain.late_end import decides_anew, recounted
from dialer.domain.retry import (
    DOUBLING,
    EnrolmentState,
    NextStep,
    after_call,
    after_refusal,
    owes_callback,
    priority_after,
)
from dialer.store import campaigns, carrier, enrolments, lines, spending
from dialer.store.attempts import Held, change, has_reached_person, newer_than
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx

log = logging.getLogger(__name__)

# 401 and an empty balance would fail every further call alike.
HOLDING = {Refusal.CREDENTIALS: Reason.CREDENTIALS, Refusal.NO_CREDIT: Reason.NO_CREDIT}
# A lead that would wait in a campaign that is over waits for nothing.
_INSTEAD_OF_WAITING = {
    CampaignState.CANCELLED: EnrolmentState.CANCELLED,
    CampaignState.FINISHED: EnrolmentState.EXHAUSTED,
}


async def lock_to_pause(tx: Tx, *, code: int | None = None, refusal: str | None = None) -> None:
    """Lock the carrier account before anything else if this news is going to pause it."""
    if code == OUT_OF_CREDIT_CODE or refusal in HOLDING:
        await carrier.lock_carrier(tx)


async def end_call(tx: Tx, held: Held, facts: HangupFacts, **values: Any) -> None:
    """The call is over: classify it, free the line, decide the lead's next step.

    Who hung up before the person they were handed to had answered is to be called by one.
    """
    if held.attempt.has_transfer_leg and not await has_reached_person(tx, held.attempt.id):
        await establish(tx, held, Disposition.CALLBACK)
    cost_usd = values.get("cost_usd", held.attempt.cost_usd)
    attempt = await change(
        tx,
        held,
        AttemptEvent.HANG_UP,
        ended_at=tx.now,
        has_transfer_leg=False,
        **_how(facts),
        **await costs_of(tx, held.attempt, cost_usd),
        **values,
    )
    await lines.free_line(tx, attempt.phone, attempt.id)
    if facts.code == OUT_OF_CREDIT_CODE:
        await hold_account(tx, Reason.NO_CREDIT, asked_at=attempt.placing_at)
    await tell_call_ended(tx, attempt)
    await settle_lead(tx, held)


def _how(facts: HangupFacts) -> dict[str, Any]:
    return {
        "outcome": outcome_of(facts),
        "hangup_code": facts.code,
        "hangup_cause": facts.cause,
        "hangup_source": facts.source,
    }


async def end_unseen(tx: Tx, held: Held) -> None:
    """Accepted once, known nowhere now: it ended, and how is supposed until the carrier says."""
    attempt = held.attempt
    unknown = HangupFacts(
        None, None, None, None, attempt.answered_at is not None, attempt.is_machine
    )
    await end_call(tx, held, unknown, end_supposed_at=tx.now)


async def correct_end(tx: Tx, held: Held, facts: HangupFacts, **values: Any) -> bool:
    """The carrier says how a call ended whose end was supposed; False if that is no news.

    Once: what was told is never overwritten. What is unknown in ``values`` is left as it is.
    """
    supposed = held.attempt
    if supposed.end_supposed_at is None or not facts.says_how:
        return False
    did = counts(supposed)
    values = {name: value for name, value in values.items() if value is not None}
    cost_usd = values.get("cost_usd", supposed.cost_usd)
    attempt = await change(
        tx,
        held,
        end_supposed_at=None,
        **_how(facts),
        **await costs_of(tx, supposed, cost_usd),
        **values,
    )
    log.warning(
        "end_corrected",
        extra={"attempt_id": attempt.id, "was": supposed.outcome, "outcome": attempt.outcome},
    )
    await spending.amend(tx, supposed, attempt)
    if facts.code == OUT_OF_CREDIT_CODE:
        await hold_account(tx, Reason.NO_CREDIT, asked_at=attempt.placing_at)
    await tell_call_ended(tx, attempt, is_correction=True)
    await _settle_anew(tx, held, did)
    return True


async def refuse(tx: Tx, held: Held, refusal: Refusal) -> None:
    """Nothing rang, and nothing will for this intent."""
    attempt = await change(tx, held, AttemptEvent.REFUSE, refusal=refusal, ended_at=tx.now)
    await lines.free_line(tx, attempt.phone, attempt.id)
    if refusal in HOLDING:
        await hold_account(tx, HOLDING[refusal], asked_at=attempt.placing_at)
    await settle_lead(tx, held)


async def give_up(tx: Tx, held: Held) -> None:
    """The carrier does not know the call, or dropped it from its queue: it was never placed."""
    if held.attempt.state == AttemptState.PLACING:  # its reply is still on the way
        await change(tx, held, AttemptEvent.ACCEPT)
    attempt = await change(tx, held, AttemptEvent.FIND_ABSENT, ended_at=tx.now)
    await lines.free_line(tx, attempt.phone, attempt.id)
    await settle_lead(tx, held)


async def settle_lead(tx: Tx, held: Held) -> None:
    """Move the lead on after its newest attempt ended; safe to run again when facts come late."""
    attempt, lead = held.attempt, held.enrolment
    # A test call, or a call that a newer attempt has overtaken, decides nothing about the lead.
    if attempt.is_test or lead.last_attempt_id != attempt.id:
        return
    was_counted = lead.state != EnrolmentState.CALLING
    await _move_on(tx, held, lead.attempts + (0 if was_counted else counts(attempt)))


async def _settle_anew(tx: Tx, held: Held, did: int) -> None:
    """Make good what a supposed end, that counted ``did``, made of the lead (`late_end`)."""
    attempt, lead = held.attempt, held.enrolment
    if attempt.is_test:
        return
    is_newest = lead.last_attempt_id == attempt.id
    newer = 0 if is_newest else sum(map(counts, await newer_than(tx, attempt)))
    attempts = recounted(lead.attempts, newer=newer, did=did, does=counts(attempt))
    established = None if attempt.disposition is None else Disposition(attempt.disposition)
    state = EnrolmentState(lead.state)
    if decides_anew(is_newest=is_newest, lead=state, established=established):
        await _move_on(tx, held, attempts)
    elif attempts != lead.attempts:
        await enrolments.save_one(tx, {"id": lead.id, "attempts": attempts})
        held.enrolment = await enrolments.lock_one(tx, lead.id)


async def _move_on(tx: Tx, held: Held, attempts: int) -> None:
    """Write the lead's next step; ``attempts`` counts this one."""
    attempt, lead = held.attempt, held.enrolment
    campaign = await campaigns.get(tx, attempt.campaign_id)
    step = await _next_step(tx, held, attempts, campaign)
    over = _INSTEAD_OF_WAITING.get(campaign.state)
    if step.state is EnrolmentState.WAITING and over is not None:
        step = NextStep(over, disposition=lead.disposition if lead.state == over else None)
    row = {
        "id": lead.id,
        "attempts": attempts,
        "priority": priority_after(lead.priority, step),
        **enrolments.step_values(step),
    }
    await enrolments.save_one(tx, row)
    known = (lead.state, lead.disposition)
    is_told = step.disposition is not None or lead.disposition is not None
    if is_told and known != (step.state, step.disposition):
        await tell_disposition(tx, attempt, step)
    held.enrolment = await enrolments.lock_one(tx, lead.id)


async def establish(
    tx: Tx,
    held: Held,
    disposition: Disposition,
    callback_at: datetime | None = None,
    **values: Any,
) -> None:
    """Write what the call came to, unless more is established; a call that is over by now
    settles its lead again. ``values`` are written in any case."""
    old = held.attempt.disposition
    if replaces(disposition, None if old is None else Disposition(old)):
        values |= {"disposition": disposition, "callback_at": callback_at}
    await change(tx, held, **values)
    if held.attempt.state == AttemptState.ENDED:
        await settle_lead(tx, held)


def call_back(tx: Tx, held: Held, definition: Definition) -> datetime | None:
    """Return when to call the lead of a call that broke; None leaves it to a person."""
    return call_back_at(definition.retry_plan, attempts=held.enrolment.attempts, now=tx.now)


def counts(attempt: Any) -> int:
    """1 if the attempt counts towards max_attempts: it reached a phone and we let it ring, or the
    number is bad."""
    if attempt.state == AttemptState.ENDED:
        return int(refusal_of(attempt) is None and not is_cut_off(attempt))
    return int(attempt.refusal == Refusal.NUMBER_INVALID)


async def _next_step(tx: Tx, held: Held, attempts: int, campaign: Campaign) -> NextStep:
    attempt, lead = held.attempt, held.enrolment
    plan, ends_at = campaign.definition.retry_plan, campaign.row.ends_at
    refusal, calendar = refusal_of(attempt), await calendar_of(tx, campaign, lead)
    if attempt.state == AttemptState.ENDED and refusal is None and not is_cut_off(attempt):
        return after_call(
            outcome=Outcome(attempt.outcome),
            disposition=None if attempt.disposition is None else Disposition(attempt.disposition),
            callback_at=attempt.callback_at,
            attempts=attempts,
            plan=plan,
            now=tx.now,
            ends_at=ends_at,
            calendar=calendar,
            ended_at=attempt.ended_at,
        )
    if refusal is Refusal.SUPPRESSED:
        return NextStep(EnrolmentState.BLOCKED, blocked_code="INTERNAL_OPT_OUT")
    in_a_row, others_get_through = 1, False
    if refusal in DOUBLING:
        in_a_row, others_get_through = await refusals_in_a_row(tx, lead.id)
    return after_refusal(
        refusal=refusal,
        attempts=attempts,
        plan=plan,
        now=tx.now,
        ends_at=ends_at,
        calendar=calendar,
        is_promised=owes_callback(lead.priority),
        in_a_row=in_a_row,
        others_get_through=others_get_through,
    )
