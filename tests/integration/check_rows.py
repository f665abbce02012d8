"""Checks without a campaign: rows as a claim writes them, for chains of any length."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from dialer.compliance.decide import decide
from dialer.compliance.facts import Facts
from dialer.compliance.record import canonical_body
from dialer.domain.ids import uuid7s
from dialer.store.engine import ACCOUNT_ID
from tests.unit.compliance_facts import INDIA, NOON, SERVICE

KEY = b"k" * 32


def check_rows(count: int, facts: Facts = SERVICE, now: datetime = NOON) -> list[dict[str, Any]]:
    """Return rows for `decisions.link`, all of one lead's facts."""
    verdict = decide(facts, INDIA, now)
    campaign, enrolment, lead, subject = uuid7s(4)
    return [
        {
            "check_id": check_id,
            "campaign_id": campaign,
            "enrolment_id": enrolment,
            "lead_id": lead,
            "subject_id": subject,
            "decided_at": now,
            "decision": "allow" if verdict.allowed else "deny",
            "code": verdict.code,
            "codes": list(verdict.codes),
            "rule_id": verdict.rule_id,
            "next_allowed_at": verdict.next_allowed_at,
            "category": facts.category,
            "mode": facts.mode,
            "caller_id": facts.caller.number if facts.caller else None,
            "body": body_of(facts, now, check_id, campaign, enrolment, lead, subject),
        }
        for check_id in uuid7s(count)
    ]


def body_of(facts: Facts, now: datetime, check_id: UUID, *others: UUID) -> bytes:
    campaign, enrolment, lead, subject = map(str, others)
    return canonical_body(
        ids={
            "check_id": str(check_id),
            "account_id": str(ACCOUNT_ID),
            "campaign_id": campaign,
            "campaign_version": "1",
            "enrolment_id": enrolment,
            "lead_id": lead,
            "attempt_id": None,
        },
        facts=facts,
        packs=INDIA,
        verdict=decide(facts, INDIA, now),
        decided_at=now,
        subject_id=subject,
        phone_hash="ab" * 32,
        engine_version="test",
        extra={"attempt_no": 1, "definition_sha256": "cd" * 32, "host": "test"},
    )


def named(faults: Sequence[Any]) -> set[int | None]:
    """The rows that faults name."""
    return {fault.seq for fault in faults}
