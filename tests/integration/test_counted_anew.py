"""Tables that grew by many rows at once are counted before anybody asks about them."""

from __future__ import annotations

from dialer.dialing import lifecycle
from dialer.dialing.law import Law
from dialer.domain.definition_parse import parse_toml
from dialer.keys import Keys
from dialer.leads.load import import_leads
from dialer.shipped import shipped_folder
from dialer.store.connect import create_engine
from dialer.store.engine import Database, Tx

LEADS = 1500


async def test_a_list_and_its_campaign_are_counted_once_they_are_there(database_url: str) -> None:
    db = Database(create_engine(database_url))
    rows = "".join(f"+9198{n:08d},inferred,2026-01-05,c,d,t\n" for n in range(LEADS))
    csv = f"phone,consent_kind,consent_at,clinic,date,time\n{rows}".encode()
    listed = await db.run(lambda tx: import_leads(tx, name="many", data=csv))
    assert await counted(db) == {"leads": LEADS, "consents": LEADS, "enrolments": -1}

    async def create(tx: Tx) -> None:
        law = Law(Keys.derive("test"), "test", "test")
        path = shipped_folder("campaigns") / "appointment_reminder.toml"
        definition = parse_toml(path.read_text(), source="test")
        await lifecycle.create(tx, law, definition=definition, list_id=listed.list_id, name="many")

    await db.run(create)
    assert (await counted(db))["enrolments"] == LEADS
    await db.dispose()


async def counted(db: Database) -> dict[str, float]:
    rows = await db.fetch(
        "SELECT relname, reltuples FROM pg_class "
        "WHERE relname IN ('leads', 'consents', 'enrolments') AND relkind = 'r'"
    )
    return {row[0]: row[1] for row in rows}
