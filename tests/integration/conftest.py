"""The product's dialing on a database of each test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dialer.store.connect import create_engine
from dialer.store.engine import Database
from tests.integration.dialing_floor import Floor, open_floor


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    db = Database(create_engine(database_url))
    try:
        yield await open_floor(db)
    finally:
        await db.dispose()
