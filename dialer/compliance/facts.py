"""What a decision rests on. Values only: who reads them, and from where, is not known here.

A fact that is absent is unknown, and an unknown fact never allows a call. Each lead of a pass has
a handful of these made: as structs in a tenth of the time of dataclasses.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from dialer.compliance.walltime import WEEKDAYS, parse_span


class Consent(msgspec.Struct, frozen=True):
    """One consent of the callee; ``captured_at`` later than the decision is not a fact yet.

    kind: a pack's word (``inferred``, ``explicit_dca``, ``inquiry``, ``express_written``, …).
    ended: revoked, or the contract it was inferred from is over.
    source: where it came from; ``inquiry`` gives an ``ebr`` the shorter life some packs set.
    """

    kind: str
    captured_at: datetime | None
    ended: bool = False
    source: str | None = None
    evidence: str | None = None
    id: str | None = None


class Scrub(msgspec.Struct, frozen=True):
    """What a do-not-call register said about this number; grammar in `preferences`.

    file_sha256: hex digest of the file the verdict came in.
    """

    at: datetime
    verdict: str
    ref: str = ""
    provider: str = ""
    id: str | None = None
    file_sha256: str | None = None


class Caller(msgspec.Struct, frozen=True, cache_hash=True):
    """The number we would show. ``series``: 140, 1600, 1601, ordinary,
    ordinary_with_carrier_letter or own_verified."""

    number: str
    series: str | None


class Declaration(msgspec.Struct, frozen=True, cache_hash=True):
    """The sender's notice to the access provider that software dials (TCCCPR reg 4).

    cli_listed: the caller number is on the list that goes with the notice.
    peid, tmid: the sender's and the telemarketer's registration; for the record, nothing asks.
    """

    reference: str | None
    declared_on: date | None
    objective: str | None
    cli_listed: bool
    peid: str | None = None
    tmid: str | None = None


class PastAttempt(msgspec.Struct, frozen=True):
    """An earlier attempt that counts towards caps and gaps; already scoped by the caller."""

    at: datetime
    conversation: bool = False
    outcome: str = "no_answer"
    id: str | None = None


class Narrowing(msgspec.Struct, frozen=True, cache_hash=True):
    """A campaign's own days and hours, in each zone of the lead. Empty means all.

    Raises `ValueError` for a day or time that does not exist, so that a decision never has to.
    """

    days: tuple[str, ...] = ()
    spans: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for day in self.days:
            if day not in WEEKDAYS:
                raise ValueError(f"{day!r} is no day; use {', '.join(WEEKDAYS)}")
        for span in self.spans:
            parse_span(span)


class Facts(msgspec.Struct, frozen=True):
    """Everything known about one intended call.

    phone: E.164, as it would be dialed.
    sector: preference category of the register (TRAI: 1-8).
    event_at: when the customer's own transaction happened.
    lead_zone: IANA name; adds to the zones the packs derive, never replaces them.
    zones: replaces the packs' derivation when given (a verified address, the cases file).
    number_type: what a carrier lookup said (``toll_free``, …); can only forbid.
    """

    phone: str
    category: str
    mode: str
    entity: str | None
    sector: int | None
    caller: Caller | None
    declaration: Declaration | None
    consents: tuple[Consent, ...]
    suppressed: bool
    scrub: Scrub | None
    event_at: datetime | None
    history: tuple[PastAttempt, ...]
    lead_zone: str | None
    zones: tuple[str, ...] | None = None
    number_type: str | None = None
    narrowing: Narrowing = Narrowing()
