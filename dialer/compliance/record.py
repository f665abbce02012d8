"""The proof of a check: its canonical bytes and the keyed chain that makes changes show.

The bytes outlive the person: they name a ``subject_id`` and a keyed hash of the phone, never the
phone, a name or text from a lead's file, so erasing a person leaves the chain whole.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

import phonenumbers

from dialer.compliance.facts import Caller, Consent, Declaration, Facts, Scrub
from dialer.compliance.numbering import read_number
from dialer.compliance.preferences import parse_verdict
from dialer.compliance.verdict import Verdict
from dialer.compliance.zones import TZDATA_VERSION, find_each_zone

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

#: What the first row follows; the head of a chain without rows.
GENESIS = hashlib.sha256(b"dialer checks 1").digest()
#: How many stored or computed hashes a row may follow while rows around it are broken.
_CANDIDATES = 8


def canonical_body(
    *,
    ids: Mapping[str, str | None],
    facts: Facts,
    verdict: Verdict,
    decided_at: datetime,
    subject_id: str,
    phone_hash: str,
    engine_version: str,
    extra: Mapping[str, JSON],
) -> bytes:
    """Return the check as UTF-8 JSON: keys sorted, no spaces, UTC with microseconds.

    Groups as compliance reference §5. `ValueError` if ``ids`` or ``extra`` carry the phone.
    """
    number = read_number(facts.phone)
    ours: dict[str, JSON] = {"ids": dict(ids), "extra": dict(extra)}
    if number.is_valid and facts.phone.removeprefix("+") in _encode(ours).decode():
        raise ValueError("ids and extra of a check must not carry the lead's phone")
    body: dict[str, JSON] = {
        **ours,
        "decided_at": _utc(decided_at),
        "engine_version": engine_version,
        "subject": {
            "subject_id": subject_id,
            "phone_hash": phone_hash,
            "kind": number.kind,
            "region": number.region,
            "calling_code": number.calling_code,
            "number_type": facts.number_type,
            "phonenumbers": phonenumbers.__version__,
        },
        "zone": _zone(facts, verdict, decided_at),
        "classification": {
            "category": facts.category,
            "mode": facts.mode,
            "sector": facts.sector,
            "entity": facts.entity,
            "event_at": _utc(facts.event_at),
        },
        "rules": _rules(facts, verdict),
        "consents": [_consent(consent) for consent in facts.consents],
        "register": _scrub(facts.scrub),
        "caller": _caller(facts.caller, facts.declaration),
        "history": [
            {"at": _utc(past.at), "outcome": past.outcome, "conversation": past.conversation}
            for past in facts.history
        ],
        "suppressed": facts.suppressed,
        "result": {
            "decision": "allow" if verdict.allowed else "deny",
            "code": verdict.code,
            "rule_id": verdict.rule_id,
            "codes": verdict.codes,
            "next_allowed_at": _utc(verdict.next_allowed_at),
            "window_ends_at": _utc(verdict.window_ends_at),
        },
    }
    return _encode(body)


def _encode(value: JSON) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _utc(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _zone(facts: Facts, verdict: Verdict, decided_at: datetime) -> JSON:
    return {
        "zones": verdict.zones,
        "derived_by": "pack" if facts.zones is None else "given",
        "lead_zone_added": facts.lead_zone is not None,
        "local": {
            zone.key: decided_at.astimezone(zone).isoformat(timespec="seconds")
            for zone in find_each_zone(verdict.zones)
        },
        "tzdata": TZDATA_VERSION,
    }


def _rules(facts: Facts, verdict: Verdict) -> JSON:
    failed = [(found.code, found.rule_id, found.pack_id) for found in verdict.findings]
    return {
        "packs": [pack._asdict() for pack in verdict.packs],
        "evaluated": verdict.evaluated,
        "failed": [
            {"code": code, "rule_id": rule_id, "pack_id": pack_id}
            for code, rule_id, pack_id in dict.fromkeys(failed)
        ],
        "narrowing": {"days": facts.narrowing.days, "spans": facts.narrowing.spans},
    }


def _consent(consent: Consent) -> JSON:
    """Source and evidence are text from the lead's file: ``id`` names the row that holds them."""
    return {
        "id": consent.id,
        "kind": consent.kind,
        "captured_at": _utc(consent.captured_at),
        "ended": consent.ended,
        "is_inquiry": consent.source == "inquiry",
    }


