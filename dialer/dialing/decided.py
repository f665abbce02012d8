"""One lead and the law's answer about it: as a check, as an intent, as a place in the queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from dialer.compliance.decide import Verdict
from dialer.compliance.facts import Facts
from dialer.compliance.record import canonical_body
from dialer.compliance.verdict import TIME_REASONS
from dialer.dialing.law import Law
from dialer.domain.attempt import Disposition
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
    check_id: UUID
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
    ends_at: datetime | None = None if is_test else one.campaign.row.ends_at
    if last_at is None or ends_at is None:
        return last_at or ends_at
    return min(last_at, ends_at)


def decision_row(tx: Tx, law: Law, one: Decided, *, is_test: bool = False) -> dict[str, Any]:
    """Return what is written of a decision (`store.decisions.COLUMNS`).

    A test call leaves its lead's place in the queue as it is.
    """
    verdict, facts_ = one.verdict, one.facts
    row = {
        "check_id": one.check_id,
        "campaign_id": one.campaign.id,
        "enrolment_id": one.lead.id,
        "lead_id": one.lead.lead_id,
        "subject_id": one.subject_id,
        "decided_at": tx.now,
        "decision": "allow" if verdict.allowed else "deny",
        "code": verdict.code,
        "codes": verdict.codes,
        "rule_id": verdict.rule_id,
        "next_allowed_at": verdict.next_allowed_at,
        "category": facts_.category,
        "mode": facts_.mode,
        "caller_id": facts_.caller.number if facts_.caller else None,
        "body": _body(tx, law, one),
    }
    if one.attempt_id is not None:
        row |= _attempt(one, is_test=is_test)
    return row if is_test else row | _place_in_queue(one)


def _body(tx: Tx, law: Law, one: Decided) -> bytes:
    return canonical_body(
        ids={
            "check_id": one.check_id,
            "account_id": tx.account_id,
            "campaign_id": one.campaign.id,
            "campaign_version": str(one.campaign.row.version),
            "enrolment_id": one.lead.id,
            "lead_id": one.lead.lead_id,
            "attempt_id": one.attempt_id,
        },
        facts=one.facts,
        packs=law.packs_of(one.campaign.definition),
        verdict=one.verdict,
        decided_at=tx.now,
        subject_id=str(one.subject_id),
        phone_hash=law.keys.phone_hash(one.facts.phone),
        engine_version=law.engine_version,
        extra={
            "attempt_no": one.lead.attempts + 1,
            "definition_sha256": one.campaign.row.sha256.hex(),
            "host": law.host,
        },
    )


def _attempt(one: Decided, *, is_test: bool) -> dict[str, Any]:
    """The intent: the attempt as it stands before the carrier is asked."""
    assert one.place_at is not None and one.facts.caller is not None
    ends = closes_at(one, is_test=is_test)
    valid_until = one.place_at + INTENT_LIFE
    return {
        "attempt_id": one.attempt_id,
        "version": one.campaign.row.version,
        "phone": one.lead.phone,
        "place_at": one.place_at,
        "valid_until": valid_until if ends is None else min(valid_until, ends),
        "window_ends_at": ends,
    }


def _place_in_queue(one: Decided) -> dict[str, Any]:
    """The enrolment after its decision."""
    if one.verdict.allowed:
        return {"state": EnrolmentState.CALLING, "last_attempt_id": one.attempt_id}
    step = after_denial(
        code=one.verdict.code,
        lasting=[code for code in one.verdict.codes if code not in TIME_REASONS],
        next_allowed_at=one.verdict.next_allowed_at,
        ends_at=one.campaign.row.ends_at,
        is_promised=one.lead.disposition == Disposition.CALLBACK,
    )
    return enrolments.step_values(step) | {
        "disposition": one.lead.disposition,
        "last_attempt_id": one.lead.last_attempt_id,
    }
