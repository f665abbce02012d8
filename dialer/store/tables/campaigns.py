"""Campaigns, their frozen definitions, and the queue."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT

from dialer.domain.attempt import Disposition
from dialer.domain.campaign import CampaignState
from dialer.domain.retry import EnrolmentState
from dialer.store.tables.meta import (
    account_id,
    at,
    belongs_to,
    breaker_columns,
    metadata,
    one_of,
    uuid,
)
from dialer.store.tables.meta import text as text_

campaigns = Table(
    "campaigns",
    metadata,
    account_id(),
    uuid("id"),
    text_("name"),
    uuid("list_id"),
    text_("state"),
    Column("version", Integer, nullable=False),
    Column("weight", Float, nullable=False),
    at("starts_at", null=True),
    at("ends_at", null=True),
    Column("max_cps", Float),
    at("next_slot_at", null=True),  # pace of this campaign where it has a max_cps
    # Zones its leads bring with them: while all are closed, nobody is claimed.
    Column("lead_zones", ARRAY(TEXT), nullable=False, server_default=text("'{}'")),
    at("created_at"),
    at("changed_at"),
    *breaker_columns(),
    PrimaryKeyConstraint("account_id", "id"),
    UniqueConstraint("account_id", "name"),
    belongs_to("lead_lists", "list_id"),
    one_of("state", CampaignState),
    Index("ix_campaigns_state", "account_id", "state"),
)

# What a campaign's calls have cost that ended up to ``upto``; later ones are added up when asked.
spending = Table(
    "spending",
    metadata,
    account_id(),
    uuid("campaign_id"),
    at("upto"),
    Column("known_usd", Numeric(18, 6), nullable=False),
    Column("dearest_usd", Numeric(18, 6)),
    Column("unknown", Integer, nullable=False),
    PrimaryKeyConstraint("account_id", "campaign_id"),
    belongs_to("campaigns", "campaign_id"),
)

campaign_versions = Table(
    "campaign_versions",
    metadata,
    account_id(),
    uuid("campaign_id"),
    Column("version", Integer, nullable=False),
    Column("definition", JSONB, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    at("created_at"),
    PrimaryKeyConstraint("account_id", "campaign_id", "version"),
    belongs_to("campaigns", "campaign_id"),
)

campaign_log = Table(
    "campaign_log",
    metadata,
    account_id(),
    uuid("id"),
    uuid("campaign_id"),
    at("at"),
    text_("from_state", null=True),
    text_("to_state"),
    text_("actor"),
    text_("reason"),
    PrimaryKeyConstraint("account_id", "id"),
    belongs_to("campaigns", "campaign_id"),
    Index("ix_campaign_log_campaign", "account_id", "campaign_id", "id"),
)

enrolments = Table(
    "enrolments",
    metadata,
    account_id(),
    uuid("id"),
    uuid("campaign_id"),
    uuid("lead_id"),
    text_("phone"),
    text_("state"),
    at("due_at", null=True),
    text_("zone_key", default="''"),  # which zones the lead may be in: `queues.zone_key`
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),  # counted ones
    text_("disposition", null=True),
    text_("blocked_code", null=True),  # why it is blocked, or what the wait is for
    uuid("last_check_id", null=True),
    uuid("last_attempt_id", null=True),
    at("changed_at"),
    PrimaryKeyConstraint("account_id", "id"),
    UniqueConstraint("account_id", "campaign_id", "lead_id"),
    belongs_to("campaigns", "campaign_id"),
    belongs_to("leads", "lead_id"),
    one_of("state", EnrolmentState),
    one_of("disposition", Disposition),
    CheckConstraint("due_at is null or state = 'waiting'", name="due_only_while_waiting"),
    # The queue: what the claim reads, and nothing else.
    Index(
        "ix_enrolments_due",
        "account_id",
        "campaign_id",
        "zone_key",
        "priority",
        "due_at",
        postgresql_where=text("state = 'waiting' and due_at is not null"),
    ),
    Index("ix_enrolments_state", "account_id", "campaign_id", "state"),
    Index("ix_enrolments_phone", "account_id", "phone"),
    # What a status counts: those that came to their end since the tallies, and those held up.
    Index(
        "ix_enrolments_final",
        "account_id",
        "campaign_id",
        "changed_at",
        postgresql_where=text("state not in ('waiting', 'calling')"),
    ),
    Index(
        "ix_enrolments_held",
        "account_id",
        "campaign_id",
        "blocked_code",
        "due_at",
        postgresql_where=text("state = 'waiting' and blocked_code is not null"),
    ),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
)
