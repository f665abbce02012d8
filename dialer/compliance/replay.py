"""Decide a stored check again, from the facts in its bytes and the packs it names by hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct

from dialer.compliance.decide import decide_for
from dialer.compliance.facts import (
    Caller,
    Consent,
    Declaration,
    Facts,
    Narrowing,
    PastAttempt,
    Scrub,
)
from dialer.compliance.numbering import Number
from dialer.compliance.packs import Pack
from dialer.compliance.record import failed, result
from dialer.compliance.verdict import PackRef, Verdict


class _Subject(Struct):
    kind: str
    region: str | None
    calling_code: str
    prefix: str
    zones: tuple[str, ...]
    number_type: str | None


class _Zone(Struct):
    given: tuple[str, ...] | None
    lead_zone: str | None


class _Classification(Struct):
    category: str
    mode: str
    sector: int | None
    entity: str | None
    event_at: datetime | None


class _PackRef(Struct):
    id: str
    version: str
    sha256: str


class _Narrowing(Struct):
    days: tuple[str, ...]
    spans: tuple[tuple[str, str], ...]


class _Rules(Struct):
    packs: tuple[_PackRef, ...]
    narrowing: _Narrowing


class _Consent(Struct):
    id: str | None
    kind: str
    captured_at: datetime | None
    ended: bool
    is_inquiry: bool


class _Register(Struct):
    id: str | None
    at: datetime
    verdict: str
    ref: str
    provider: str
    file_sha256: str | None


class _Declaration(Struct):
    reference: str | None
    declared_on: date | None
    objective: str | None
    cli_listed: bool


class _Caller(Struct):
    number: str | None
    series: str | None
    peid: str | None
    tmid: str | None
    declaration: _Declaration | None


class _Past(Struct):
    id: str | None
    at: datetime
    outcome: str
    conversation: bool


class _Body(Struct):
    """The facts of a body; what was answered is compared with the whole."""

    decided_at: datetime
    subject: _Subject
    zone: _Zone
    classification: _Classification
    rules: _Rules
    consents: tuple[_Consent, ...]
    register: _Register | None
    caller: _Caller
    history: tuple[_Past, ...]
    suppressed: bool


@dataclass(frozen=True, slots=True)
class Replay:
    """A check decided again. ``facts`` without the phone, which the bytes do not hold.

    missing: packs that the check names and that are not at hand; then there is no verdict.
    differences: what was answered otherwise then, in words; empty proves the check.
    """

    number: Number
    facts: Facts
    decided_at: datetime
    packs: tuple[Pack, ...]
    verdict: Verdict | None
    missing: tuple[PackRef, ...] = ()
    differences: tuple[str, ...] = ()


def replay(body: bytes, packs: Mapping[str, Pack]) -> Replay:
    """Decide again with the packs found by the hashes in ``body``.

    packs: by SHA-256 in hex digits. `ValueError` if the bytes are no check of this kind.
    """
    try:
        stored = msgspec.json.decode(body)
        read = msgspec.convert(stored, _Body)
        number, facts = _number(read), _facts(read)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"not a check's bytes: {error}") from None
    refs = [PackRef(ref.id, ref.version, ref.sha256) for ref in read.rules.packs]
    missing = tuple(ref for ref in refs if ref.sha256 not in packs)
    if missing:
        return Replay(number, facts, read.decided_at, (), None, missing)
    stack = tuple(packs[ref.sha256] for ref in refs)
    verdict = decide_for(number, facts, stack, read.decided_at)
    differences = tuple(_differences(stored, verdict))
    return Replay(number, facts, read.decided_at, stack, verdict, (), differences)


def _number(read: _Body) -> Number:
    subject = read.subject
    return Number(
        is_valid=subject.calling_code != "",
        kind=subject.kind,
        calling_code=subject.calling_code,
        national=subject.prefix,
        region=subject.region,
        zones=subject.zones,
    )


def _facts(read: _Body) -> Facts:
    about, rules, caller = read.classification, read.rules, read.caller
    return Facts(
        phone="",
        category=about.category,
        mode=about.mode,
        entity=about.entity,
        sector=about.sector,
        caller=None if caller.number is None else Caller(caller.number, caller.series),
        declaration=_declaration(caller),
        consents=tuple(
            Consent(
                one.kind,
                one.captured_at,
                one.ended,
                source="inquiry" if one.is_inquiry else None,
                id=one.id,
            )
            for one in read.consents
        ),
        suppressed=read.suppressed,
        scrub=None if read.register is None else _scrub(read.register),
        event_at=about.event_at,
        history=tuple(
            PastAttempt(past.at, past.conversation, past.outcome, past.id) for past in read.history
        ),
        lead_zone=read.zone.lead_zone,
        zones=read.zone.given,
        number_type=read.subject.number_type,
        narrowing=Narrowing(rules.narrowing.days, rules.narrowing.spans),
    )


def _declaration(caller: _Caller) -> Declaration | None:
    stored = caller.declaration
    if stored is None:
        return None
    return Declaration(
        stored.reference,
        stored.declared_on,
        stored.objective,
        stored.cli_listed,
        caller.peid,
        caller.tmid,
    )


def _scrub(stored: _Register) -> Scrub:
    return Scrub(
        stored.at, stored.verdict, stored.ref, stored.provider, stored.id, stored.file_sha256
    )


def _differences(stored: dict[str, Any], verdict: Verdict) -> list[str]:
    """Compare everything that was answered; the packs' order and the zones included."""
    pairs = [(name, stored["result"].get(name), now) for name, now in result(verdict).items()]
    pairs += [
        ("failed rules", stored["rules"].get("failed"), failed(verdict)),
        ("evaluated rules", stored["rules"].get("evaluated"), list(verdict.evaluated)),
        ("applied packs", stored["rules"].get("applied"), [ref.id for ref in verdict.packs]),
        ("zones", stored["zone"].get("zones"), list(verdict.zones)),
    ]
    return [
        f"{name}: stored {_show(then)}, decided again {_show(now)}"
        for name, then, now in pairs
        if then != now
    ]


def _show(value: Any) -> str:
    return msgspec.json.encode(value).decode()
