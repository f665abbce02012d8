"""What people asked us to forget."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from dialer.store.tables.meta import account_id, at, metadata, text, uuid

# ``phone`` is there only while a call to it is still up: with ``done_at`` it goes too.
erasures = Table(
    "erasures",
    metadata,
    account_id(),
    uuid("id"),
    text("phone", null=True),
    text("actor"),
    at("asked_at"),
    at("done_at", null=True),
    Column("counts", JSONB, nullable=False, server_default=sql("'{}'")),  # rows by kind
    PrimaryKeyConstraint("account_id", "id"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
    Index("ix_erasures_open", "account_id", "id", postgresql_where=sql("done_at is null")),
)
