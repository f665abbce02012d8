"""The ledger: lines, attempts, what the carrier said of them, and what was said in the call."""

from __future__ import annotations

from typing import get_args

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from dialer.domain.after_stream import AfterStream, TransferReason
from dialer.domain.attempt import LIVE, AttemptState, Disposition, Outcome, Refusal
from dialer.store.tables.meta import account_id, at, belongs_to, metadata, one_of, uuid
from dialer.store.tables.meta import text as text_

_LIVE = ", ".join(f"'{state}'" for state in sorted(LIVE))

# One row a phone we ever dialed: while ``live_attempt_id`` is set the line is busy. The primary
# key is what makes "a phone has at most one live attempt" true (invariant 1); the row is locked
# by the claim, by intended → placing and by an opt-out.
lines = Table(
    "lines",
    metadata,
    account_id(),
    text_("phone"),
    uuid("live_attempt_id", null=True),
    PrimaryKeyConstraint("account_id", "phone"),
)

# Answered, and nobody spoke: our document or our agent failed, or no operator took the hand-over.
IS_ABANDONED = text(
    "answered_at is not null and not is_machine and (outcome = 'failed'"
    " or after_stream = 'hand_over' and disposition = 'callback')"
)

attempts = Table(
    "attempts",
    metadata,
    account_id(),
    uuid("id"),
    uuid("campaign_id"),
    Column("version", Integer, nullable=False),  # of the definition that is being played
    uuid("enrolment_id"),
    uuid("lead_id"),
    uuid("check_id"),  # written by the statement that writes the check, which nothing removes
    text_("phone"),
    text_("caller_id"),
    text_("state"),
    Column("is_test", Boolean, nullable=False, server_default=text("false")),
    at("created_at"),
    at("changed_at"),
    at("place_at"),  # the dial slot
    at("valid_until"),
    at("window_ends_at", null=True),
    text_("placed_by", null=True),  # the process that asked the carrier
    at("placing_at", null=True),
    at("post_before", null=True),
    Column("reply_status", Integer),  # HTTP status of the carrier's reply
    text_("request_uuid", null=True),
    text_("call_uuid", null=True),
    at("placed_at", null=True),
    at("rang_at", null=True),
    at("answered_at", null=True),
    at("ended_at", null=True),
    # Recovery had to suppose how it ended; unset once the carrier says (`domain.late_end`).
    at("end_supposed_at", null=True),
    text_("refusal", null=True),
    text_("outcome", null=True),
    text_("disposition", null=True),  # what this call established
    at("callback_at", null=True),
    Column("keys_pressed", Integer, nullable=False, server_default=text("0")),
    Column("is_machine", Boolean, nullable=False, server_default=text("false")),
    Column("hangup_code", Integer),
    text_("hangup_cause", null=True),
    text_("hangup_source", null=True),
    Column("talk_s", Float),
    Column("cost_usd", Numeric(18, 6)),
    # Recovery's memory: when it last asked the carrier, and since when the call is absent there.
    at("looked_up_at", null=True),
    at("absent_since", null=True),
    at("queue_cancelled_at", null=True),  # we took it out of the carrier's queue, unrung
    at("queue_looked_at", null=True),
    at("left_queue_at", null=True),  # seen accepted and no longer queued: it will not wait again
    # A call to be ended: kept until it is over, for it may have no id yet, or we may be killed.
    at("hang_up_asked_at", null=True),
    at("hang_up_tried_at", null=True),
    Column("has_transfer_leg", Boolean, nullable=False, server_default=text("false")),
    text_("stream_id", null=True),  # the newest stream of the call; an older one gives way
    text_("transfer_reason", null=True),
    text_("after_stream", null=True),  # what the carrier is told when the stream has ended
    Column("usage", JSONB(none_as_null=True)),  # metered: what `call.desk.Metered` holds
    Column("costs", JSONB(none_as_null=True)),  # USD by part as decimal text; null: not known
    Column("total_cost_usd", Numeric(18, 6)),
    Column("known_cost_usd", Numeric(18, 6)),  # the sum of the parts that are known
    PrimaryKeyConstraint("account_id", "id"),
    belongs_to("enrolments", "enrolment_id"),  # which belongs to a campaign and a lead
    one_of("state", AttemptState),
    one_of("refusal", Refusal),
    one_of("outcome", Outcome),
    one_of("disposition", Disposition),
    one_of("after_stream", AfterStream),
    one_of("transfer_reason", get_args(TransferReason)),
    Index("ix_attempts_live", "account_id", "state", postgresql_where=text(f"state in ({_LIVE})")),
    Index("ix_attempts_enrolment", "account_id", "enrolment_id", "id"),
    Index("ix_attempts_campaign", "account_id", "campaign_id", "id"),
    Index("ix_attempts_phone", "account_id", "phone", "id"),
    Index(
        "ix_attempts_call",
        "account_id",
        "call_uuid",
        postgresql_where=text("call_uuid is not null"),
    ),
    # What breakers and budgets count: the newest requests of the account, the newest ends, the
    # opt-outs of a campaign.
    Index(
        "ix_attempts_placing",
        "account_id",
        "placing_at",
        postgresql_where=text("placing_at is not null"),
    ),
    Index(
        "ix_attempts_ended",
        "account_id",
        "campaign_id",
        "ended_at",
        postgresql_where=text("ended_at is not null"),
    ),
    Index(
        "ix_attempts_opted_out",
        "account_id",
        "campaign_id",
        "ended_at",
        postgresql_where=text("disposition = 'opted_out'"),
    ),
    Index(
        "ix_attempts_abandoned",
        "account_id",
        "campaign_id",
        "ended_at",
        postgresql_where=IS_ABANDONED,
    ),
    Index(
        "ix_attempts_end_supposed",
        "account_id",
        "end_supposed_at",
        postgresql_where=text("end_supposed_at is not null"),
    ),
)

carrier_events = Table(
    "carrier_events",
    metadata,
    account_id(),
    uuid("attempt_id"),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of path + sorted body
    text_("kind"),
    text_("path"),
    Column("body", JSONB, nullable=False),
    at("received_at"),
    PrimaryKeyConstraint("account_id", "attempt_id", "digest"),
    belongs_to("attempts", "attempt_id"),
)

turns = Table(
    "turns",
    metadata,
    account_id(),
    uuid("attempt_id"),
    Column("number", Integer, nullable=False),
    text_("speaker"),
    text_("said"),
    Column("starts_s", Float, nullable=False),  # on the call clock, 0 = answered
    Column("ends_s", Float),
    Column("is_interrupted", Boolean, nullable=False, server_default=text("false")),
    Column("marks", JSONB, nullable=False, server_default=text("'{}'")),
    PrimaryKeyConstraint("account_id", "attempt_id", "number"),
    belongs_to("attempts", "attempt_id"),
    one_of("speaker", ("agent", "callee", "keypad")),
)

answers = Table(
    "answers",
    metadata,
    account_id(),
    uuid("attempt_id"),
    text_("question_id"),
    Column("value", JSONB, nullable=False),
    Column("turn_number", Integer),
    at("at"),
    PrimaryKeyConstraint("account_id", "attempt_id", "question_id"),
    belongs_to("attempts", "attempt_id"),
)

recordings = Table(
    "recordings",
    metadata,
    account_id(),
    uuid("attempt_id"),
    uuid("id"),
    text_("source"),
    text_("path", null=True),
    text_("url", null=True),
    Column("seconds", Float),
    at("created_at"),
    PrimaryKeyConstraint("account_id", "attempt_id", "id"),
    belongs_to("attempts", "attempt_id"),
    one_of("source", ("stream", "carrier")),
)
