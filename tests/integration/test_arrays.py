"""Arrays that travel as one text come out as they went in, or not at all."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.store.arrays import joined, unjoined
from dialer.store.connect import create_engine
from dialer.store.engine import Database

SEPARATORS = "\x1e\x1f"


@pytest.mark.parametrize(
    "texts", [[], ["a"], [None], [None, "a", None], ["", "a"], ["a", ""], ["ä\n{,}\"'", "\\N"]]
)
async def test_an_array_comes_out_as_it_went_in(
    module_database_url: str, texts: list[str | None]
) -> None:
    db = Database(create_engine(module_database_url))
    (row,) = await db.fetch(f"SELECT {unjoined(1, 'text')} AS found", joined(texts))
    assert row.found == texts
    ids = [uuid4() for _ in texts]
    (row,) = await db.fetch(f"SELECT {unjoined(1, 'uuid')} AS found", joined([i.hex for i in ids]))
    assert row.found == ids
    await db.dispose()


@given(st.lists(st.text(alphabet="a\x1e\x1f", max_size=3), min_size=1, max_size=4))
def test_no_value_is_taken_for_another(texts: list[str]) -> None:
    """As Postgres' string_to_array reads it."""
    try:
        whole = joined(texts)
    except ValueError:
        assert texts == [""] or any(set(SEPARATORS) & set(text) for text in texts)
    else:
        assert [None if one == "\x1e" else one for one in whole.split("\x1f")] == texts
