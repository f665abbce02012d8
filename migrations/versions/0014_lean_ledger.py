"""An intent costs what it must: no constraint twice, no index entry of nothing.

An attempt's enrolment belongs to its campaign and its lead; a check is appended under the lock of
its account's row. Each of these checks took as long as the row itself.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("fk_attempts_account_id_campaign_id", "attempts", type_="foreignkey")
    op.drop_constraint("fk_attempts_account_id_lead_id", "attempts", type_="foreignkey")
    op.drop_constraint("fk_checks_account_id", "checks", type_="foreignkey")
    op.drop_constraint("fk_subjects_account_id", "subjects", type_="foreignkey")
    op.drop_index("ix_attempts_call", table_name="attempts")
    op.create_index(
        "ix_attempts_call",
        "attempts",
        ["account_id", "call_uuid"],
        postgresql_where=sa.text("call_uuid is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_attempts_call", table_name="attempts")
    op.create_index("ix_attempts_call", "attempts", ["account_id", "call_uuid"])
    account = (["account_id"], ["id"])
    op.create_foreign_key("fk_subjects_account_id", "subjects", "accounts", *account)
    op.create_foreign_key("fk_checks_account_id", "checks", "accounts", *account)
    for parent, column in (("leads", "lead_id"), ("campaigns", "campaign_id")):
        op.create_foreign_key(
            f"fk_attempts_account_id_{column}",
            "attempts",
            parent,
            ["account_id", column],
            ["account_id", "id"],
        )
