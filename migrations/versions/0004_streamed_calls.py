"""What a streamed call leaves behind: its stream, what came after it, use and costs by part."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("stream_id", sa.Text(), nullable=True))
    op.add_column("attempts", sa.Column("after_stream", sa.Text(), nullable=True))
    op.add_column("attempts", sa.Column("transfer_reason", sa.Text(), nullable=True))
    for name in ("usage", "costs"):
        kind = postgresql.JSONB(astext_type=sa.Text(), none_as_null=True)
        op.add_column("attempts", sa.Column(name, kind, nullable=True))
    op.add_column(
        "attempts",
        sa.Column("total_cost_usd", sa.Numeric(precision=18, scale=6), nullable=True),
    )
    # Calls of before had no part but the carrier's.
    op.execute("UPDATE attempts SET total_cost_usd = cost_usd WHERE cost_usd IS NOT NULL")
    op.create_check_constraint(
        op.f("ck_attempts_after_stream"),
        "attempts",
        "after_stream in ('hand_over', 'hang_up', 'apologise')",
    )
    op.create_check_constraint(
        op.f("ck_attempts_transfer_reason"),
        "attempts",
        "transfer_reason in ('asked', 'frustrated', 'qualified')",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_attempts_after_stream"), "attempts", type_="check")
    op.drop_constraint(op.f("ck_attempts_transfer_reason"), "attempts", type_="check")
    for name in (
        "total_cost_usd",
        "costs",
        "usage",
        "transfer_reason",
        "after_stream",
        "stream_id",
    ):
        op.drop_column("attempts", name)
