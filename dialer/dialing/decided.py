"""One lead and the law's answer about it: as a check, as an intent, as a place in the queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from dialer.compliance.decide import Verdict
from dialer.compliance.facts import Facts
from dialer.compliance.record import canonical_body
from dialer.compliance.verdict import TIME_REASONS
from dialer.dialing.law import Law
from dialer.domain.attempt import AttemptState, Disposition
from dialer.domain.ids import uuid7
from dialer.domain.retry import EnrolmentState, after_denial
from dialer.store import enrolments
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx

INTENT_LIFE = timedelta(seconds=5)
# The law is about the ring, and a phone rings up to a second after the carrier took the request
# (plivo.md §8), which is on its way for a moment itself.
RING_DELAY = timedelta(seconds=2)


@dataclass(slots=True)
class Decided:
    """One lead that was looked at, with the law's answer."""

    lead: Any
    campaign: Campaign
    facts: Facts
    verdict: Verdict
    subject_id: UUID
    check_id: UUID = field(default_factory=uuid7)
    attempt_id: UUID | None = None
    place_at: datetime | None = None


def has_slot(one: Decided, *, is_test: bool = False) -> bool:
    """True for a denial, and for a call whose slot lies inside its calling window."""
    if not one.verdict.allowed:
        return True
    ends = closes_at(one, is_test=is_test)
    return one.place_at is not None and (ends is None or one.place_at < ends)


def closes_at(one: Decided, *, is_test: bool = False) -> datetime | None:
    """Return when a call may no longer be asked for: in time to ring before its window's end,
    and before its campaign's, if any.

    A test call is no turn of the campaign, so the campaign's end does not bind it.
    """
    window_ends_at = one.verdict.window_ends_at
    last_at = None if window_ends_at is None else window_ends_at - RING_DELAY
    ends = [last_at, None if is_test else one.campaign.row.ends_at]
    return min((at for at in ends if at is not None), default=None)


def check_row(tx: Tx, law: Law, one: Decided) -> dict[str, Any]:
    """Return the check of a decision, its canonical body included."""
    verdict, facts_ = one.verdict, one.facts
    body = canonical_body(
        ids={
            "check_id": str(one.check_id),
            "account_id": str(tx.account_id),
            "campaign_id": str(one.campaign.id),
            "campaign_version": str(one.campaign.row.version),
            "enrolment_id": str(one.lead.id),
            "lead_id": str(one.lead.lead_id),
            "attempt_id": None if one.attempt_id is None else str(one.attempt_id),
        },
        facts=facts_,
        packs=law.packs_of(one.campaign.definition),
        verdict=verdict,
        decided_at=tx.now,
        subject_id=str(one.subject_id),
        phone_hash=law.keys.phone_hash(facts_.phone),
        engine_version=law.engine_version,
        extra={
            "attempt_no": one.lead.attempts + 1,
            "definition_sha256": one.campaign.row.sha256.hex(),
            "host": law.host,
        },
    )
    return {
        "id": one.check_id,
        "campaign_id": one.campaign.id,
        "enrolment_id": one.lead.id,
        "lead_id": one.lead.lead_id,
        "subject_id": one.subject_id,
        "decided_at": tx.now,
        "decision": "allow" if verdict.allowed else "deny",
        "code": verdict.code,
        "codes": list(verdict.codes),
        "rule_id": verdict.rule_id,
        "next_allowed_at": verdict.next_allowed_at,
        "category": facts_.category,
        "mode": facts_.mode,
        "caller_id": facts_.caller.number if facts_.caller else None,
        "body": body,
    }


def attempt_row(tx: Tx, one: Decided, *, is_test: bool = False) -> dict[str, Any]:
    """Return the intent: the attempt as it stands before the carrier is asked."""
    assert one.place_at is not None and one.facts.caller is not None
    ends = closes_at(one, is_test=is_test)
    valid_until = one.place_at + INTENT_LIFE
    return {
        "account_id": tx.account_id,
        "id": one.attempt_id,
        "campaign_id": one.campaign.id,
        "version": one.campaign.row.version,
        "enrolment_id": one.lead.id,
        "lead_id": one.lead.lead_id,
        "check_id": one.check_id,
        "phone": one.lead.phone,
        "caller_id": one.facts.caller.number,
        "state": AttemptState.INTENDED,
        "is_test": is_test,
        "created_at": tx.now,
        "changed_at": tx.now,
        "place_at": one.place_at,
        "valid_until": valid_until if ends is None else min(valid_until, ends),
        "window_ends_at": ends,
    }


def queue_row(one: Decided) -> dict[str, Any]:
    """Return the enrolment after its decision."""
    row = {"id": one.lead.id, "last_check_id": one.check_id}
    if one.verdict.allowed:
        return row | {
            "state": EnrolmentState.CALLING,
            "due_at": None,
            "disposition": None,
            "blocked_code": None,
            "last_attempt_id": one.attempt_id,
        }
    step = after_denial(
        code=one.verdict.code,
        lasting=[code for code in one.verdict.codes if code not in TIME_REASONS],
        next_allowed_at=one.verdict.next_allowed_at,
        ends_at=one.campaign.row.ends_at,
        is_promised=one.lead.disposition == Disposition.CALLBACK,
    )
    return row | {
        **enrolments.step_values(step),
        "disposition": one.lead.disposition,
        "last_attempt_id": one.lead.last_attempt_id,
    }
