"""The one way a check enters the database, and everything that is decided with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from dialer.compliance.chain import chain_hash
from dialer.store.arrays import joined, unjoined
from dialer.store.engine import Tx

#: What a decision's row holds, with its type.
COLUMNS = {
    # of the check
    "check_id": "uuid",
    "campaign_id": "uuid",
    "enrolment_id": "uuid",
    "lead_id": "uuid",
    "subject_id": "uuid",
    "decided_at": "timestamptz",
    "decision": "text",
    "code": "text",
    "codes": "text[]",
    "rule_id": "text",
    "next_allowed_at": "timestamptz",
    "category": "text",
    "mode": "text",
    "caller_id": "text",
    "body": "bytea",  # UTF-8
    # of the attempt; without an id there is none
    "attempt_id": "uuid",
    "version": "int",
    "phone": "text",
    "place_at": "timestamptz",
    "valid_until": "timestamptz",
    "window_ends_at": "timestamptz",
    # of the lead's place in its campaign; without a state that stays as it is
    "state": "text",
    "due_at": "timestamptz",
    "disposition": "text",
    "blocked_code": "text",
    "last_attempt_id": "uuid",
}


class Head(NamedTuple):
    """Where the chain of checks stands: the last number, and its hash."""

    seq: int
    hash: bytes


async def read_head(tx: Tx) -> Head:
    """Read the end of the chain, for whoever holds the carrier account's lock: it keeps others
    from adding to it."""
    (row,) = await tx.fetch(
        "SELECT chain_seq, chain_head FROM accounts WHERE id = $1", tx.account_id
    )
    return Head(*row)


@dataclass(frozen=True, slots=True)
class Links:
    """Decisions that follow ``before`` in the chain, as they are sent: ``count`` of them, up to
    ``head``. columns: their hashes, and `COLUMNS`."""

    before: Head
    head: Head
    count: int
    columns: Sequence[str]


def link(key: bytes, before: Head, rows: Sequence[Mapping[str, Any]]) -> Links:
    """Link decisions to the chain. rows: of `COLUMNS`, in their order; what is absent is null."""
    hashes = []
    seq, last = before
    for row in rows:
        seq += 1
        last = chain_hash(key, last, seq, row["body"])
        hashes.append(last.hex())
    values = zip(*(map(row.get, COLUMNS) for row in rows), strict=True) if rows else _NO_ROWS
    columns = [joined(hashes), *map(_column, values, COLUMNS.values())]
    return Links(before, Head(seq, last), len(rows), columns)


@dataclass(frozen=True, slots=True)
class Beside:
    """What a transaction writes beside its decisions.

    put_off: enrolments that are due again at ``put_off_to``. caller_ids: used, the latest last.
    next_slot_at, share_carry: of the locked carrier account; None leaves what there is.
    """

    put_off: Sequence[UUID] = ()
    put_off_to: datetime | None = None
    caller_ids: Sequence[str] = ()
    next_slot_at: datetime | None = None
    share_carry: Mapping[str, float] | None = None


_NOTHING = Beside()


async def append(tx: Tx, links: Links, beside: Beside = _NOTHING, *, is_test: bool = False) -> None:
    """Write decisions, and move the chain of checks on (design §6.1), in one statement.

    links: from where the chain stood under the lock of the carrier account, so that it has one
    writer at a time; `RuntimeError`, and nothing written, if it has moved meanwhile. The locked
    line of each attempt passes to it. A caller id that somebody is just correcting is passed
    over: a pass must not wait for it with all its locks, and the next choice is as good.
    """
    if not links.count and not beside.put_off:
        return
    numbers = list(dict.fromkeys(beside.caller_ids))
    carry = beside.share_carry
    moved = await tx.fetch(
        _APPEND,
        tx.account_id,
        tx.now,
        links.head.hash,
        links.before.seq,
        links.count,
        is_test,
        beside.put_off,
        beside.put_off_to,
        numbers,
        # A microsecond apart: what was used later in one pass is still the later.
        [tx.now + timedelta(microseconds=turn) for turn in range(len(numbers))],
        beside.next_slot_at,
        None if carry is None else msgspec.json.encode(carry).decode(),
        *links.columns,
    )
    if not moved:
        raise RuntimeError("the chain of checks was added to by somebody without the lock")


_NO_ROWS: Sequence[Sequence[Any]] = [()] * len(COLUMNS)
_AS_TEXT: Mapping[str, Callable[[Any], str]] = {
    "uuid": attrgetter("hex"),
    "timestamptz": datetime.isoformat,
    "text": str,
    "text[]": lambda codes: f"{{{','.join(codes)}}}",
    "int": str,
    "bytea": bytes.decode,
}


def _column(values: Sequence[Any], kind: str) -> str:
    """Return one column of a batch as one text."""
    as_text = _AS_TEXT[kind]
    if len(set(map(id, values))) == 1:  # mostly: much is the same for all of a pass
        return joined([None if values[0] is None else as_text(values[0])] * len(values))
    return joined([None if value is None else as_text(value) for value in values])


def _arrays() -> Iterator[str]:
    for number, kind in enumerate(COLUMNS.values(), 14):
        # Of lists, each still as text; and so are bytes.
        yield unjoined(number, {"text[]": "text", "bytea": "text"}.get(kind, kind))


_GIVEN = f"""given AS MATERIALIZED (
  SELECT * FROM unnest({unjoined(13, "text")}, {", ".join(_arrays())})
  WITH ORDINALITY AS given(hash, {", ".join(COLUMNS)}, number)
)"""
_CHECK = (
    *("campaign_id", "enrolment_id", "lead_id", "subject_id", "decided_at", "decision", "code"),
    *("rule_id", "next_allowed_at", "category", "mode", "caller_id"),
)
_ATTEMPT = (
    *("campaign_id", "version", "enrolment_id", "lead_id", "check_id", "phone", "caller_id"),
    *("place_at", "valid_until", "window_ends_at"),
)
_MOVED = ("state", "due_at", "disposition", "blocked_code", "last_attempt_id")
# That the rows to change are among those of the batch is said twice: planned while a table is new,
# a join alone reads all of them, and goes on so until they are counted again.
_APPEND = f"""
WITH {_GIVEN}, head AS (
  UPDATE accounts SET chain_head = $3, chain_seq = $4::bigint + $5::int,
    chain_count = chain_count + $5::int
  WHERE id = $1 AND chain_seq = $4 RETURNING id
), proof AS (
  INSERT INTO checks (account_id, id, seq, codes, body, hash, {", ".join(_CHECK)})
  SELECT $1, check_id, $4::bigint + number, codes::text[], convert_to(body, 'UTF8'),
    decode(hash, 'hex'), {", ".join(_CHECK)}
  FROM given
), intents AS (
  INSERT INTO attempts (account_id, id, state, is_test, created_at, changed_at,
    {", ".join(_ATTEMPT)})
  SELECT $1, attempt_id, 'intended', $6::boolean, $2, $2, {", ".join(_ATTEMPT)}
  FROM given WHERE attempt_id IS NOT NULL
), taken AS (
  UPDATE lines SET live_attempt_id = given.attempt_id FROM given
  WHERE lines.account_id = $1 AND lines.phone = given.phone AND given.attempt_id IS NOT NULL
    AND lines.phone = ANY(ARRAY(SELECT phone FROM given WHERE attempt_id IS NOT NULL))
), moved AS (
  UPDATE enrolments SET last_check_id = given.check_id, changed_at = $2,
    {", ".join(f"{name} = given.{name}" for name in _MOVED)}
  FROM given
  WHERE enrolments.account_id = $1 AND enrolments.id = given.enrolment_id
    AND given.state IS NOT NULL AND enrolments.id = ANY(ARRAY(SELECT enrolment_id FROM given))
), put_off AS (
  UPDATE enrolments SET changed_at = $2, due_at = $8::timestamptz
  WHERE account_id = $1 AND id = ANY($7::uuid[])
), free AS (
  SELECT number FROM caller_ids WHERE account_id = $1 AND number = ANY($9::text[])
  ORDER BY number FOR NO KEY UPDATE SKIP LOCKED
), used AS (
  UPDATE caller_ids SET last_used_at = turn.at
  FROM free JOIN unnest($9::text[], $10::timestamptz[]) AS turn(number, at) USING (number)
  WHERE caller_ids.account_id = $1 AND caller_ids.number = free.number
), paced AS (
  UPDATE carrier_accounts
  SET next_slot_at = $11::timestamptz, share_carry = coalesce($12::text::jsonb, share_carry)
  WHERE account_id = $1 AND $11::timestamptz IS NOT NULL
)
SELECT id FROM head
"""
