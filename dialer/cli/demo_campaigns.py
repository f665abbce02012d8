"""The sample campaigns as the demo plays them: the same words and rules, in minutes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec.structs import replace as with_fields

from dialer.app.runtime import Runtime
from dialer.dialing import lifecycle
from dialer.domain.campaign import CampaignState
from dialer.domain.definition import Definition
from dialer.domain.definition_parse import parse_toml
from dialer.leads.load import ImportResult, import_leads
from dialer.store import enrolments, lists, scrubs
from dialer.store.callers import upsert_callers, upsert_sender
from dialer.store.engine import Tx

STEMS = ("appointment_reminder", "solar_qualification")
LASTS = timedelta(hours=1)
RETRY_DELAYS = {
    "busy": ["PT10S"],
    "no_answer": ["PT5S", "PT10S"],
    "failed": ["PT10S"],
    "machine": ["PT5S"],
}
RING_TIMEOUT_S = 15


@dataclass(frozen=True, slots=True)
class Launched:
    """One sample campaign that runs."""

    stem: str
    name: str
    campaign_id: UUID
    imported: ImportResult


def hurried(definition: Definition, ends_at: datetime) -> Definition:
    """Return the campaign with retries within a minute and an end one hour ahead."""
    delays = {
        outcome: pauses
        for outcome, pauses in RETRY_DELAYS.items()
        if outcome in definition.retry.delays
    }
    return with_fields(
        definition,
        dialing=with_fields(definition.dialing, ring_timeout_s=RING_TIMEOUT_S, ends_at=ends_at),
        retry=with_fields(definition.retry, delays=delays),
    )


async def launch(runtime: Runtime, folder: Path, tell: Callable[[str], None]) -> list[Launched]:
    """Import the lists, say who we are, start both campaigns in one transaction each."""
    await runtime.db.run(lambda tx: _introduce(tx, folder))
    launched = []
    for stem in STEMS:
        one = await runtime.db.run(lambda tx, stem=stem: _launch(tx, runtime, folder, stem))  # type: ignore[misc]
        imported = one.imported
        tell(
            f"Imported {stem}.csv: {imported.rows} rows = {imported.loaded} loaded + "
            f"{imported.updated} updated + {imported.duplicate} duplicate + "
            f"{imported.rejected} rejected."
        )
        launched.append(one)
    return launched


async def _introduce(tx: Tx, folder: Path) -> None:
    """Write the sender that sender.json describes."""
    sender: dict[str, Any] = json.loads((folder / "sender.json").read_text(encoding="utf-8"))
    await upsert_sender(
        tx,
        peid=sender.get("peid"),
        tmid=sender.get("tmid"),
        reference=sender["a2p"]["reference"],
        declared_on=date.fromisoformat(sender["a2p"]["declared_on"]),
        objective=sender["a2p"].get("objective"),
    )
    await upsert_callers(tx, [(one["number"], one["series"]) for one in sender["caller_ids"]])


async def _launch(tx: Tx, runtime: Runtime, folder: Path, stem: str) -> Launched:
    imported = await import_leads(tx, name=stem, data=folder / f"{stem}.csv")
    source = f"{stem}.toml"
    text = (folder / source).read_text(encoding="utf-8")
    definition = hurried(parse_toml(text, source=source), tx.now + LASTS)
    if definition.campaign.category == "promotional":
        await _scrub(tx, imported.list_id)
    name = definition.campaign.name
    made = await lifecycle.create(
        tx, runtime.law, definition=definition, list_id=imported.list_id, name=name
    )
    await lifecycle.change_state(
        tx,
        made.id,
        CampaignState.RUNNING,
        actor="demo",
        missing_keys=runtime.law.missing_keys,
    )
    return Launched(stem, name, made.id, imported)


async def _scrub(tx: Tx, list_id: UUID) -> None:
    """A register run of this very moment in which nobody had blocked such calls; a real one comes
    from the operators' portal by POST /scrubs."""
    phones = await lists.phones_in(tx, list_id)
    await scrubs.add_scrub(
        tx,
        ref="DEMO-SCRUB",
        provider="demo",
        at=tx.now,
        list_id=list_id,
        verdicts=[(phone, "clear") for phone in phones],
        blocked=0,
        file_sha256=sha256("\n".join(phones).encode()).digest(),
    )
    await enrolments.wake(tx, codes=["DNC_SCRUB_STALE"])