def _scrub(scrub: Scrub | None) -> JSON:
    if scrub is None:
        return None
    try:
        parse_verdict(scrub.verdict)
        verdict = scrub.verdict
    except ValueError:  # free text from a file, which may name a person
        verdict = "unreadable"
    return {
        "id": scrub.id,
        "at": _utc(scrub.at),
        "verdict": verdict,
        "ref": scrub.ref,
        "provider": scrub.provider,
    }


def _caller(caller: Caller | None, declaration: Declaration | None) -> JSON:
    declared_on = declaration.declared_on if declaration else None
    return {
        "number": caller.number if caller else None,
        "series": caller.series if caller else None,
        "declaration": {
            "reference": declaration.reference,
            "declared_on": declared_on.isoformat() if declared_on else None,
            "objective": declaration.objective,
            "cli_listed": declaration.cli_listed,
        }
        if declaration
        else None,
    }


class ChainRow(NamedTuple):
    """One stored check; ``seq`` counts from 1 without gaps."""

    seq: int
    body: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class ChainFault:
    """kind: altered, missing, reordered, surplus, or head (the end of the chain does not fit)."""

    seq: int
    kind: str
    detail: str


def chain_hash(key: bytes, previous: bytes, seq: int, body: bytes) -> bytes:
    """HMAC-SHA256 over the previous hash, the number and the bytes, each behind its length.

    The lengths keep bytes from moving between two parts without changing the hash.
    """
    parts = (previous, seq.to_bytes(8, "big"), body)
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hmac.digest(key, message, "sha256")


def verify_chain(
    key: bytes,
    rows: Iterable[ChainRow],
    head: bytes,
    count: int,
    genesis: bytes = GENESIS,
) -> list[ChainFault]:
    """Return every fault of a chain read in order of ``seq``; an empty list proves it whole.

    head, count: what the account row says the last hash and the number of rows are.
    A row right after a missing one cannot be proven by itself; it is taken as stored and the
    rows after it are checked against that.
    """
    return list(_faults(key, rows, head, count, genesis))


def _faults(
    key: bytes, rows: Iterable[ChainRow], head: bytes, count: int, genesis: bytes
) -> Iterator[ChainFault]:
    expected = 1
    ends: tuple[bytes, ...] = (genesis,)
    may_follow: deque[bytes] = deque((genesis,), maxlen=_CANDIDATES)
    for row in rows:
        if row.seq < expected:
            yield ChainFault(row.seq, "reordered", "stands behind a later row or is there twice")
            continue
        if row.seq > count:
            yield ChainFault(row.seq, "surplus", f"the account knows of {count} rows")
        if row.seq > expected:
            yield from _missing(expected, row.seq)
        elif not any(chain_hash(key, one, row.seq, row.body) == row.hash for one in may_follow):
            yield ChainFault(row.seq, "altered", "bytes and hash do not follow from the row before")
            # Either its bytes or its hash changed: the next row proves itself on what is left,
            # so that one altered row is not reported as all that come after it.
            ends = (*(chain_hash(key, one, row.seq, row.body) for one in may_follow), row.hash)
            may_follow.extend(ends)
            expected = row.seq + 1
            continue
        ends, expected = (row.hash,), row.seq + 1
        may_follow.clear()
        may_follow.extend(ends)
    yield from _missing(expected, count + 1)
    if expected == count + 1 and not any(hmac.compare_digest(end, head) for end in ends):
        yield ChainFault(count, "head", "the stored head is not the hash of the last row")


def _missing(first: int, behind: int) -> Iterator[ChainFault]:
    return (ChainFault(seq, "missing", "no such row") for seq in range(first, behind))
