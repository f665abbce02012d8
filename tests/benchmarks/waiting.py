"""A running campaign with as many waiting leads as wanted, made by the database itself."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import text

from dialer.dialing import lifecycle
from dialer.dialing.law import Law
from dialer.domain.campaign import CampaignState
from dialer.domain.definition_parse import parse_toml
from dialer.leads.load import import_leads
from dialer.shipped import shipped_folder
from dialer.store.callers import upsert_callers, upsert_sender
from dialer.store.engine import Database, Tx

NOON = "2026-11-23T06:30:00+00:00"  # Monday 12:00 in India
_COLUMNS = "phone,name,consent_kind,consent_at,clinic,date,time"

# Ids that go up with the rows, as the product's do (`domain.ids`): neighbours stand together.
_ID = (
    "(lpad(to_hex({0} >> 12), 12, '0') || '7' || lpad(to_hex({0} & 4095), 3, '0') || :noise)::uuid"
)
_LEADS = f"""
INSERT INTO leads
  (account_id, id, list_id, phone, name, timezone, attributes, created_at, updated_at)
SELECT l.account_id, {_ID.format("(:first + n)")}, l.id,
  '+9197' || lpad((:first + n)::text, 8, '0'), 'Asha',
  CAST(:zone AS text), '{{"clinic": "c", "date": "d", "time": "t"}}', :now, :now
FROM lead_lists l, generate_series(1, :count) n WHERE l.name = :name
"""
_CONSENTS = """
INSERT INTO consents (account_id, id, lead_id, kind, captured_at, recorded_at)
SELECT l.account_id, l.id, l.id, 'inferred', '2026-01-05', :now
FROM leads l WHERE NOT EXISTS
  (SELECT FROM consents c WHERE c.account_id = l.account_id AND c.lead_id = l.id) ORDER BY l.id
"""
_ENROLMENTS = """
INSERT INTO enrolments
  (account_id, id, campaign_id, lead_id, phone, state, due_at, zone_key, changed_at)
SELECT l.account_id, l.id, c.id, l.id, l.phone, 'waiting', :now,
  coalesce(l.timezone, ''), :now
FROM leads l JOIN campaigns c ON c.account_id = l.account_id AND c.list_id = l.list_id
WHERE c.id = :campaign_id ORDER BY l.id ON CONFLICT (account_id, campaign_id, lead_id) DO NOTHING
"""


async def set_noon(tx: Tx) -> None:
    """Set the product clock, for the transactions that follow."""
    await tx.execute(
        text("UPDATE accounts SET clock_offset_us = extract(epoch FROM :at - now()) * 1000000"),
        {"at": datetime.fromisoformat(NOON)},
    )


async def start_campaign(tx: Tx, law: Law, name: str = "bench") -> UUID:
    """Start the shipped reminder to one lead; `add_leads` brings the others."""
    await upsert_sender(
        tx, peid=None, tmid=None, reference="A", declared_on=date(2026, 1, 1), objective="bench"
    )
    await upsert_callers(tx, [("+911601200001", "1601")])
    csv = f"{_COLUMNS}\n+919811111111,Asha,inferred,2026-01-05,c,d,t\n"
    leads = await import_leads(tx, name=name, data=csv.encode())
    definition = parse_toml(
        (shipped_folder("campaigns") / "appointment_reminder.toml").read_text(), source="bench"
    )
    made = await lifecycle.create(tx, law, definition=definition, list_id=leads.list_id, name=name)
    await lifecycle.change_state(tx, made.id, CampaignState.RUNNING, actor="bench")
    return made.id


async def add_leads(
    db: Database, campaign_id: UUID, count: int, *, first: int, zone: str | None = None
) -> None:
    """Add ``count`` due leads to a campaign made by `start_campaign`, numbered from ``first``."""
    async with db.begin() as tx:
        (campaign,) = await tx.all(
            text("SELECT name FROM campaigns WHERE id = :id").bindparams(id=campaign_id)
        )
        values = {"now": tx.now, "zone": zone, "count": count, "first": first}
        noise = uuid4().hex[:16]
        await tx.execute(text(_LEADS), values | {"name": campaign.name, "noise": noise})
        await tx.execute(text(_CONSENTS), {"now": tx.now})
        await tx.execute(text(_ENROLMENTS), {"now": tx.now, "campaign_id": campaign_id})
        zones = [] if zone is None else [zone]
        await tx.execute(
            text("UPDATE campaigns SET lead_zones = lead_zones || :zones WHERE id = :id"),
            {"zones": zones, "id": campaign_id},
        )
    await analyze(db)


async def end_calls(tx: Tx) -> None:
    """End whatever was just claimed."""
    await tx.execute(text("UPDATE attempts SET state = 'ended' WHERE state = 'intended'"))


async def analyze(db: Database) -> None:
    """Do what a running Postgres does by itself within a minute; plans are made anew then."""
    async with db.begin() as tx:
        await tx.execute(text("ANALYZE"))
