"""Who we dial for, with which identity, through which carrier account."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT

from dialer.store.tables.meta import account_id, at, breaker_columns, metadata, one_of, uuid
from dialer.store.tables.meta import text as text_

SERIES = ("140", "1600", "1601", "ordinary", "ordinary_with_carrier_letter", "own_verified")

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    text_("name"),
    # The product clock (design §4): now = clock_timestamp() + this many microseconds.
    Column("clock_offset_us", BigInteger, nullable=False, server_default=text("0")),
    text_("clock_start", null=True),  # the DIALER_CLOCK_START that set the offset
    # The head of the audit chain; this row is the last lock of every claim.
    Column("chain_head", LargeBinary, nullable=False),
    Column("chain_seq", BigInteger, nullable=False, server_default=text("0")),
    Column("chain_count", BigInteger, nullable=False, server_default=text("0")),
    # How long each kind of row is kept, days by kind; a kind that is absent has the default.
    Column("retention", JSONB, nullable=False, server_default=text("'{}'")),
)

senders = Table(
    "senders",
    metadata,
    account_id(),
    text_("peid", null=True),
    text_("tmid", null=True),
    text_("a2p_reference", null=True),
    Column("a2p_declared_on", Date),
    text_("a2p_objective", null=True),
    at("updated_at"),
    PrimaryKeyConstraint("account_id"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
)

caller_ids = Table(
    "caller_ids",
    metadata,
    account_id(),
    text_("number"),
    text_("series"),
    at("last_used_at", null=True),
    PrimaryKeyConstraint("account_id", "number"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
    one_of("series", SERIES),
)

carrier_accounts = Table(
    "carrier_accounts",
    metadata,
    account_id(),
    text_("carrier"),
    Column("cap", Integer, nullable=False),
    Column("cps", Float, nullable=False),
    Column("inbound_reserve", Integer, nullable=False, server_default=text("0")),
    at("next_slot_at", null=True),  # GCRA: the earliest instant of the next dial slot
    # What each running campaign is owed of whole calls, or owes: {campaign id: calls}.
    Column("share_carry", JSONB, nullable=False, server_default=text("'{}'")),
    *breaker_columns(),
    PrimaryKeyConstraint("account_id"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
)

# Calls of people who call our numbers: they use the cap as ours do.
inbound_calls = Table(
    "inbound_calls",
    metadata,
    account_id(),
    text_("call_uuid"),
    at("started_at"),
    at("seen_at"),  # when the carrier last showed that it is up
    at("ended_at", null=True),
    PrimaryKeyConstraint("account_id", "call_uuid"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
    Index(
        "ix_inbound_calls_live", "account_id", "seen_at", postgresql_where=text("ended_at is null")
    ),
)

# What all processes may still ask the carrier for. Not a column of carrier_accounts: that row is
# locked for as long as a claim takes, and a hang-up must not wait for one.
request_budgets = Table(
    "request_budgets",
    metadata,
    account_id(),
    at("drawn_until", null=True),  # GCRA: when all that was drawn has been paid for
    PrimaryKeyConstraint("account_id"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
)

api_keys = Table(
    "api_keys",
    metadata,
    account_id(),
    uuid("id"),
    text_("name"),
    Column("key_hash", LargeBinary, nullable=False),
    Column("scopes", ARRAY(TEXT), nullable=False),
    at("created_at"),
    at("revoked_at", null=True),
    PrimaryKeyConstraint("account_id", "id"),
    UniqueConstraint("account_id", "name"),
    UniqueConstraint("account_id", "key_hash"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    account_id(),
    text_("key"),
    Column("request_hash", LargeBinary, nullable=False),
    Column("status", Integer),
    text_("content_type", null=True),
    Column("body", LargeBinary),
    at("created_at"),
    PrimaryKeyConstraint("account_id", "key"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
)

# Dated list prices; a part without a row here has an unknown cost, which is null (invariant 12).
prices = Table(
    "prices",
    metadata,
    account_id(),
    text_("provider"),
    text_("item"),
    text_("unit"),
    at("valid_from"),
    Column("usd", Numeric(18, 9), nullable=False),
    text_("source"),
    PrimaryKeyConstraint("account_id", "provider", "item", "valid_from"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
)

admin_log = Table(
    "admin_log",
    metadata,
    account_id(),
    uuid("id"),
    at("at"),
    text_("actor"),
    text_("action"),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    Column("succeeded", Boolean, nullable=False, server_default=text("true")),
    PrimaryKeyConstraint("account_id", "id"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
)
