"""Checks and signed heads can only be added to; a person's checks are found by their subject."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = ("checks", "audit_heads")

# One trigger a statement, none for INSERT: the append pays nothing for it.
_REFUSE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'The proof of past decisions never changes; a correction is a new row.';
END
$$
"""
# Whoever is not the owner loses the right as well. The owner keeps it: foreign keys that point
# here lock rows in its name.
_REVOKE = """
DO $$
DECLARE
    grantee text;
BEGIN
    FOR grantee IN
        SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END
        FROM pg_class c
        CROSS JOIN LATERAL aclexplode(c.relacl) a
        LEFT JOIN pg_roles r ON r.oid = a.grantee
        WHERE c.oid = '{table}'::regclass AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM %s', grantee);
    END LOOP;
END
$$
"""


def upgrade() -> None:
    op.execute(_REFUSE)
    for table in _TABLES:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(_REVOKE.format(table=table))
    # A body has some 1.8 kB: over 2 kB it would be compressed with each append, for little.
    op.execute("ALTER TABLE checks SET (toast_tuple_target = 8160)")
    op.drop_index("ix_checks_enrolment", table_name="checks")
    op.create_index("ix_checks_subject", "checks", ["account_id", "subject_id", "id"])


def downgrade() -> None:
    op.drop_index("ix_checks_subject", table_name="checks")
    op.create_index("ix_checks_enrolment", "checks", ["account_id", "enrolment_id", "id"])
    op.execute("ALTER TABLE checks RESET (toast_tuple_target)")
    for table in _TABLES:
        op.execute(f"DROP TRIGGER append_only ON {table}")
    op.execute("DROP FUNCTION refuse_change")
