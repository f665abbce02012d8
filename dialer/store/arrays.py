"""Many rows as one parameter a column: the statement stays the same however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, literal
from sqlalchemy.dialects.postgresql import ARRAY


def rows_of(columns: Sequence[tuple[Any, Sequence[Any]]], *, name: str = "given") -> Any:
    """Return a table of the values of (table column, values) pairs, named as the columns are.

    Unlike ``VALUES`` with a place for each value, it is compiled and prepared once.
    """
    arrays = [literal(list(values), ARRAY(column.type)) for column, values in columns]
    table = func.unnest(*arrays).table_valued(*(column.name for column, _ in columns))
    return table.render_derived(name=name)
