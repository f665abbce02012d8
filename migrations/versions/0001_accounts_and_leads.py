"""Who we dial for, with which identity, and whom: accounts, leads, do-not-call."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("clock_offset_us", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("clock_start", sa.Text(), nullable=True),
        sa.Column("chain_head", sa.LargeBinary(), nullable=False),
        sa.Column("chain_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("chain_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "senders",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("peid", sa.Text(), nullable=True),
        sa.Column("tmid", sa.Text(), nullable=True),
        sa.Column("a2p_reference", sa.Text(), nullable=True),
        sa.Column("a2p_declared_on", sa.Date(), nullable=True),
        sa.Column("a2p_objective", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_senders_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_senders")),
    )
    op.create_table(
        "caller_ids",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "series in ('140', '1600', '1601', 'ordinary', 'ordinary_with_carrier_letter', 'own_verified')",
            name=op.f("ck_caller_ids_series"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_caller_ids_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "number", name=op.f("pk_caller_ids")),
    )
    op.create_table(
        "carrier_accounts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("cap", sa.Integer(), nullable=False),
        sa.Column("cps", sa.Float(), nullable=False),
        sa.Column("inbound_reserve", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_slot_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_carrier_accounts_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_carrier_accounts")),
    )
    op.create_table(
        "api_keys",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_api_keys_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("account_id", "key_hash", name=op.f("uq_api_keys_account_id_key_hash")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_api_keys_account_id_name")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_idempotency_keys_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "prices",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("usd", sa.Numeric(precision=18, scale=9), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_prices_account_id")),
        sa.PrimaryKeyConstraint(
            "account_id", "provider", "item", "valid_from", name=op.f("pk_prices")
        ),
    )
    op.create_table(
        "admin_log",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column(
            "detail",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("succeeded", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_admin_log_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_admin_log")),
    )
    op.create_table(
        "lead_lists",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("rows", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("loaded", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("duplicate", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rejected", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "columns", postgresql.ARRAY(sa.TEXT()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "header", postgresql.ARRAY(sa.TEXT()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("delimiter", sa.Text(), server_default=",", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status in ('importing', 'ready', 'failed')", name=op.f("ck_lead_lists_status")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_lead_lists_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_lead_lists")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_lead_lists_account_id_name")),
    )
    op.create_table(
        "leads",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column(
            "other_phones",
            postgresql.ARRAY(sa.TEXT()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "list_id"],
            ["lead_lists.account_id", "lead_lists.id"],
            name=op.f("fk_leads_account_id_list_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_leads")),
        sa.UniqueConstraint(
            "account_id",
            "list_id",
            "external_id",
            name=op.f("uq_leads_account_id_list_id_external_id"),
        ),
        sa.UniqueConstraint(
            "account_id", "list_id", "phone", name=op.f("uq_leads_account_id_list_id_phone")
        ),
    )
    op.create_index("ix_leads_phone", "leads", ["account_id", "phone"], unique=False)
    op.create_table(
        "rejects",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("column", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("is_duplicate", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "list_id"],
            ["lead_lists.account_id", "lead_lists.id"],
            name=op.f("fk_rejects_account_id_list_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_rejects")),
    )
    op.create_index("ix_rejects_list", "rejects", ["account_id", "list_id", "line"], unique=False)
    op.create_table(
        "consents",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("has_ended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "lead_id"],
            ["leads.account_id", "leads.id"],
            name=op.f("fk_consents_account_id_lead_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_consents")),
    )
    op.create_index("ix_consents_lead", "consents", ["account_id", "lead_id"], unique=False)
    op.create_table(
        "suppressions",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "scope in ('everywhere', 'campaign')", name=op.f("ck_suppressions_scope")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_suppressions_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_suppressions")),
    )
    op.create_index(
        "uq_suppressions_phone",
        "suppressions",
        ["account_id", "phone", "scope", "campaign_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "scrubs",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=True),
        sa.Column("submitted", sa.Integer(), nullable=False),
        sa.Column("blocked", sa.Integer(), nullable=False),
        sa.Column("file_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "list_id"],
            ["lead_lists.account_id", "lead_lists.id"],
            name=op.f("fk_scrubs_account_id_list_id"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_scrubs_account_id")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_scrubs")),
    )
    op.create_table(
        "scrub_results",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("scrub_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "scrub_id"],
            ["scrubs.account_id", "scrubs.id"],
            name=op.f("fk_scrub_results_account_id_scrub_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "scrub_id", "phone", name=op.f("pk_scrub_results")),
    )
    op.create_index(
        "ix_scrub_results_phone", "scrub_results", ["account_id", "phone"], unique=False
    )
    op.create_table(
        "subjects",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_subjects_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_subjects")),
        sa.UniqueConstraint("account_id", "phone", name=op.f("uq_subjects_account_id_phone")),
    )


def downgrade() -> None:
    op.drop_table("subjects")
    op.drop_table("scrub_results")
    op.drop_table("scrubs")
    op.drop_table("suppressions")
    op.drop_table("consents")
    op.drop_table("rejects")
    op.drop_table("leads")
    op.drop_table("lead_lists")
    op.drop_table("admin_log")
    op.drop_table("prices")
    op.drop_table("idempotency_keys")
    op.drop_table("api_keys")
    op.drop_table("carrier_accounts")
    op.drop_table("caller_ids")
    op.drop_table("senders")
    op.drop_table("accounts")
