"""Is the proof whole? The chain, its end, the heads signed over it and the columns beside it.

Rows are read in pages by their number, so that any number of them takes the same memory.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text

from dialer.compliance.chain import (
    MOST_FAULTS,
    ChainFault,
    ChainReader,
    ChainRow,
    Faults,
    SignedHead,
    is_signed,
)
from dialer.compliance.packs import Pack
from dialer.compliance.replay import replay
from dialer.store.audit_heads import read_heads
from dialer.store.engine import Tx

_PAGE = 1000

# Instants, ids and codes as text: a column that was tampered with may hold what Python cannot
# (a year before Christ), and text is compared with the body's without building a value of it.
_COLUMNS = """
SELECT seq, id, body, hash, id::text, account_id::text, campaign_id::text, enrolment_id::text,
    lead_id::text, subject_id::text, decided_at::text, decision, code, codes::text, rule_id,
    next_allowed_at::text, category, mode, caller_id
FROM checks WHERE account_id = $1 AND seq <= $2
"""
_FIRST_PAGE = _COLUMNS + "ORDER BY checks.seq, checks.id LIMIT $3"
_NEXT_PAGE = (
    _COLUMNS + "AND (checks.seq, checks.id) > ($4, $5) ORDER BY checks.seq, checks.id LIMIT $3"
)
_NAMES = (
    *("id", "account_id", "campaign_id", "enrolment_id", "lead_id", "subject_id", "decided_at"),
    *("decision", "code", "codes", "rule_id", "next_allowed_at", "category", "mode", "caller_id"),
)

# The account row and what lies behind its number, of one instant: checks are added meanwhile.
_END = text(f"""
SELECT a.chain_head, a.chain_seq, a.chain_count, ARRAY(
    SELECT c.seq FROM checks c WHERE c.account_id = a.id AND c.seq > a.chain_seq
    ORDER BY c.seq LIMIT {MOST_FAULTS}
) AS surplus
FROM accounts a WHERE a.id = :account_id
""")

# Rows that name a check which is not there: the end of the chain can be cut off together with
# the account row's memory of it, but not with theirs.
_DANGLING = text(f"""
SELECT e.last_check_id AS check_id, 'enrolment ' || e.id AS named_by FROM enrolments e
WHERE e.account_id = :account_id AND e.last_check_id IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM checks c WHERE c.account_id = e.account_id AND c.id = e.last_check_id)
UNION ALL
SELECT a.check_id, 'attempt ' || a.id FROM attempts a
WHERE a.account_id = :account_id AND NOT EXISTS
    (SELECT 1 FROM checks c WHERE c.account_id = a.account_id AND c.id = a.check_id)
