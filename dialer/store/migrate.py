"""Bring a database to the newest schema and seed the one account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.compliance.chain import GENESIS
from dialer.errors import Unavailable
from dialer.shipped import shipped_folder
from dialer.store.engine import ACCOUNT_ID
from dialer.store.prices import seed_prices
from dialer.store.tables import accounts, carrier_accounts, request_budgets, tally_marks

if TYPE_CHECKING:
    from alembic.config import Config

# Any 64-bit number of our own; two processes that start together migrate one after the other.
_MIGRATION_LOCK = 0x6469616C6572

_NOTHING_YET = datetime(1970, 1, 1, tzinfo=UTC)
OLDEST_POSTGRES = 150000


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, from the checkout or from the installed package."""
    # Here, as most processes start on a database that is up to date.
    from alembic.config import Config

    config = Config(shipped_folder("migrations").parent / "alembic.ini")
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    """Return the revision of the newest schema: the files are named by theirs, in order."""
    names = sorted(path.name for path in (shipped_folder("migrations") / "versions").glob("*.py"))
    return names[-1].partition("_")[0]


def _upgrade(connection: Connection, revision: str) -> None:
    from alembic import command

    command.upgrade(alembic_config(connection), revision)


def _downgrade(connection: Connection, revision: str) -> None:
    from alembic import command

    command.downgrade(alembic_config(connection), revision)


async def upgrade(engine: AsyncEngine, revision: str = "head") -> None:
    """Migrate to ``revision`` in one transaction, then seed what is missing."""
    async with engine.begin() as connection:
        version = await connection.scalar(text("select current_setting('server_version_num')::int"))
        if version < OLDEST_POSTGRES:
            raise Unavailable(f"Postgres {version // 10000} is too old; 15 or newer is needed")
        await connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        if revision != "head" or await _revision(connection) != newest_revision():
            await connection.run_sync(_upgrade, revision)
        if revision == "head":
            await connection.execute(
                insert(accounts)
                .values(id=ACCOUNT_ID, name="default", chain_head=GENESIS)
                .on_conflict_do_nothing()
            )
            await connection.execute(
                insert(carrier_accounts)
                .values(account_id=ACCOUNT_ID, carrier="plivo", cap=50, cps=2.0)
                .on_conflict_do_nothing()
            )
            await connection.execute(
                insert(tally_marks)
                .values(account_id=ACCOUNT_ID, upto=_NOTHING_YET)
                .on_conflict_do_nothing()
            )
            await connection.execute(
                insert(request_budgets).values(account_id=ACCOUNT_ID).on_conflict_do_nothing()
            )
            await connection.execute(seed_prices(ACCOUNT_ID))


async def _revision(connection: AsyncConnection) -> str | None:
    """Return where the database is; None without any table of ours."""
    if await connection.scalar(text("select to_regclass('alembic_version')")) is None:
        return None
    found = await connection.scalars(text("select version_num from alembic_version"))
    return found.first()


async def downgrade(engine: AsyncEngine, revision: str = "base") -> None:
    """Undo migrations down to ``revision``."""
    async with engine.begin() as connection:
        await connection.run_sync(_downgrade, revision)
