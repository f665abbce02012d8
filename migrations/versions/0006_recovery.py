"""What recovery must remember through a crash: calls to end, looks at the queue, the REST budget."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MARKS = ("hang_up_asked_at", "hang_up_tried_at", "left_queue_at")


def upgrade() -> None:
    for name in _MARKS:
        op.add_column("attempts", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "request_budgets",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("drawn_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_request_budgets")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_request_budgets_account_id")
        ),
    )


def downgrade() -> None:
    op.drop_table("request_budgets")
    for name in reversed(_MARKS):
        op.drop_column("attempts", name)
