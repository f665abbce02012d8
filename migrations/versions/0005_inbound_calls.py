"""Calls of people who call our numbers, which use the carrier's cap while they are up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inbound_calls",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("call_uuid", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_inbound_calls_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "call_uuid", name=op.f("pk_inbound_calls")),
    )
    op.create_index(
        "ix_inbound_calls_live",
        "inbound_calls",
        ["account_id", "seen_at"],
        postgresql_where=sa.text("ended_at is null"),
    )


def downgrade() -> None:
    op.drop_index("ix_inbound_calls_live", table_name="inbound_calls")
    op.drop_table("inbound_calls")
