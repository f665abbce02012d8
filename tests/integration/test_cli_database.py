"""A command whose database does something unexpected under it ends with one line, not a crash."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from dialer.cli.shared import opened
from dialer.errors import RuleViolation, Unavailable
from dialer.settings import Settings, read_settings
from dialer.store.access import add_key
from dialer.store.engine import Tx
from dialer.store.tables import api_keys


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return read_settings({"DATABASE_URL": database_url, "DIALER_DATA_DIR": str(tmp_path)})


async def _copy_keys(tx: Tx) -> None:
    """What an insert meets whose look came before another one's commit."""
    await add_key(tx, name="crm", key_hash=b"1", scopes=["read"])
    copy = text("INSERT INTO api_keys SELECT (jsonb_populate_record(k, :other)).* FROM api_keys k")
    await tx.execute(copy, {"other": '{"id": "01900000-0000-7000-8000-0000000000ff"}'})


async def test_who_was_slower_is_told_to_look(settings: Settings) -> None:
    with pytest.raises(RuleViolation, match="look and retry"):
        async with opened(settings) as db:
            await db.run(_copy_keys)
    async with opened(settings) as db, db.begin() as tx:
        assert await tx.all(api_keys.select()) == [], "and nothing is half done"


async def test_a_server_that_goes_away_is_named(settings: Settings) -> None:
    with pytest.raises(Unavailable, match=r"^DATABASE_URL: the database cannot be reached"):
        async with opened(settings) as db, db.begin() as tx:
            await tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
