"""The proof of a check: its canonical bytes, with every fact that the decision was made from.

The bytes outlive the person: they name a ``subject_id`` and a keyed hash of the phone, never the
phone, a name or text from a lead's file, so erasing a person leaves the chain whole. `replay`
decides again from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from uuid import UUID

import msgspec
import phonenumbers
from msgspec import Raw

from dialer.compliance.alike import shown
from dialer.compliance.facts import (
    Caller,
    Consent,
    Declaration,
    Facts,
    Narrowing,
    PastAttempt,
    Scrub,
)
from dialer.compliance.numbering import read_number
from dialer.compliance.packs import Pack
from dialer.compliance.preferences import parse_verdict
from dialer.compliance.verdict import Verdict
from dialer.compliance.zones import TZDATA_VERSION, find_each_zone, find_zone

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

#: Stands for text of a lead's file that no rule can read: it may name a person.
UNREADABLE = "unreadable"
# Structs are encoded in the order of their fields, dicts in that of their keys.
_encode = msgspec.json.Encoder(order="deterministic").encode


class _Subject(msgspec.Struct):
    """Who is called: by a name of ours, a keyed hash and what the number showed to these packs."""

    calling_code: str
    kind: str
    number_type: str | None
    phone_hash: str
    phonenumbers: str
    prefix: str
    region: str | None
    subject_id: str
    zones: tuple[str, ...]


class _Body(msgspec.Struct):
    """The groups of compliance reference §5, in the order of their names: the bytes are sorted."""

    caller: Raw
    classification: Raw
    consents: Sequence[JSON]
    decided_at: str | None
    engine_version: str
    extra: Raw
    history: Sequence[JSON]
    ids: Raw
    register: JSON
    result: Raw
    rules: Raw
    subject: _Subject
    suppressed: bool
    zone: Raw


def canonical_body(
    *,
    ids: Mapping[str, UUID | str | None],
    facts: Facts,
    packs: Sequence[Pack],
    verdict: Verdict,
    decided_at: datetime,
    subject_id: str,
    phone_hash: str,
    engine_version: str,
    extra: Mapping[str, JSON],
) -> bytes:
    """Return the check as UTF-8 JSON: keys sorted, no spaces, UTC with microseconds.

    Groups as compliance reference §5. packs: all that were asked, parents first, whether they
    cover the number or not. `ValueError` if ``ids`` or ``extra`` carry the phone.
    """
    number = read_number(facts.phone)
    stack = tuple(packs)
    named, more = _encode(ids), _encode(extra)
    digits = facts.phone.removeprefix("+").encode()
    if number.is_valid and (digits in named or digits in more):
        raise ValueError("ids and extra of a check must not carry the lead's phone")
    prefix, zones = shown(stack, number)
    classification = _classification(
        facts.category, facts.mode, facts.sector, facts.entity, facts.event_at
    )
    answer = _answer(stack, verdict, facts.narrowing, facts.zones, facts.lead_zone, decided_at)
    return _encode(
        _Body(
            caller=_caller(facts.caller, facts.declaration),
            classification=classification,
            consents=[_consent(consent) for consent in facts.consents],
            decided_at=answer.decided_at,
            engine_version=engine_version,
            extra=Raw(more),
            history=[_past(past) for past in facts.history],
            ids=Raw(named),
            register=_scrub(facts.scrub),
            result=answer.result,
            rules=answer.rules,
            subject=_Subject(
                calling_code=number.calling_code,
                kind=number.kind,
                number_type=facts.number_type,
                phone_hash=phone_hash,
                phonenumbers=phonenumbers.__version__,
                prefix=prefix,
                region=number.region,
                subject_id=subject_id,
                zones=zones,
            ),
            suppressed=facts.suppressed,
            zone=answer.zone,
        )
    )


class _Answer(NamedTuple):
    """What the law said and from what, as many checks of a pass have it in common: encoded once."""

    decided_at: str | None
    result: Raw
    rules: Raw
    zone: Raw


@lru_cache(maxsize=1024)
def _answer(
    stack: tuple[Pack, ...],
    verdict: Verdict,
    narrowing: Narrowing,
    given: tuple[str, ...] | None,
    lead_zone: str | None,
    decided_at: datetime,
) -> _Answer:
    """``given``: zones of an address, in place of those that the packs derive."""
    rules: JSON = {
        "packs": [pack.ref._asdict() for pack in stack],
        "applied": [pack.id for pack in verdict.packs],
        "evaluated": verdict.evaluated,
        "failed": failed(verdict),
        "narrowing": {"days": narrowing.days, "spans": narrowing.spans},
    }
    zone = _zone(given, lead_zone, stack, verdict, decided_at)
    parts = (Raw(_encode(part)) for part in (result(verdict), rules, zone))
    return _Answer(utc(decided_at), *parts)


@lru_cache(maxsize=256)
def _classification(
    category: str, mode: str, sector: int | None, entity: str | None, event_at: datetime | None
) -> Raw:
    classification: JSON = {
        "category": category,
        "mode": mode,
        "sector": sector,
        "entity": entity,
        "event_at": utc(event_at),
    }
    return Raw(_encode(classification))


def result(verdict: Verdict) -> dict[str, JSON]:
    """What was answered."""
    return {
        "decision": "allow" if verdict.allowed else "deny",
        "code": verdict.code,
        "rule_id": verdict.rule_id,
        "codes": list(verdict.codes),
        "next_allowed_at": utc(verdict.next_allowed_at),
        "window_ends_at": utc(verdict.window_ends_at),
    }


def failed(verdict: Verdict) -> list[JSON]:
    """The rules that denied, each once for each reason."""
    found = [(found.code, found.rule_id, found.pack_id) for found in verdict.findings]
    return [
        {"code": code, "rule_id": rule_id, "pack_id": pack_id}
        for code, rule_id, pack_id in dict.fromkeys(found)
    ]


def utc(at: datetime | None) -> str | None:
    """An instant as the bytes have it: UTC with microseconds."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _zone(
    given: tuple[str, ...] | None,
    lead_zone: str | None,
    packs: tuple[Pack, ...],
    verdict: Verdict,
    decided_at: datetime,
) -> JSON:
    applied = {ref.id for ref in verdict.packs}
    modes = {pack.header.zones.mode for pack in packs if pack.id in applied}
    return {
        "zones": verdict.zones,
        "derived_by": "address" if given is not None else "+".join(sorted(modes)),
        "given": None if given is None else [_zone_name(name) for name in given],
        "lead_zone": None if lead_zone is None else _zone_name(lead_zone),
        "local": {
            zone.key: decided_at.astimezone(zone).isoformat(timespec="seconds")
            for zone in find_each_zone(verdict.zones)
        },
        "tzdata": TZDATA_VERSION,
    }


