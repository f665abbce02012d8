"""The proof: one row a compliance decision, chained, and what links it to a person."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT

from dialer.store.tables.meta import account_id, at, metadata, one_of, text, uuid

# Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE. The typed columns serve queries;
# ``body`` is what was decided and is chained.
# No foreign keys: the proof outlives the rows it speaks of.
checks = Table(
    "checks",
    metadata,
    account_id(),
    uuid("id"),
    Column("seq", BigInteger, nullable=False),
    uuid("campaign_id"),
    uuid("enrolment_id"),
    uuid("lead_id"),
    uuid("subject_id"),
    at("decided_at"),
    text("decision"),
    text("code"),
    Column("codes", ARRAY(TEXT), nullable=False),
    text("rule_id", null=True),
    at("next_allowed_at", null=True),
    text("category"),
    text("mode"),
    text("caller_id", null=True),
    Column("body", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account_id", "id"),
    one_of("decision", ("allow", "deny")),
    Index("ix_checks_seq", "account_id", "seq"),
    Index("ix_checks_campaign", "account_id", "campaign_id", "id"),
    Index("ix_checks_subject", "account_id", "subject_id", "id"),
)

# Where the chain stood, signed, every hour and in every export; append-only too.
audit_heads = Table(
    "audit_heads",
    metadata,
    account_id(),
    uuid("id"),
    at("at"),
    Column("seq", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account_id", "id"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
)

# Erasing a person deletes this row; the checks stay and still verify.
subjects = Table(
    "subjects",
    metadata,
    account_id(),
    uuid("id"),
    text("phone"),
    at("created_at"),
    PrimaryKeyConstraint("account_id", "id"),
    UniqueConstraint("account_id", "phone"),
)
