"""Who complained of us, and answered calls in which nobody spoke."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    at = sa.DateTime(timezone=True)
    op.add_column("suppressions", sa.Column("complained_at", at, nullable=True))
    op.execute("UPDATE suppressions SET complained_at = at WHERE reason = 'complaint'")
    op.create_index(
        "ix_suppressions_complained",
        "suppressions",
        ["account_id", "complained_at"],
        postgresql_where=sa.text("complained_at is not null"),
    )
    op.create_index(
        "ix_attempts_abandoned",
        "attempts",
        ["account_id", "campaign_id", "ended_at"],
        postgresql_where=sa.text(
            "answered_at is not null and not is_machine and (outcome = 'failed'"
            " or after_stream = 'hand_over' and disposition = 'callback')"
        ),
    )


def downgrade() -> None:
    op.drop_index("ix_attempts_abandoned", table_name="attempts")
    op.drop_index("ix_suppressions_complained", table_name="suppressions")
    op.drop_column("suppressions", "complained_at")
