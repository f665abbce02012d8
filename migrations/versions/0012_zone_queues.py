"""Leads wait in queues by where they may be: those who may not be called now delay nobody."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_DUE = "state = 'waiting' and due_at is not null"


def upgrade() -> None:
    op.add_column(
        "enrolments", sa.Column("zone_key", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
    op.execute(
        "UPDATE enrolments e SET zone_key = coalesce(l.timezone, '') || CASE "
        "WHEN e.phone LIKE '+91%' THEN '' WHEN e.phone LIKE '+1%' THEN ' ' || left(e.phone, 5) "
        "ELSE ' ' || left(e.phone, 4) END "
        "FROM leads l WHERE l.account_id = e.account_id AND l.id = e.lead_id"
    )
    op.drop_index("ix_enrolments_due", table_name="enrolments")
    op.create_index(
        "ix_enrolments_due",
        "enrolments",
        ["account_id", "campaign_id", "zone_key", "priority", "due_at"],
        postgresql_where=sa.text(_DUE),
    )
    # Who was called leaves dead entries at the head of the queue, which every pass steps over
    # until they are cleared away: after 20,000 of them, not after a fifth of a million rows.
    op.execute(
        "ALTER TABLE enrolments SET (autovacuum_vacuum_scale_factor = 0.01, "
        "autovacuum_vacuum_threshold = 10000)"
    )


def downgrade() -> None:
    op.execute(
        "ALTER TABLE enrolments RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)"
    )
    op.drop_index("ix_enrolments_due", table_name="enrolments")
    op.create_index(
        "ix_enrolments_due",
        "enrolments",
        ["account_id", "campaign_id", sa.text("priority DESC"), "due_at"],
        postgresql_where=sa.text(_DUE),
    )
    op.drop_column("enrolments", "zone_key")
