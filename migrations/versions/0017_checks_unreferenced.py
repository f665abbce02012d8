"""No foreign key from attempts to checks.

One statement writes both, and a trigger refuses to remove or change a check: the key could only
hold. Until the first ANALYZE of a new database its look-up ran through all checks of the account.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_NAME = "fk_attempts_account_id_check_id"


def upgrade() -> None:
    op.drop_constraint(_NAME, "attempts", type_="foreignkey")


def downgrade() -> None:
    op.create_foreign_key(
        _NAME, "attempts", "checks", ["account_id", "check_id"], ["account_id", "id"]
    )
