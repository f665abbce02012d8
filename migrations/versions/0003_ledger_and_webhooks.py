"""The ledger of attempts, what was said in calls, and the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lines",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("live_attempt_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "phone", name=op.f("pk_lines")),
    )
    op.create_table(
        "attempts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("enrolment_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("caller_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_test", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("placed_by", sa.Text(), nullable=True),
        sa.Column("placing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("post_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("request_uuid", sa.Text(), nullable=True),
        sa.Column("call_uuid", sa.Text(), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rang_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("callback_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("keys_pressed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_machine", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("hangup_code", sa.Integer(), nullable=True),
        sa.Column("hangup_cause", sa.Text(), nullable=True),
        sa.Column("hangup_source", sa.Text(), nullable=True),
        sa.Column("talk_s", sa.Float(), nullable=True),
        sa.Column("cost_usd", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("looked_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("absent_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queue_cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "has_transfer_leg", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.CheckConstraint(
            "disposition in ('confirmed', 'reschedule', 'qualified', 'not_qualified', 'callback', 'transferred', 'opted_out', 'voicemail_left', 'incomplete', 'unreachable')",
            name=op.f("ck_attempts_disposition"),
        ),
        sa.CheckConstraint(
            "outcome in ('completed', 'machine', 'busy', 'no_answer', 'rejected', 'invalid_number', 'failed', 'cancelled')",
            name=op.f("ck_attempts_outcome"),
        ),
        sa.CheckConstraint(
            "refusal in ('stale', 'suppressed', 'campaign_stopped', 'window_closed', 'drained', 'number_invalid', 'caller_id', 'credentials', 'no_credit', 'forbidden', 'rate_limited', 'concurrency', 'invalid_request')",
            name=op.f("ck_attempts_refusal"),
        ),
        sa.CheckConstraint(
            "state in ('intended', 'placing', 'ambiguous', 'placed', 'ringing', 'in_call', 'ended', 'refused', 'never_placed')",
            name=op.f("ck_attempts_state"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "campaign_id"],
            ["campaigns.account_id", "campaigns.id"],
            name=op.f("fk_attempts_account_id_campaign_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "check_id"],
            ["checks.account_id", "checks.id"],
            name=op.f("fk_attempts_account_id_check_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "enrolment_id"],
            ["enrolments.account_id", "enrolments.id"],
            name=op.f("fk_attempts_account_id_enrolment_id"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "lead_id"],
            ["leads.account_id", "leads.id"],
            name=op.f("fk_attempts_account_id_lead_id"),
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_call", "attempts", ["account_id", "call_uuid"], unique=False)
    op.create_index(
        "ix_attempts_campaign", "attempts", ["account_id", "campaign_id", "id"], unique=False
    )
    op.create_index(
        "ix_attempts_enrolment", "attempts", ["account_id", "enrolment_id", "id"], unique=False
    )
    op.create_index(
        "ix_attempts_live",
        "attempts",
        ["account_id", "state"],
        unique=False,
        postgresql_where=sa.text(
            "state in ('ambiguous', 'in_call', 'intended', 'placed', 'placing', 'ringing')"
        ),
    )
    op.create_index("ix_attempts_phone", "attempts", ["account_id", "phone", "id"], unique=False)
    op.create_table(
        "carrier_events",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "attempt_id"],
            ["attempts.account_id", "attempts.id"],
            name=op.f("fk_carrier_events_account_id_attempt_id"),
        ),
        sa.PrimaryKeyConstraint(
            "account_id", "attempt_id", "digest", name=op.f("pk_carrier_events")
        ),
    )
    op.create_table(
        "turns",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("starts_s", sa.Float(), nullable=False),
        sa.Column("ends_s", sa.Float(), nullable=True),
        sa.Column("is_interrupted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "marks",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "speaker in ('agent', 'callee', 'keypad')", name=op.f("ck_turns_speaker")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "attempt_id"],
            ["attempts.account_id", "attempts.id"],
            name=op.f("fk_turns_account_id_attempt_id"),
        ),
        sa.PrimaryKeyConstraint("account_id", "attempt_id", "number", name=op.f("pk_turns")),
    )
    op.create_table(
        "answers",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("turn_number", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "attempt_id"],
            ["attempts.account_id", "attempts.id"],
            name=op.f("fk_answers_account_id_attempt_id"),
        ),
        sa.PrimaryKeyConstraint("account_id", "attempt_id", "question_id", name=op.f("pk_answers")),
    )
    op.create_table(
        "recordings",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("source in ('stream', 'carrier')", name=op.f("ck_recordings_source")),
        sa.ForeignKeyConstraint(
            ["account_id", "attempt_id"],
            ["attempts.account_id", "attempts.id"],
            name=op.f("fk_recordings_account_id_attempt_id"),
        ),
        sa.PrimaryKeyConstraint("account_id", "attempt_id", "id", name=op.f("pk_recordings")),
    )
    op.create_table(
        "outbox",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spread_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_outbox_account_id")),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_unspread",
        "outbox",
        ["account_id", "id"],
        unique=False,
        postgresql_where=sa.text("spread_at is null"),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_webhook_endpoints_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_table(
        "deliveries",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('due', 'delivered', 'failed')", name=op.f("ck_deliveries_state")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "endpoint_id"],
            ["webhook_endpoints.account_id", "webhook_endpoints.id"],
            name=op.f("fk_deliveries_account_id_endpoint_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "event_id"],
            ["outbox.account_id", "outbox.id"],
            name=op.f("fk_deliveries_account_id_event_id"),
        ),
        sa.PrimaryKeyConstraint(
            "account_id", "event_id", "endpoint_id", name=op.f("pk_deliveries")
        ),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["account_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'due'"),
    )


def downgrade() -> None:
    op.drop_table("deliveries")
    op.drop_table("webhook_endpoints")
    op.drop_table("outbox")
    op.drop_table("recordings")
    op.drop_table("answers")
    op.drop_table("turns")
    op.drop_table("carrier_events")
    op.drop_table("attempts")
    op.drop_table("lines")
