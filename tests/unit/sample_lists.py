"""A shipped campaign as an import would store it, judged at 11:00 IST with its own sender."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from dialer.compliance.alike import AtOnce
from dialer.compliance.decide import Verdict
from dialer.compliance.facts import Consent, Scrub
from dialer.compliance.packs import find_packs
from dialer.dialing.callers import CallerPool
from dialer.dialing.callers import judge as ask_the_law
from dialer.domain.definition import Definition
from dialer.domain.definition_parse import parse_toml
from dialer.leads.csv import open_leads
from dialer.store.campaigns import Campaign
from dialer.store.facts import Batch

CAMPAIGNS = Path(__file__).parents[2] / "campaigns"
ELEVEN_IST = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)


def definition_of(stem: str) -> Definition:
    path = CAMPAIGNS / f"{stem}.toml"
    return parse_toml(path.read_text(encoding="utf-8"), source=path.name)


def leads_of(stem: str) -> list[SimpleNamespace]:
    """The list's rows as an import would store them."""
    (chunk,) = open_leads(CAMPAIGNS / f"{stem}.csv").chunks(now=ELEVEN_IST)
    assert chunk.leads is not None and not chunk.rejects
    return [_lead(row) for row in chunk.leads.to_dicts()]


def _lead(row: dict[str, Any]) -> SimpleNamespace:
    attributes = json.loads(row.pop("attributes"))
    event_at = attributes.get("event_at")
    return SimpleNamespace(**row, lead_id=uuid4(), attributes=attributes, event_at=event_at)


def judge(lead: SimpleNamespace, definition: Definition, scrub: Scrub | None = None) -> Verdict:
    """Decide with the sender of ``sender.json``, this scrub, and nothing else known."""
    body: dict[str, Any] = json.loads((CAMPAIGNS / "sender.json").read_text(encoding="utf-8"))
    callers = {
        each["number"]: SimpleNamespace(**each, last_used_at=None) for each in body["caller_ids"]
    }
    sender = SimpleNamespace(
        peid=body["peid"],
        tmid=body["tmid"],
        a2p_reference=body["a2p"]["reference"],
        a2p_declared_on=date.fromisoformat(body["a2p"]["declared_on"]),
        a2p_objective=body["a2p"]["objective"],
    )
    scrubs = {} if scrub is None else {lead.phone: scrub}
    batch = Batch(set(), {lead.lead_id: _consents(lead)}, scrubs, {}, {})
    _, verdict = ask_the_law(
        CallerPool(callers),
        lead,
        Campaign(row=SimpleNamespace(id=uuid4()), definition=definition),
        sender=sender,
        batch=batch,
        packs=find_packs(definition.campaign.rule_packs),
        deciding=AtOnce(ELEVEN_IST),
    )
    return verdict


def _consents(lead: SimpleNamespace) -> tuple[Consent, ...]:
    if lead.consent_kind is None:
        return ()
    kind, _, ending = lead.consent_kind.partition(":")
    given_at = datetime.fromisoformat(lead.consent_at)
    return (Consent(kind, given_at, ended=ending == "ended"),)
