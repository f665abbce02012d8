"""Ends that recovery had to suppose, until the carrier says how the call ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "attempts", sa.Column("end_supposed_at", sa.DateTime(timezone=True), nullable=True)
    )
    # Calls that nobody told the end of: a callback that is still to come may correct them.
    op.execute(
        "UPDATE attempts a SET end_supposed_at = ended_at WHERE state = 'ended' "
        "AND hangup_code IS NULL AND hangup_cause IS NULL AND hangup_source IS NULL "
        "AND NOT EXISTS (SELECT FROM carrier_events e WHERE e.account_id = a.account_id "
        "AND e.attempt_id = a.id AND e.kind = 'hangup')"
    )
    op.create_index(
        "ix_attempts_end_supposed",
        "attempts",
        ["account_id", "end_supposed_at"],
        postgresql_where=sa.text("end_supposed_at is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_attempts_end_supposed", table_name="attempts")
    op.drop_column("attempts", "end_supposed_at")
