"""What every table shares: the metadata with its naming, and columns of our few kinds.

``account_id`` leads every unique key and hot index. Ids are UUIDv7 made in Python, times are
timestamptz in product time unless a column says otherwise, enums are checked text.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Text,
    Uuid,
)
from sqlalchemy import text as sql

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def account_id() -> Column[UUID]:
    return Column("account_id", Uuid, nullable=False)


def uuid(name: str, *, null: bool = False) -> Column[UUID]:
    return Column(name, Uuid, nullable=null)


def at(name: str, *, null: bool = False) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=null)


def text(name: str, *, null: bool = False, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=null, server_default=default)


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """An enum as checked text: readable in psql, changed by a one-line migration."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({listed})", name=column)


def belongs_to(parent: str, column: str, **options: Any) -> ForeignKeyConstraint:
    """A composite foreign key (account_id, ``column``) → ``parent`` (account_id, id)."""
    return ForeignKeyConstraint(
        ["account_id", column], [f"{parent}.account_id", f"{parent}.id"], **options
    )


def breaker_columns() -> tuple[Column[Any], ...]:
    """The breaker of a carrier account or a campaign (`domain.breakers`); without a reason it is
    closed. ``resumed_at``: what happened before counts no more."""
    return (
        text("paused_reason", null=True),
        text("paused_detail", null=True),
        at("paused_at", null=True),
        at("paused_until", null=True),  # none while it waits for a hand
        Column("failed_probes", Integer, nullable=False, server_default=sql("0")),
        uuid("probe_id", null=True),
        at("resumed_at", null=True),
    )
