"""The keyed chain that makes every change to a stored check show, and the heads signed over it."""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from dialer.keys import mac

#: What the first row follows; the head of a chain without rows.
GENESIS = hashlib.sha256(b"dialer checks 1").digest()
#: How many stored or computed hashes a row may follow while rows around it are broken.
_CANDIDATES = 8
#: Faults told one by one; of a chain that is broken all over, the rest is counted.
MOST_FAULTS = 1000
_SEQ_LENGTH = (8).to_bytes(8, "big")
# A link's message begins with the eight bytes of a length, so none can be taken for a head.
_HEAD = b"dialer audit head 1\n"


class ChainRow(NamedTuple):
    """One stored check; ``seq`` counts from 1 without gaps."""

    seq: int
    body: bytes
    hash: bytes


class ChainFault(NamedTuple):
    """kind: altered, missing, reordered, surplus, verdict (decided again it is another), or head
    (the end of the chain does not fit, or a signed head tells otherwise). ``seq`` is None where
    the row is known by its id alone."""

    seq: int | None
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class SignedHead:
    """Where the chain stood at an instant, signed: nobody without the key can move it back."""

    account_id: UUID
    at: datetime
    seq: int
    count: int
    head: bytes
    signature: bytes


def chain_hash(key: bytes, previous: bytes, seq: int, body: bytes) -> bytes:
    """HMAC-SHA256 over the previous hash, the number and the bytes, each behind its length.

    The lengths keep bytes from moving between two parts without changing the hash.
    """
    message = b"".join(
        (
            len(previous).to_bytes(8, "big"),
            previous,
            _SEQ_LENGTH,
            seq.to_bytes(8, "big"),
            len(body).to_bytes(8, "big"),
            body,
        )
    )
    return mac(key, message)


def sign_head(
    key: bytes, *, account_id: UUID, at: datetime, seq: int, count: int, head: bytes
) -> SignedHead:
    """Sign where the chain stands."""
    instant = at.astimezone(UTC).isoformat(timespec="microseconds")
    message = _HEAD + f"{account_id}\n{instant}\n{seq}\n{count}\n".encode() + head
    return SignedHead(account_id, at, seq, count, head, mac(key, message))


def is_signed(key: bytes, head: SignedHead) -> bool:
    """Is the signature ours, over exactly this head?"""
    ours = sign_head(
        key,
        account_id=head.account_id,
        at=head.at,
        seq=head.seq,
        count=head.count,
        head=head.head,
    )
    return hmac.compare_digest(ours.signature, head.signature)


@dataclass(slots=True)
class Faults:
    """What was found: the first `MOST_FAULTS` in words, and how many there are in all."""

    told: list[ChainFault] = field(default_factory=list)
    total: int = 0

    def add(self, seq: int | None, kind: str, detail: str) -> None:
        self.total += 1
        if len(self.told) < MOST_FAULTS:
            self.told.append(ChainFault(seq, kind, detail))

    def add_missing(self, first: int, behind: int, detail: str = "no such row") -> None:
        """Tell of each row from ``first`` up to the one before ``behind``."""
        missing = range(first, behind)
        self.told += (
            ChainFault(seq, "missing", detail) for seq in missing[: MOST_FAULTS - len(self.told)]
        )
        self.total += len(missing)


class ChainReader:
    """Reads a chain row by row in order of ``seq`` and notes what does not follow.

    A row right after a missing one cannot be proven by itself; it is taken as stored and the
    rows after it are checked against that.
    """

    def __init__(self, key: bytes, *, count: int, genesis: bytes = GENESIS) -> None:
        self.faults = Faults()
        self._key, self._count = key, count
        self._expected = 1
        self._ends: tuple[bytes, ...] = (genesis,)
        self._may_follow: deque[bytes] = deque((genesis,), maxlen=_CANDIDATES)

    def read(self, row: ChainRow) -> bool:
        """Take the next row; True if its bytes are proven by the row before."""
        seq, body, stored = row
        if seq != self._expected or seq > self._count:
            self._misplaced(seq, stored)
            return False
        links = [chain_hash(self._key, one, seq, body) for one in self._may_follow]
        if stored in links:
            self._go_on(seq, stored)
            return True
        self.faults.add(seq, "altered", "bytes and hash do not follow from the row before")
        # Either its bytes or its hash changed: the next row proves itself on what is left,
        # so that one altered row is not reported as all that come after it.
        self._ends = (*links, stored)
        self._may_follow.extend(self._ends)
        self._expected = seq + 1
        return False

    def close(self, head: bytes) -> Faults:
        """Compare the end with the account row's head and return everything found."""
        self.faults.add_missing(self._expected, self._count + 1)
        is_whole = self._expected == self._count + 1
        if is_whole and not any(hmac.compare_digest(end, head) for end in self._ends):
            self.faults.add(
                self._count, "head", "the head on the account row is not the hash of the last row"
            )
        return self.faults

    def _go_on(self, seq: int, stored: bytes) -> None:
        self._ends, self._expected = (stored,), seq + 1
        self._may_follow.clear()
        self._may_follow.append(stored)

    def _misplaced(self, seq: int, stored: bytes) -> None:
        if seq < self._expected:
            self.faults.add(seq, "reordered", "stands behind a later row or is there twice")
        elif seq > self._count:
            self.faults.add(seq, "surplus", f"the account row knows of {self._count} rows")
        else:
            self.faults.add_missing(
                self._expected,
                seq,
                f"no such row; so check {seq} cannot be proven by the one before it",
            )
            self._go_on(seq, stored)


def verify_chain(
    key: bytes,
    rows: Iterable[ChainRow],
    head: bytes,
    count: int,
    genesis: bytes = GENESIS,
) -> list[ChainFault]:
    """Return every fault of a chain read in order of ``seq``; an empty list proves it whole.

    head, count: what the account row says the last hash and the number of rows are.
    """
    reader = ChainReader(key, count=count, genesis=genesis)
    for row in rows:
        reader.read(row)
    return reader.close(head).told
