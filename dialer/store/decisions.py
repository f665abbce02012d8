"""The one way a check enters the database, and everything that is decided with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from dialer.compliance.chain import chain_hash
from dialer.store.engine import Tx

#: What a row of `Decisions` holds, with its type; and ``body``, bytes.
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


@dataclass(frozen=True, slots=True)
class Decisions:
    """What one transaction has decided.

    rows: `COLUMNS` and ``body``, in the order of the chain; what is absent is null. The locked
    line of each attempt passes to it. put_off: enrolments that are due again at ``put_off_to``.
    caller_ids: used, the latest last. next_slot_at, share_carry: of the locked carrier account;
    None leaves what there is.
    """

    rows: Sequence[Mapping[str, Any]]
    is_test: bool = False
    put_off: Sequence[UUID] = ()
    put_off_to: datetime | None = None
    caller_ids: Sequence[str] = ()
    next_slot_at: datetime | None = None
    share_carry: Mapping[str, float] | None = None


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


async def append(tx: Tx, key: bytes, head: Head, decided: Decisions) -> None:
    """Write decisions, and move the chain of checks on (design §6.1), in one statement.

    head: read under the lock of the carrier account, so that the chain has one writer at a time;
    `RuntimeError`, and nothing written, if it has moved meanwhile. A caller id that somebody is
    just correcting is passed over: a pass must not wait for it with all its locks, and the next
    choice is as good.
    """
    if not decided.rows and not decided.put_off:
        return
    bodies = [row["body"] for row in decided.rows]
    hashes = []
    previous = head.hash
    for seq, body in enumerate(bodies, head.seq + 1):
        previous = chain_hash(key, previous, seq, body)
        hashes.append(previous)
    numbers = list(dict.fromkeys(decided.caller_ids))
    carry = decided.share_carry
    moved = await tx.fetch(
        _APPEND,
        tx.account_id,
        tx.now,
        previous,
        head.seq,
        len(bodies),
        decided.is_test,
        decided.put_off,
        decided.put_off_to,
        numbers,
        # A microsecond apart: what was used later in one pass is still the later.
        [tx.now + timedelta(microseconds=turn) for turn in range(len(numbers))],
        decided.next_slot_at,
        None if carry is None else msgspec.json.encode(carry).decode(),
        bodies,
        hashes,
        *(
            _column([row.get(name) for row in decided.rows], _AS_TEXT[kind])
            for name, kind in COLUMNS.items()
        ),
    )
    if not moved:
        raise RuntimeError("the chain of checks was added to by somebody without the lock")


# A column travels as one text: asyncpg takes longer over an array than all of it takes so.
_NEXT, _NULL = "\x1f", "\x1e"
_AS_TEXT: Mapping[str, Callable[[Any], str]] = {
    "uuid": attrgetter("hex"),
    "timestamptz": datetime.isoformat,
    "text": str,
    "text[]": lambda codes: f"{{{','.join(codes)}}}",
    "int": str,
}


def _column(values: Sequence[Any], as_text: Callable[[Any], str]) -> str:
    """Return values as `_array` reads them; `ValueError` for one that would be read as several."""
    if len(set(map(id, values))) == 1:  # mostly: much is the same for all of a pass
        texts = [_NULL if values[0] is None else as_text(values[0])] * len(values)
    else:
        texts = [_NULL if value is None else as_text(value) for value in values]
    column = _NEXT.join(texts)
    if values and (not column or column.count(_NEXT) != len(values) - 1):
        raise ValueError("a value of a decision is empty or holds a separator")
    return column


def _array(number: int, kind: str) -> str:
    kind = kind.removesuffix("[]")  # of lists, each still as text
    return f"string_to_array(${number}::text, E'\\x1f', E'\\x1e')::{kind}[]"


_GIVEN = f"""given AS MATERIALIZED (
  SELECT * FROM unnest(
    $13::bytea[], $14::bytea[], {", ".join(map(_array, range(15, 99), COLUMNS.values()))}
  ) WITH ORDINALITY AS given(body, hash, {", ".join(COLUMNS)}, number)
)"""
_CHECK = (
    *("campaign_id", "enrolment_id", "lead_id", "subject_id", "decided_at", "decision", "code"),
    *("rule_id", "next_allowed_at", "category", "mode", "caller_id", "body", "hash"),
)
_ATTEMPT = (
    *("campaign_id", "version", "enrolment_id", "lead_id", "check_id", "phone", "caller_id"),
    *("place_at", "valid_until", "window_ends_at"),
)
_MOVED = ("state", "due_at", "disposition", "blocked_code", "last_attempt_id")
_APPEND = f"""
WITH {_GIVEN}, head AS (
  UPDATE accounts SET chain_head = $3, chain_seq = $4::bigint + $5::int,
    chain_count = chain_count + $5::int
  WHERE id = $1 AND chain_seq = $4 RETURNING id
), proof AS (
  INSERT INTO checks (account_id, id, seq, codes, {", ".join(_CHECK)})
  SELECT $1, check_id, $4::bigint + number, codes::text[], {", ".join(_CHECK)} FROM given
), intents AS (
  INSERT INTO attempts (account_id, id, state, is_test, created_at, changed_at,
    {", ".join(_ATTEMPT)})
  SELECT $1, attempt_id, 'intended', $6::boolean, $2, $2, {", ".join(_ATTEMPT)}
  FROM given WHERE attempt_id IS NOT NULL
), taken AS (
  UPDATE lines SET live_attempt_id = (SELECT attempt_id FROM given WHERE phone = lines.phone)
  WHERE account_id = $1
    AND phone = ANY(ARRAY(SELECT phone FROM given WHERE attempt_id IS NOT NULL))
), moved AS (
  UPDATE enrolments SET last_check_id = given.check_id, changed_at = $2,
    {", ".join(f"{name} = given.{name}" for name in _MOVED)}
  FROM given
  WHERE enrolments.account_id = $1 AND enrolments.id = given.enrolment_id
    AND given.state IS NOT NULL
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
