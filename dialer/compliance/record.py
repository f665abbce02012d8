"""The proof of a check: its canonical bytes, with every fact that the decision was made from.

The bytes outlive the person: they name a ``subject_id`` and a keyed hash of the phone, never the
phone, a name or text from a lead's file, so erasing a person leaves the chain whole. `replay`
decides again from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

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
from dialer.compliance.numbering import Number, read_number
from dialer.compliance.packs import Pack
from dialer.compliance.preferences import parse_verdict
from dialer.compliance.verdict import Verdict
from dialer.compliance.zones import TZDATA_VERSION, find_each_zone, find_zone

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

#: Stands for text of a lead's file that no rule can read: it may name a person.
UNREADABLE = "unreadable"
_encoder = msgspec.json.Encoder(order="sorted")


def canonical_body(
    *,
    ids: Mapping[str, str | None],
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
    body: dict[str, object] = {
        "ids": Raw(named),
        "extra": Raw(more),
        "decided_at": utc(decided_at),
        "engine_version": engine_version,
        "subject": {
            "subject_id": subject_id,
            "phone_hash": phone_hash,
            **_number(number, stack),
            "number_type": facts.number_type,
        },
        "zone": _zone(facts.zones, facts.lead_zone, stack, verdict, decided_at),
        "classification": {
            "category": facts.category,
            "mode": facts.mode,
            "sector": facts.sector,
            "entity": facts.entity,
            "event_at": utc(facts.event_at),
        },
        "rules": _rules(stack, verdict, facts.narrowing),
        "consents": [_consent(consent) for consent in facts.consents],
        "register": _scrub(facts.scrub),
        "caller": _caller(facts.caller, facts.declaration),
        "history": [_past(past) for past in facts.history],
        "suppressed": facts.suppressed,
        "result": _result(verdict),
    }
    return _encode(body)


@lru_cache(maxsize=256)
def _rules(stack: tuple[Pack, ...], verdict: Verdict, narrowing: Narrowing) -> Raw:
    """Like all parts that many checks of a pass have in common, encoded once."""
    rules: JSON = {
        "packs": [pack.ref._asdict() for pack in stack],
        "applied": [pack.id for pack in verdict.packs],
        "evaluated": verdict.evaluated,
        "failed": failed(verdict),
        "narrowing": {"days": narrowing.days, "spans": narrowing.spans},
    }
    return Raw(_encode(rules))


@lru_cache(maxsize=256)
def _result(verdict: Verdict) -> Raw:
    return Raw(_encode(result(verdict)))


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


def _encode(value: object) -> bytes:
    return _encoder.encode(value)


def utc(at: datetime | None) -> str | None:
    """An instant as the bytes have it: UTC with microseconds."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _number(number: Number, packs: tuple[Pack, ...]) -> dict[str, JSON]:
    """What the number showed to these packs (`alike.shown`): ``prefix`` and ``zones``."""
    prefix, zones = shown(packs, number)
    return {
        "kind": number.kind,
        "region": number.region,
        "calling_code": number.calling_code,
        "prefix": prefix,
        "zones": zones,
        "phonenumbers": phonenumbers.__version__,
    }


@lru_cache(maxsize=1024)
def _zone(
    given: tuple[str, ...] | None,
    lead_zone: str | None,
    packs: tuple[Pack, ...],
    verdict: Verdict,
    decided_at: datetime,
) -> Raw:
    """``given``: zones of an address, in place of those that the packs derive."""
    applied = {ref.id for ref in verdict.packs}
    modes = {pack.header.zones.mode for pack in packs if pack.id in applied}
    zone: JSON = {
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
    return Raw(_encode(zone))


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
