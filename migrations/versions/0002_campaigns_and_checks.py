"""Campaigns, their queue, and the proof that each call was lawful."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "campaigns",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("max_cps", sa.Float(), nullable=True),
        sa.Column("next_slot_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "lead_zones",
            postgresql.ARRAY(sa.TEXT()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state in ('draft', 'scheduled', 'running', 'paused', 'finished', 'cancelled')",
            name=op.f("ck_campaigns_state"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "list_id"],
            ["lead_lists.account_id", "lead_lists.id"],
            name=op.f("fk_campaigns_account_id_list_id"),
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_campaigns")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_campaigns_account_id_name")),
    )
    op.create_index("ix_campaigns_state", "campaigns", ["account_id", "state"], unique=False)
    op.create_table(
        "campaign_versions",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "campaign_id"],
            ["campaigns.account_id", "campaigns.id"],
            name=op.f("fk_campaign_versions_account_id_campaign_id"),
        ),
        sa.PrimaryKeyConstraint(
            "account_id", "campaign_id", "version", name=op.f("pk_campaign_versions")
        ),
    )
    op.create_table(
        "campaign_log",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "campaign_id"],
            ["campaigns.account_id", "campaigns.id"],
            name=op.f("fk_campaign_log_account_id_campaign_id"),
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_campaign_log")),
    )
    op.create_index(
        "ix_campaign_log_campaign",
        "campaign_log",
        ["account_id", "campaign_id", "id"],
        unique=False,
    )
    op.create_table(
        "enrolments",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("blocked_code", sa.Text(), nullable=True),
        sa.Column("last_check_id", sa.Uuid(), nullable=True),
        sa.Column("last_attempt_id", sa.Uuid(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "disposition in ('confirmed', 'reschedule', 'qualified', 'not_qualified', 'callback', 'transferred', 'opted_out', 'voicemail_left', 'incomplete', 'unreachable')",
            name=op.f("ck_enrolments_disposition"),
        ),
        sa.CheckConstraint(
            "due_at is null or state = 'waiting'", name=op.f("ck_enrolments_due_only_while_waiting")
        ),
        sa.CheckConstraint(
            "state in ('waiting', 'calling', 'done', 'blocked', 'exhausted', 'cancelled')",
            name=op.f("ck_enrolments_state"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "campaign_id"],
            ["campaigns.account_id", "campaigns.id"],
            name=op.f("fk_enrolments_account_id_campaign_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "lead_id"],
            ["leads.account_id", "leads.id"],
            name=op.f("fk_enrolments_account_id_lead_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_enrolments_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_enrolments")),
        sa.UniqueConstraint(
            "account_id",
            "campaign_id",
            "lead_id",
            name=op.f("uq_enrolments_account_id_campaign_id_lead_id"),
        ),
    )
    op.create_index(
        "ix_enrolments_due",
        "enrolments",
        ["account_id", "campaign_id", sa.literal_column("priority DESC"), "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting' and due_at is not null"),
    )
    op.create_index("ix_enrolments_phone", "enrolments", ["account_id", "phone"], unique=False)
    op.create_index(
        "ix_enrolments_state", "enrolments", ["account_id", "campaign_id", "state"], unique=False
    )
    op.create_table(
        "checks",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("enrolment_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("codes", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=True),
        sa.Column("next_allowed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("caller_id", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("decision in ('allow', 'deny')", name=op.f("ck_checks_decision")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_checks_account_id")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_checks")),
    )
    op.create_index(
        "ix_checks_campaign", "checks", ["account_id", "campaign_id", "id"], unique=False
    )
    op.create_index(
        "ix_checks_enrolment", "checks", ["account_id", "enrolment_id", "id"], unique=False
    )
    op.create_index("ix_checks_seq", "checks", ["account_id", "seq"], unique=False)
    op.create_table(
        "audit_heads",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_audit_heads_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_audit_heads")),
    )


def downgrade() -> None:
    op.drop_table("audit_heads")
    op.drop_table("checks")
    op.drop_table("enrolments")
    op.drop_table("campaign_log")
    op.drop_table("campaign_versions")
    op.drop_table("campaigns")