def _zone_name(name: str) -> str:
    zone = find_zone(name)
    return UNREADABLE if zone is None else zone.key


def _consent(consent: Consent) -> JSON:
    """Source and evidence are text from the lead's file: ``id`` names the row that holds them."""
    return {
        "id": consent.id,
        "kind": consent.kind,
        "captured_at": utc(consent.captured_at),
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
        verdict = UNREADABLE
    return {
        "id": scrub.id,
        "at": utc(scrub.at),
        "verdict": verdict,
        "ref": scrub.ref,
        "provider": scrub.provider,
        "file_sha256": scrub.file_sha256,
    }


@lru_cache(maxsize=256)
def _caller(caller: Caller | None, declaration: Declaration | None) -> Raw:
    declared_on = declaration.declared_on if declaration else None
    named: JSON = {
        "number": caller.number if caller else None,
        "series": caller.series if caller else None,
        "peid": declaration.peid if declaration else None,
        "tmid": declaration.tmid if declaration else None,
        "declaration": {
            "reference": declaration.reference,
            "declared_on": declared_on.isoformat() if declared_on else None,
            "objective": declaration.objective,
            "cli_listed": declaration.cli_listed,
        }
        if declaration
        else None,
    }
    return Raw(_encode(named))


def _past(past: PastAttempt) -> JSON:
    return {
        "id": past.id,
        "at": utc(past.at),
        "outcome": past.outcome,
        "conversation": past.conversation,
    }
