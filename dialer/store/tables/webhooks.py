"""Facts for the customer's systems: written with the fact, delivered afterwards."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT

from dialer.domain.webhook import DeliveryState
from dialer.store.tables.meta import account_id, at, belongs_to, metadata, one_of, uuid
from dialer.store.tables.meta import text as text_

outbox = Table(
    "outbox",
    metadata,
    account_id(),
    uuid("id"),  # the stable webhook id
    text_("type"),
    Column("payload", JSONB, nullable=False),
    at("at"),
    at("spread_at", null=True),  # when its deliveries were created
    PrimaryKeyConstraint("account_id", "id"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
    Index("ix_outbox_unspread", "account_id", "id", postgresql_where=text("spread_at is null")),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    account_id(),
    uuid("id"),
    text_("url"),
    Column("types", ARRAY(TEXT), nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("is_enabled", Boolean, nullable=False, server_default=text("true")),
    text_("disabled_reason", null=True),  # where nobody wished it
    at("created_at"),
    PrimaryKeyConstraint("account_id", "id"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
)

deliveries = Table(
    "deliveries",
    metadata,
    account_id(),
    uuid("event_id"),
    uuid("endpoint_id"),
    text_("state"),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    at("due_at", null=True),
    Column("last_status", Integer),
    text_("last_error", null=True),  # why no reply came
    at("delivered_at", null=True),
    PrimaryKeyConstraint("account_id", "event_id", "endpoint_id"),
    belongs_to("outbox", "event_id"),
    belongs_to("webhook_endpoints", "endpoint_id", ondelete="CASCADE"),
    one_of("state", DeliveryState),
    Index(
        "ix_deliveries_due",
        *("account_id", "endpoint_id", "due_at"),
        postgresql_where=text("state = 'due'"),
    ),
    Index("ix_deliveries_endpoint", "account_id", "endpoint_id", "event_id"),
)
