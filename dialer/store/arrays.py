"""Many rows as one parameter a column: the statement stays the same however many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Table, func, literal
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # published without types


def rows_of(columns: Sequence[tuple[Any, Sequence[Any]]], *, name: str = "given") -> Any:
    """Return a table of the values of (table column, values) pairs, named as the columns are.

    Unlike ``VALUES`` with a place for each value, it is compiled and prepared once.
    """
    arrays = [literal(list(values), ARRAY(column.type)) for column, values in columns]
    table = func.unnest(*arrays).table_valued(*(column.name for column, _ in columns))
    return table.render_derived(name=name)


@lru_cache(maxsize=64)
def unnest(table: Table, names: tuple[str, ...], first: int) -> str:
    """Return ``unnest($first::type[], …) AS given(name, …)``: one array a column of ``table``.

    For `Tx.fetch`. A column of arrays comes as text with commas, as Postgres has no lists of
    unequal lists; `taken` reads it back.
    """
    arrays = (
        f"${number}::{'text' if _is_array(table, name) else _type(table, name)}[]"
        for number, name in enumerate(names, first)
    )
    return f"unnest({', '.join(arrays)}) AS given({', '.join(names)})"


@lru_cache(maxsize=64)
def taken(table: Table, names: tuple[str, ...]) -> str:
    """Return the select list that reads ``names`` out of `unnest`."""
    return ", ".join(
        f"string_to_array(given.{name}, ',')" if _is_array(table, name) else f"given.{name}"
        for name in names
    )


def columns_of(
    table: Table, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> list[list[Any]]:
    """Turn rows into the arrays that `unnest` takes."""
    return [
        [",".join(row[name]) for row in rows]
        if _is_array(table, name)
        else [row[name] for row in rows]
        for name in names
    ]


@lru_cache(maxsize=512)
def _is_array(table: Table, name: str) -> bool:
    return isinstance(table.c[name].type, ARRAY)


def _type(table: Table, name: str) -> str:
    return table.c[name].type.compile(dialect=_DIALECT)
