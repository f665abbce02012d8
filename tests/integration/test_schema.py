"""The schema on a real Postgres: migrations build what the models say, and undo it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from dialer.store import migrate
from dialer.store.connect import create_engine
from dialer.store.engine import Database
from dialer.store.tables import metadata
from tests.conftest import NewDatabase


async def test_migrations_build_exactly_the_models(new_database: NewDatabase) -> None:
    engine = create_engine(await new_database())
    await migrate.upgrade(engine)
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"compare_type": True}), metadata
            )
        )
    await engine.dispose()
    assert differences == []


async def test_upgrade_twice_and_downgrade_leave_nothing_behind(new_database: NewDatabase) -> None:
    engine = create_engine(await new_database())
    await migrate.upgrade(engine)
    await migrate.upgrade(engine)
    async with Database(engine).begin() as tx:
        assert tx.now.tzinfo is not None
    await migrate.downgrade(engine)
    async with engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
    await engine.dispose()
    assert tables == ["alembic_version"]


def test_every_table_but_accounts_is_keyed_by_account_first() -> None:
    for table in metadata.tables.values():
        if table.name != "accounts":
            assert next(iter(table.primary_key.columns)).name == "account_id", table.name
            for index in table.indexes:
                first = next(iter(index.expressions))
                assert getattr(first, "name", "") == "account_id", index.name


def test_the_newest_revision_is_read_off_the_files_as_alembic_does() -> None:
    script = ScriptDirectory.from_config(migrate.alembic_config())
    assert migrate.newest_revision() == script.get_current_head()
