"""What the customer's systems are told of a call and its lead."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from dialer.domain.events import CallEnded, LeadDisposition, LeadOptedOut
from dialer.domain.retry import NextStep
from dialer.store.calls import answers_of
from dialer.store.engine import Tx
from dialer.store.outbox import tell
from dialer.store.tables import leads


async def tell_call_ended(tx: Tx, attempt: Any, *, is_correction: bool = False) -> None:
    """One event a call, when its end is first known; costs that come later are in the results.

    An end that had to be supposed says so, and a second event corrects it once the carrier tells.
    """
    await tell(
        tx,
        CallEnded(
            call_id=attempt.id,
            campaign_id=attempt.campaign_id,
            lead_id=attempt.lead_id,
            external_id=(await _lead(tx, attempt.lead_id)).external_id,
            is_test=attempt.is_test,
            outcome=attempt.outcome,
            is_supposed=attempt.end_supposed_at is not None,
            is_correction=is_correction,
            disposition=attempt.disposition,
            hangup_code=attempt.hangup_code,
            hangup_cause=attempt.hangup_cause,
            placed_at=attempt.placing_at,
            answered_at=attempt.answered_at,
            ended_at=attempt.ended_at,
            talk_s=attempt.talk_s,
            cost_usd=attempt.total_cost_usd,
        ),
    )


async def tell_disposition(tx: Tx, attempt: Any, step: NextStep) -> None:
    """What is known of a lead has changed: what a talk came to, or that there will be none."""
    lead = await _lead(tx, attempt.lead_id)
    await tell(
        tx,
        LeadDisposition(
            lead_id=attempt.lead_id,
            external_id=lead.external_id,
            phone=attempt.phone,
            campaign_id=attempt.campaign_id,
            call_id=attempt.id,
            state=step.state,
            disposition=step.disposition,
            callback_at=step.due_at if step.is_promised else None,
            answers=dict(await answers_of(tx, attempt.id)),
        ),
    )


async def tell_opted_out(
    tx: Tx, *, phone: str, attempt: Any, scope: str, campaign_id: Any, source: str, reason: str
) -> None:
    """A number must not be called any more. attempt: the call in which it was asked for, if any."""
    lead = None if attempt is None else await _lead(tx, attempt.lead_id)
    await tell(
        tx,
        LeadOptedOut(
            phone=phone,
            lead_id=None if attempt is None else attempt.lead_id,
            external_id=None if lead is None else lead.external_id,
            campaign_id=campaign_id if attempt is None else attempt.campaign_id,
            call_id=None if attempt is None else attempt.id,
            scope=scope,
            source=source,
            reason=reason,
        ),
    )


async def _lead(tx: Tx, lead_id: Any) -> Any:
    return await tx.one_or_none(
        select(leads.c.external_id).where(
            leads.c.account_id == tx.account_id, leads.c.id == lead_id
        )
    )
