"""Counts of what is over, kept, so that a status need not count a million rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_FINAL = "state not in ('waiting', 'calling')"
_HELD = "state = 'waiting' and blocked_code is not null"

# Once for a statement: leads are enrolled many at a time.
_ENROLLED = """
CREATE FUNCTION tally_enrolled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tallies (account_id, campaign_id, kind, count)
    SELECT account_id, campaign_id, 'enrolled', count(*) FROM fresh GROUP BY 1, 2;
    RETURN NULL;
END
$$
"""
# What is counted already and changes again (a redial, news that come late) is taken out, and put
# back where it stays below the mark. Whoever moves the mark is waited for, and waits.
_LEAD = """
CREATE FUNCTION tally_changed_lead() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    mark timestamptz;
BEGIN
    SELECT upto INTO mark FROM tally_marks WHERE account_id = old.account_id FOR SHARE;
    INSERT INTO tallies (account_id, campaign_id, kind, a, b, c, count)
    SELECT old.account_id, old.campaign_id, 'lead', old.state, old.disposition,
        old.blocked_code, -1 WHERE old.changed_at <= mark
    UNION ALL
    SELECT new.account_id, new.campaign_id, 'lead', new.state, new.disposition,
        new.blocked_code, 1 WHERE new.changed_at <= mark AND new.state NOT IN ('waiting', 'calling');
    RETURN NULL;
END
$$
"""
_CALL = """
CREATE FUNCTION tally_changed_call() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    mark timestamptz;
BEGIN
    SELECT upto INTO mark FROM tally_marks WHERE account_id = old.account_id FOR SHARE;
    INSERT INTO tallies (account_id, campaign_id, kind, a, b, c, count)
    SELECT old.account_id, old.campaign_id, 'call', old.state, old.outcome,
        CASE WHEN old.is_test THEN 'test' END, -1 WHERE old.ended_at <= mark
    UNION ALL
    SELECT new.account_id, new.campaign_id, 'call', new.state, new.outcome,
        CASE WHEN new.is_test THEN 'test' END, 1 WHERE new.ended_at <= mark;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    uuid, at = sa.Uuid(), sa.DateTime(timezone=True)
    op.create_table(
        "tally_marks",
        sa.Column("account_id", uuid, nullable=False),
        sa.Column("upto", at, nullable=False),
        sa.Column("upto_seq", sa.BigInteger(), server_default=sa.text("-1"), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_tally_marks"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_tally_marks_account_id"),
    )
    op.create_table(
        "tallies",
        sa.Column("account_id", uuid, nullable=False),
        sa.Column("id", uuid, server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("campaign_id", uuid, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=True) for name in "abc"),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id", name="pk_tallies"),
        sa.CheckConstraint("kind in ('enrolled', 'lead', 'call', 'check')", name="kind"),
    )
    op.create_index("ix_tallies_campaign", "tallies", ["account_id", "campaign_id", "kind"])
    op.execute("INSERT INTO tally_marks (account_id, upto) SELECT id, 'epoch' FROM accounts")
    op.execute(
        "INSERT INTO tallies (account_id, campaign_id, kind, count) "
        "SELECT account_id, campaign_id, 'enrolled', count(*) FROM enrolments GROUP BY 1, 2"
    )
    op.create_index(
        "ix_enrolments_final",
        "enrolments",
        ["account_id", "campaign_id", "changed_at"],
        postgresql_where=sa.text(_FINAL),
    )
    op.create_index(
        "ix_enrolments_held",
        "enrolments",
        ["account_id", "campaign_id", "blocked_code", "due_at"],
        postgresql_where=sa.text(_HELD),
    )
    for function in (_ENROLLED, _LEAD, _CALL):
        op.execute(function)
    op.execute(
        "CREATE TRIGGER tally_enrolled AFTER INSERT ON enrolments REFERENCING NEW TABLE AS fresh "
        "FOR EACH STATEMENT EXECUTE FUNCTION tally_enrolled()"
    )
    # Neither is called for a lead that is claimed or called, nor for a call that is up.
    op.execute(
        "CREATE TRIGGER tally_changed_lead AFTER UPDATE ON enrolments FOR EACH ROW "
        "WHEN (old.state NOT IN ('waiting', 'calling') AND "
        "(old.state, old.disposition, old.blocked_code, old.changed_at) IS DISTINCT FROM "
        "(new.state, new.disposition, new.blocked_code, new.changed_at)) "
        "EXECUTE FUNCTION tally_changed_lead()"
    )
    op.execute(
        "CREATE TRIGGER tally_changed_call AFTER UPDATE ON attempts FOR EACH ROW "
        "WHEN (old.ended_at IS NOT NULL AND (old.state, old.outcome, old.ended_at) "
        "IS DISTINCT FROM (new.state, new.outcome, new.ended_at)) "
        "EXECUTE FUNCTION tally_changed_call()"
    )


def downgrade() -> None:
    for trigger, table in (
        ("tally_changed_call", "attempts"),
        ("tally_changed_lead", "enrolments"),
        ("tally_enrolled", "enrolments"),
    ):
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
        op.execute(f"DROP FUNCTION {trigger}()")
    op.drop_index("ix_enrolments_held", table_name="enrolments")
    op.drop_index("ix_enrolments_final", table_name="enrolments")
    op.drop_table("tallies")
    op.drop_table("tally_marks")
