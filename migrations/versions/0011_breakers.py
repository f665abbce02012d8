"""Circuit breakers of the carrier account and of campaigns, and what campaigns have spent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)
_SHARED = (
    ("paused_detail", sa.Text()),
    ("paused_at", _AT),
    ("probe_id", sa.Uuid()),
    ("resumed_at", _AT),
)
_NEW_IN_CAMPAIGNS = (("paused_reason", sa.Text()), ("paused_until", _AT))


def upgrade() -> None:
    for table in ("carrier_accounts", "campaigns"):
        for name, kind in _SHARED:
            op.add_column(table, sa.Column(name, kind, nullable=True))
        failed = sa.Column("failed_probes", sa.Integer(), server_default="0", nullable=False)
        op.add_column(table, failed)
    for name, kind in _NEW_IN_CAMPAIGNS:
        op.add_column("campaigns", sa.Column(name, kind, nullable=True))
    # A pause of before was a minute; its reason stayed in the row.
    op.execute("UPDATE carrier_accounts SET paused_until = NULL, paused_reason = NULL")
    op.create_table(
        "spending",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("upto", _AT, nullable=False),
        sa.Column("known_usd", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("dearest_usd", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "campaign_id"],
            ["campaigns.account_id", "campaigns.id"],
            name=op.f("fk_spending_account_id_campaign_id"),
        ),
        sa.PrimaryKeyConstraint("account_id", "campaign_id", name=op.f("pk_spending")),
    )
    op.add_column("attempts", sa.Column("reply_status", sa.Integer(), nullable=True))
    known = sa.Column("known_cost_usd", sa.Numeric(precision=18, scale=6), nullable=True)
    op.add_column("attempts", known)
    op.execute(
        "UPDATE attempts SET known_cost_usd = coalesce(total_cost_usd, cost_usd)"
        " WHERE cost_usd IS NOT NULL"
    )
    op.create_index(
        "ix_attempts_placing",
        "attempts",
        ["account_id", "placing_at"],
        postgresql_where=sa.text("placing_at is not null"),
    )
    op.create_index(
        "ix_attempts_ended",
        "attempts",
        ["account_id", "campaign_id", "ended_at"],
        postgresql_where=sa.text("ended_at is not null"),
    )
    op.create_index(
        "ix_attempts_opted_out",
        "attempts",
        ["account_id", "campaign_id", "ended_at"],
        postgresql_where=sa.text("disposition = 'opted_out'"),
    )


def downgrade() -> None:
    for name in ("ix_attempts_opted_out", "ix_attempts_ended", "ix_attempts_placing"):
        op.drop_index(name, table_name="attempts")
    op.drop_column("attempts", "known_cost_usd")
    op.drop_column("attempts", "reply_status")
    op.drop_table("spending")
    for name, _ in _NEW_IN_CAMPAIGNS:
        op.drop_column("campaigns", name)
    for table in ("carrier_accounts", "campaigns"):
        op.drop_column(table, "failed_probes")
        for name, _ in _SHARED:
            op.drop_column(table, name)
