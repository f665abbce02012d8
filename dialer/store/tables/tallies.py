"""What is over, counted: a status reads these and counts only what is newer from the rows."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import UUID

from dialer.store.tables.meta import account_id, at, metadata, one_of, text, uuid

# Up to where the tallies hold what is over. One row an account; whoever counts on holds it, and
# whoever changes a row that is counted waits for that (`store.tallies`).
tally_marks = Table(
    "tally_marks",
    metadata,
    account_id(),
    at("upto"),
    Column("upto_seq", BigInteger, nullable=False, server_default=sql("-1")),  # of the checks
    PrimaryKeyConstraint("account_id"),
    ForeignKeyConstraint(["account_id"], ["accounts.id"]),
)

# A count is the sum over the rows alike; they are only added, and drawn together now and then.
tallies = Table(
    "tallies",
    metadata,
    account_id(),
    Column("id", UUID, nullable=False, server_default=sql("gen_random_uuid()")),
    uuid("campaign_id"),
    text("kind"),
    text("a", null=True),  # lead: state. call: state. check: decision
    text("b", null=True),  # lead: disposition. call: outcome
    text("c", null=True),  # lead: blocked_code. call: 'test' for a test call
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "id"),
    one_of("kind", ("enrolled", "lead", "call", "check")),
    Index("ix_tallies_campaign", "account_id", "campaign_id", "kind"),
)