LIMIT {MOST_FAULTS}
""")


@dataclass(slots=True)
class Replayed:
    """Checks decided again. missing: packs that are not at hand → how many checks need them."""

    same: int = 0
    missing: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audit:
    """``faults``: the first of ``faults_total``. ``heads``: signed heads that were compared."""

    checks: int
    heads: int
    faults: Sequence[ChainFault]
    faults_total: int
    replayed: Replayed | None

    @property
    def is_whole(self) -> bool:
        return self.faults_total == 0


async def verify_audit(
    tx: Tx, key: bytes, *, packs: Mapping[str, Pack] | None = None, every: int = 1
) -> Audit:
    """Compare everything that proves the checks; see `Audit`.

    packs: by hash; given, each check is decided again too, or one in ``every``.
    """
    await tx.execute(text("SELECT set_config('datestyle', 'ISO, YMD', true)"))
    # Before the end is read: a head signed from then on may lie behind it.
    heads = await read_heads(tx)
    end = (await tx.execute(_END, {"account_id": tx.account_id})).one()
    proof = _Proof(key, heads, end, packs, every)
    await _read_all(tx, end.chain_seq, proof)
    proof.close(end)
    for row in (await tx.execute(_DANGLING, {"account_id": tx.account_id})).all():
        detail = f"check {row.check_id} does not exist, but {row.named_by} names it"
        proof.faults.add(None, "missing", detail)
    return Audit(
        checks=proof.rows,
        heads=len(heads),
        faults=proof.faults.told,
        faults_total=proof.faults.total,
        replayed=None if packs is None else proof.replayed,
    )


async def _read_all(tx: Tx, last_seq: int, proof: _Proof) -> None:
    """Fetch a page while the one before is proven, on a thread: live calls share the loop."""
    first = (tx.account_id, last_seq, _PAGE)
    page = await tx.fetch(_FIRST_PAGE, *first)
    while page:
        following, _ = await asyncio.gather(
            tx.fetch(_NEXT_PAGE, *first, page[-1][0], page[-1][1]),
            asyncio.to_thread(proof.take, page),
        )
        page = following


class _Ids(Struct):
    check_id: str | None = None
    account_id: str | None = None
    campaign_id: str | None = None
    enrolment_id: str | None = None
    lead_id: str | None = None


class _Subject(Struct):
    subject_id: str | None = None


class _Classification(Struct):
    category: str | None = None
    mode: str | None = None


class _Caller(Struct):
    number: str | None = None


class _Result(Struct):
    decision: str | None = None
    code: str | None = None
    rule_id: str | None = None
    codes: tuple[str, ...] = ()
    next_allowed_at: str | None = None


class _Body(Struct):
    """What stands in columns beside the body."""

    ids: _Ids
    subject: _Subject
    decided_at: str
    classification: _Classification
    caller: _Caller
    result: _Result


_body = msgspec.json.Decoder(_Body)


def _instant(stored: str | None) -> str | None:
    """``2026-11-23T06:30:00.500000Z`` as Postgres writes it: ``2026-11-23 06:30:00.5+00``."""
    if stored is None:
        return None
    return stored[:-1].replace("T", " ").rstrip("0").rstrip(".") + "+00"


class _Proof:
    """What was proven so far, row by row."""

    def __init__(
        self,
        key: bytes,
        heads: Sequence[SignedHead],
        end: Any,
        packs: Mapping[str, Pack] | None,
        every: int,
    ) -> None:
        self.rows = 0
        self.replayed = Replayed()
        self._reader = ChainReader(key, count=end.chain_seq)
        self.faults: Faults = self._reader.faults
        self._packs, self._every = packs, every
        self._heads: dict[int, list[SignedHead]] = defaultdict(list)
        for head in heads:
            if not is_signed(key, head):
                at = head.at.isoformat(timespec="seconds")
                self.faults.add(head.seq, "head", f"the signature of the head of {at} is not ours")
            else:
                self._heads[head.seq].append(head)

    def take(self, page: Sequence[Any]) -> None:
        for row in page:
            seq, _, body, stored, *columns = row
            self.rows += 1
            is_proven = self._reader.read(ChainRow(seq, body, stored))
            if seq in self._heads:
                self._compare_heads(seq, stored)
            problem = self._compare_columns(body, columns)
            # Of a row whose bytes are known to be broken, its columns prove nothing more.
            if problem is not None and is_proven:
                self.faults.add(seq, "altered", problem)
            elif self._packs is not None and is_proven and seq % self._every == 0:
                self._decide_again(seq, body, self._packs)

    def _compare_columns(self, body: bytes, columns: Sequence[str | None]) -> str | None:
        try:
            read = _body.decode(body)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return "its bytes are no check"
        ids, answer = read.ids, read.result
        expected = [
            ids.check_id,
            ids.account_id,
            ids.campaign_id,
            ids.enrolment_id,
            ids.lead_id,
            read.subject.subject_id,
            _instant(read.decided_at),
            answer.decision,
            answer.code,
            "{" + ",".join(answer.codes) + "}",
            answer.rule_id,
            _instant(answer.next_allowed_at),
            read.classification.category,
            read.classification.mode,
            read.caller.number,
        ]
        if expected == columns:
            return None
        return "; ".join(
            f"the column {name} says {there!r}, the chained bytes {chained!r}"
            for name, there, chained in zip(_NAMES, columns, expected, strict=True)
            if there != chained
        )

    def _compare_heads(self, seq: int, stored: bytes) -> None:
        for head in self._heads.pop(seq):
            at = head.at.isoformat(timespec="seconds")
            if head.count != seq:
                self.faults.add(seq, "head", f"the head signed at {at} counts {head.count} checks")
            if head.head != stored:
                self.faults.add(seq, "head", f"its hash is not the head signed at {at}")

    def _decide_again(self, seq: int, body: bytes, packs: Mapping[str, Pack]) -> None:
        try:
            found = replay(body, packs)
        except ValueError as error:
            self.faults.add(seq, "verdict", str(error))
            return
        for ref in found.missing:
            name = f"{ref.id} {ref.version} (sha256 {ref.sha256})"
            self.replayed.missing[name] = self.replayed.missing.get(name, 0) + 1
        if found.differences:
            self.faults.add(seq, "verdict", "; ".join(found.differences))
        elif found.verdict is not None:
            self.replayed.same += 1

    def close(self, end: Any) -> None:
        for seq in end.surplus:
            known = f"the account row knows of {end.chain_seq} checks"
            self.faults.add(seq, "surplus", known)
        if end.chain_count != end.chain_seq:
            self.faults.add(
                end.chain_seq,
                "head",
                f"the account row counts {end.chain_count} checks up to number {end.chain_seq}",
            )
        self._reader.close(end.chain_head)
        self._miss_signed(end)

    def _miss_signed(self, end: Any) -> None:
        """Rows a signed head counted and the account row no longer knows of."""
        behind = [
            head for seq, heads in self._heads.items() if seq > end.chain_seq for head in heads
        ]
        if not behind:
            return
        last = max(behind, key=lambda head: head.seq)
        at = last.at.isoformat(timespec="seconds")
        there = set(end.surplus)
        for seq in range(end.chain_seq + 1, last.seq + 1):
            if seq not in there:
                detail = f"the head signed at {at} counts {last.count} checks"
                self.faults.add(seq, "missing", detail)
