"""Erasing people, and how long rows are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    jsonb = postgresql.JSONB(astext_type=sa.Text())
    empty = sa.text("'{}'")
    op.create_table(
        "erasures",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counts", jsonb, nullable=False, server_default=empty),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_erasures_account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name=op.f("pk_erasures")),
    )
    op.create_index(
        "ix_erasures_open",
        "erasures",
        ["account_id", "id"],
        postgresql_where=sa.text("done_at is null"),
    )
    op.create_index(
        "ix_suppressions_erased",
        "suppressions",
        ["account_id"],
        postgresql_where=sa.text("phone like 'hashed:%'"),
    )
    op.add_column("accounts", sa.Column("retention", jsonb, nullable=False, server_default=empty))


def downgrade() -> None:
    op.drop_column("accounts", "retention")
    op.drop_index("ix_suppressions_erased", table_name="suppressions")
    op.drop_table("erasures")
