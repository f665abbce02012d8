"""Do-not-call: our own list, and the register runs of an operator's portal."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
)
from sqlalchemy import text as sql

from dialer.domain.erasure import MARK
from dialer.store.tables.meta import account_id, at, belongs_to, metadata, one_of, text, uuid

suppressions = Table(
    "suppressions",
    metadata,
    account_id(),
    uuid("id"),
    text("phone"),  # E.164, or an erased one's mark
    text("scope"),
    uuid("campaign_id", null=True),  # of scope campaign
    text("source"),  # api, cli, call, import
    text("reason"),  # opt_out, complaint, ...
    at("at"),
    at("complained_at", null=True),  # first; also where the number was suppressed before
    uuid("attempt_id", null=True),
    PrimaryKeyConstraint("account_id", "id"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
    one_of("scope", ("everywhere", "campaign")),
    # One row a phone, scope and campaign; scope everywhere has no campaign.
    Index(
        "uq_suppressions_phone",
        "account_id",
        "phone",
        "scope",
        "campaign_id",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
    Index(
        "ix_suppressions_complained",
        "account_id",
        "complained_at",
        postgresql_where=sql("complained_at is not null"),
    ),
    Index("ix_suppressions_erased", "account_id", postgresql_where=sql(f"phone like '{MARK}%'")),
)

scrubs = Table(
    "scrubs",
    metadata,
    account_id(),
    uuid("id"),
    text("ref"),
    text("provider"),
    at("at"),
    uuid("list_id", null=True),
    Column("submitted", Integer, nullable=False),
    Column("blocked", Integer, nullable=False),
    Column("file_sha256", LargeBinary, nullable=False),
    at("recorded_at"),
    PrimaryKeyConstraint("account_id", "id"),
    belongs_to("lead_lists", "list_id"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
)

scrub_results = Table(
    "scrub_results",
    metadata,
    account_id(),
    uuid("scrub_id"),
    text("phone"),
    text("verdict"),
    PrimaryKeyConstraint("account_id", "scrub_id", "phone"),
    belongs_to("scrubs", "scrub_id", ondelete="CASCADE"),
    Index("ix_scrub_results_phone", "account_id", "phone"),
)
