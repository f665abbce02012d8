"""DIALER_CLOCK_START (design §8): product time starts there, keeps its offset, never goes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from dialer.app.clock import set_clock
from dialer.errors import SettingsError
from dialer.leads.load import import_leads
from dialer.settings import Settings, read_settings
from dialer.store import migrate
from dialer.store.connect import create_engine
from dialer.store.engine import Database
from tests.conftest import NewDatabase


def settings(start: str | None) -> Settings:
    return read_settings({} if start is None else {"DIALER_CLOCK_START": start})


@pytest.fixture
async def db(new_database: NewDatabase) -> AsyncIterator[Database]:
    engine = create_engine(await new_database())
    await migrate.upgrade(engine)
    yield Database(engine)
    await engine.dispose()


async def product_now(db: Database) -> datetime:
    async with db.begin() as tx:
        return tx.now


async def test_product_time_starts_where_it_is_told_and_keeps_its_offset(db: Database) -> None:
    start = "2020-02-29T11:00:00+05:30"
    offset = await set_clock(db, settings(start))
    assert (
        timedelta(0) <= await product_now(db) - datetime.fromisoformat(start) < timedelta(minutes=1)
    )
    assert await set_clock(db, settings(start)) == offset, "the same value again changes nothing"
    assert await set_clock(db, settings(None)) == offset, "unset keeps the stored offset"


async def test_product_time_never_goes_back_once_anything_happened(db: Database) -> None:
    await set_clock(db, settings("2030-01-01T11:00:00+05:30"))
    await set_clock(db, settings("2029-01-01T11:00:00+05:30"))  # nothing is stamped yet
    csv = b"phone\n9876543210\n"
    await db.run(lambda tx: import_leads(tx, name="a", data=csv))
    with pytest.raises(SettingsError, match="DIALER_CLOCK_START"):
        await set_clock(db, settings("2028-01-01T11:00:00+05:30"))
    await set_clock(db, settings("2031-01-01T11:00:00+05:30"))
    assert await product_now(db) >= datetime(2031, 1, 1, 5, 30, tzinfo=UTC)


async def test_a_shifted_database_is_refused_to_real_vendors(db: Database) -> None:
    await set_clock(db, settings("2030-01-01T11:00:00+05:30"))
    real = {"PLIVO_AUTH_ID": "MA" + "X" * 18, "PLIVO_AUTH_TOKEN": "t"}
    with pytest.raises(SettingsError, match="shifted clock"):
        await set_clock(db, read_settings(real))
