"""Reading an evidence pack back, from either form, and holding it against the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser
from uuid import UUID

import msgspec
from msgspec import Struct

from dialer.compliance.chain import Faults, SignedHead, chain_hash, is_signed
from dialer.errors import InvalidInput
from dialer.store.engine import Tx
from dialer.store.evidence import hash_of


class _Head(Struct):
    account_id: UUID
    at: datetime
    seq: int
    count: int
    hash: str
    signature: str


class Record(Struct):
    """One check as a pack holds it; hashes in hexadecimal digits."""

    seq: int
    previous: str
    hash: str
    body: str


class _Check(Struct):
    record: Record


class _Document(Struct):
    kind: str
    head: _Head
    checks: list[_Check]


@dataclass(frozen=True, slots=True)
class Evidence:
    head: SignedHead
    records: Sequence[Record]


def read_evidence(raw: bytes, source: str) -> Evidence:
    """Read a pack made by `evidence.as_json` or `evidence_page.as_page`."""
    try:
        if raw.lstrip().startswith(b"{"):
            read = msgspec.json.decode(raw, type=_Document)
            head, records = read.head, [check.record for check in read.checks]
        else:
            page = _Page()
            page.feed(raw.decode())
            page.close()
            head = msgspec.convert(page.head, _Head, strict=False)
            records = msgspec.convert(page.records, list[Record], strict=False)
        return Evidence(_signed(head), records)
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidInput(f"{source}: is no evidence pack of ours ({error})") from None


def _signed(head: _Head) -> SignedHead:
    return SignedHead(
        head.account_id,
        head.at,
        head.seq,
        head.count,
        bytes.fromhex(head.hash),
        bytes.fromhex(head.signature),
    )


class _Page(HTMLParser):
    """Collects the data attributes of the proof, and the bytes of its records."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.head: dict[str, str] = {}
        self.records: list[dict[str, str]] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        data = {name[5:]: value or "" for name, value in attrs if name.startswith("data-")}
        if tag == "section" and "signature" in data:
            self.head = data | {"account_id": data.get("account", "")}
        elif tag == "pre" and "previous" in data:
            self.records.append(data | {"body": ""})
            self._is_inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._is_inside = False

    def handle_data(self, data: str) -> None:
        if self._is_inside:
            self.records[-1]["body"] += data


async def compare_evidence(tx: Tx, key: bytes, evidence: Evidence) -> Faults:
    """Hold a pack against the key and the chain as it is now; no faults: both are whole."""
    faults, head = Faults(), evidence.head
    if not is_signed(key, head):
        faults.add(head.seq, "head", "the signature of the file's head is not ours")
    elif head.seq > 0 and await hash_of(tx, head.seq) != head.head:
        at = head.at.isoformat(timespec="seconds")
        faults.add(
            head.seq,
            "head",
            f"the chain no longer has what the file's head of {at} was signed over",
        )
    for record in evidence.records:
        stored = await hash_of(tx, record.seq)
        if stored is None:
            faults.add(record.seq, "missing", "the file holds it, the database does not")
        elif not _is_proven(key, record) or stored.hex() != record.hash:
            faults.add(record.seq, "altered", "the file and the chain differ")
    return faults


def _is_proven(key: bytes, record: Record) -> bool:
    try:
        previous, claimed = bytes.fromhex(record.previous), bytes.fromhex(record.hash)
    except ValueError:
        return False
    if not 0 < record.seq < 2**63:
        return False
    return chain_hash(key, previous, record.seq, record.body.encode()) == claimed
