"""Imports and the people in them."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT

from dialer.store.tables.meta import account_id, at, belongs_to, metadata, one_of, uuid
from dialer.store.tables.meta import text as text_

lead_lists = Table(
    "lead_lists",
    metadata,
    account_id(),
    uuid("id"),
    text_("name"),
    text_("status"),
    text_("problem", null=True),
    # Of all imports into this list together; rows = loaded + updated + duplicate + rejected.
    Column("rows", Integer, nullable=False, server_default=text("0")),
    Column("loaded", Integer, nullable=False, server_default=text("0")),
    Column("updated", Integer, nullable=False, server_default=text("0")),
    Column("duplicate", Integer, nullable=False, server_default=text("0")),
    Column("rejected", Integer, nullable=False, server_default=text("0")),
    # Attribute columns in the file's order, for exports and placeholder checks.
    Column("columns", ARRAY(TEXT), nullable=False, server_default=text("'{}'")),
    # Of the newest file, so that its rejects can be given back as a file to mend.
    Column("header", ARRAY(TEXT), nullable=False, server_default=text("'{}'")),
    text_("delimiter", default=","),
    at("created_at"),
    PrimaryKeyConstraint("account_id", "id"),
    UniqueConstraint("account_id", "name"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
    one_of("status", ("importing", "ready", "failed")),
)

leads = Table(
    "leads",
    metadata,
    account_id(),
    uuid("id"),
    uuid("list_id"),
    text_("phone"),  # E.164
    Column("other_phones", ARRAY(TEXT), nullable=False, server_default=text("'{}'")),
    text_("external_id", null=True),
    text_("name", null=True),
    text_("first_name", null=True),
    text_("timezone", null=True),  # canonical IANA name; adds to the rule pack's zones
    text_("language", null=True),
    Column("attributes", JSONB, nullable=False, server_default=text("'{}'")),
    at("created_at"),
    at("updated_at"),
    PrimaryKeyConstraint("account_id", "id"),
    UniqueConstraint("account_id", "list_id", "phone"),
    UniqueConstraint("account_id", "list_id", "external_id"),
    belongs_to("lead_lists", "list_id", ondelete="CASCADE"),
    Index("ix_leads_phone", "account_id", "phone"),
)

rejects = Table(
    "rejects",
    metadata,
    account_id(),
    uuid("id"),
    uuid("list_id"),
    Column("line", Integer, nullable=False),  # physical line in the file, the header is 1
    text_("raw"),
    text_("column", null=True),
    text_("reason"),
    Column("is_duplicate", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("account_id", "id"),
    belongs_to("lead_lists", "list_id", ondelete="CASCADE"),
    Index("ix_rejects_list", "account_id", "list_id", "line"),
)

# Facts, never changed: a withdrawal is a new row with has_ended.
consents = Table(
    "consents",
    metadata,
    account_id(),
    uuid("id"),
    uuid("lead_id"),
    text_("kind"),
    at("captured_at", null=True),
    Column("has_ended", Boolean, nullable=False, server_default=text("false")),
    text_("source", null=True),
    text_("evidence", null=True),
    at("recorded_at"),
    PrimaryKeyConstraint("account_id", "id"),
    belongs_to("leads", "lead_id", ondelete="CASCADE"),
    Index("ix_consents_lead", "account_id", "lead_id"),
)
