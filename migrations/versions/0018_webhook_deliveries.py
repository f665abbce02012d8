"""Webhooks are delivered: why a try failed, why an endpoint is off, and what is due by endpoint."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_DUE = sa.text("state = 'due'")


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("last_error", sa.Text()))
    op.add_column("webhook_endpoints", sa.Column("disabled_reason", sa.Text()))
    op.drop_index("ix_deliveries_due", table_name="deliveries")
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["account_id", "endpoint_id", "due_at"],
        postgresql_where=_DUE,
    )
    op.create_index(
        "ix_deliveries_endpoint", "deliveries", ["account_id", "endpoint_id", "event_id"]
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_endpoint", table_name="deliveries")
    op.drop_index("ix_deliveries_due", table_name="deliveries")
    op.create_index(
        "ix_deliveries_due", "deliveries", ["account_id", "due_at"], postgresql_where=_DUE
    )
    op.drop_column("webhook_endpoints", "disabled_reason")
    op.drop_column("deliveries", "last_error")
