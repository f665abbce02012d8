"""The TOML of a rule pack, as compliance reference §4 lays it down.

Everything a pack may say has a field here; a word that has none is refused, because a rule that
is silently not applied is worse than a pack that does not load.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from dialer.compliance.durations import parse_duration
from dialer.compliance.walltime import WEEKDAYS, parse_span

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
Names = Annotated[tuple[Name, ...], Meta(min_length=1)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Declared = Literal["oap_notice", "objective", "cli_list"]
PeriodType = Literal["rolling", "calendar_day", "calendar_days_local"]
Period = Annotated[str, Meta(pattern="^P")]
"""An ISO 8601 duration; `durations.parse_duration` gives its parts."""
SAME_LOCAL_DAY = "same_local_day"


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every kind shares. Outside its dates (both inclusive, local) a rule is inert."""

    id: Name
    categories: Names
    authority: Literal["statute", "regulation", "regulator_guidance", "industry_code", "policy"]
    severity: Literal["block", "warn"]
    effective_from: date
    source: Annotated[str, Meta(min_length=1)]
    confidence: Literal["V3", "V2", "S1", "R", "P"]
    effective_to: date | None = None
    enabled: bool = True
    modes: Names | None = None


class Window(Rule, frozen=True, tag="window"):
    """Local hours. Several rules for one day must all pass; ``holidays``: same, closed, as:sun.

    preference_bands: the bands a subscriber may switch; ``preference_on_may_extend`` lets a band
        switched ON, on the evidence of a fresh scrub, open hours beyond ``spans``.
    """

    days: Annotated[tuple[Weekday, ...], Meta(min_length=1)]
    spans: Annotated[tuple[tuple[str, str], ...], Meta(min_length=1)]
    holidays: str = "same"
    calendar: str | None = None
    preference_bands: tuple[str, ...] = ()
    preference_on_may_extend: bool = False

    def __post_init__(self) -> None:
        for span in self.spans:
            parse_span(span)
        for band in self.preference_bands:
            parse_band(band)
        if self.holidays not in ("same", "closed", *(f"as:{day}" for day in WEEKDAYS)):
            raise ValueError(f"holidays = {self.holidays!r}; use same, closed or as:sun")
        if self.holidays != "same" and self.calendar is None:
            raise ValueError(f"holidays = {self.holidays!r} needs a calendar")


class Cap(Rule, frozen=True, tag="cap"):
    """At most ``max`` in the period; the history handed to a decision is already scoped."""

    max: Annotated[int, Meta(ge=1)]
    period: Period
    period_type: PeriodType
    scope: str
    counts: Literal["attempts", "conversations"]

    def __post_init__(self) -> None:
        _check_period("period", self.period, calendar=self.period_type != "rolling")


class Gap(Rule, frozen=True, tag="gap"):
    after: Literal["attempt", "conversation", "refusal"]
    min_gap: Period
    scope: str
    gap_type: PeriodType = "rolling"

    def __post_init__(self) -> None:
        _check_period("min_gap", self.min_gap, calendar=self.gap_type != "rolling")


class Dnc(Rule, frozen=True, tag="dnc"):
    """A register. ``freshness``: how long a scrub lasts, a duration or ``same_local_day``."""

    list: str
    freshness: str
    overridden_by: tuple[Name, ...] = ()
    performed_by: str | None = None

    def __post_init__(self) -> None:
        if self.freshness != SAME_LOCAL_DAY:
            _check_period("freshness", self.freshness)


class ConsentNeeded(Rule, frozen=True, tag="consent"):
    any_of: Names
    valid_while: Literal["contract_live"] | None = None


class ConsentAge(Rule, frozen=True, tag="consent_age"):
    """Consents of these kinds expire. ``inquiry_max_age``: for one whose source is an inquiry."""

    consent: Names
    max_age: Period
    inquiry_max_age: Period | None = None
    evidence: str | None = None

    def __post_init__(self) -> None:
        _check_period("max_age", self.max_age)
        if self.inquiry_max_age is not None:
            _check_period("inquiry_max_age", self.inquiry_max_age)


class EventAge(Rule, frozen=True, tag="event_age"):
    event: Literal["customer_transaction"]
    max_age: Period
    on_expiry: Literal["TXN_WINDOW_ELAPSED"]

    def __post_init__(self) -> None:
        _check_period("max_age", self.max_age)


class Cli(Rule, frozen=True, tag="cli"):
    """Series of numbers we may show; ``sector_series`` decides by the caller's kind of entity."""

    series: Names
    sector_series: dict[str, tuple[Name, ...]] = {}


class DialerDeclaration(Rule, frozen=True, tag="dialer_declaration"):
    requires: Annotated[tuple[Declared, ...], Meta(min_length=1)]


class Reconsent(Rule, frozen=True, tag="reconsent"):
    """Kept with the pack for whoever asks for consent; one call is not decided by it."""

    min_wait: Period

    def __post_init__(self) -> None:
        _check_period("min_wait", self.min_wait)


class Optout(Rule, frozen=True, tag="optout"):
    """Kept with the pack; an opt-out denies at once through the suppression list."""

    honour_within: Period
    scope: str

    def __post_init__(self) -> None:
        _check_period("honour_within", self.honour_within, business=True)


class Conduct(Rule, frozen=True, tag="conduct"):
    """Kept with the pack for recording, retention and the words of the agent."""

    record_calls: bool
    retention: Period
    contact_only: tuple[str, ...] = ()
    suppress_when: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_period("retention", self.retention)


class CircuitBreaker(Rule, frozen=True, tag="circuit_breaker"):
    """Kept with the pack; a sender's complaints pause campaigns, they do not deny one call."""

    scope: Literal["sender"]
    threshold: Annotated[int, Meta(ge=1)]
    period: Period
    action: Literal["pause_sender"]

    def __post_init__(self) -> None:
        _check_period("period", self.period)


class Abandonment(Rule, frozen=True, tag="abandonment"):
    """Kept with the pack for pacing: a share of answered calls (0-1) over a period."""

    max_rate: Annotated[float, Meta(gt=0, le=1)]
    period: Period
    scope: str | None = None
    denominator: str | None = None
    connect_within_s: float | None = None
    min_ring_s: float | None = None
    message_required: bool = False
    no_recall_without_live_agent: Period | None = None

    def __post_init__(self) -> None:
        _check_period("period", self.period)
        if self.no_recall_without_live_agent is not None:
            _check_period("no_recall_without_live_agent", self.no_recall_without_live_agent)


AnyRule = (
    Window
    | Cap
    | Gap
    | Dnc
    | ConsentNeeded
    | ConsentAge
    | EventAge
    | Cli
    | DialerDeclaration
    | Reconsent
    | Optout
    | Conduct
    | CircuitBreaker
    | Abandonment
)


class Zones(Struct, frozen=True, forbid_unknown_fields=True):
    """How zones follow from a number. The last three have one value each: no pack may be lax."""

    mode: Literal["fixed", "prefix", "number"]
    multi: Literal["all"]
    unknown: Literal["deny"]
    non_geographic: Literal["deny"]
    zones: tuple[str, ...] = ()
    prefixes: dict[str, tuple[str, ...]] = {}


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """``reviewed_on``: when its sources were last read; ``status`` and ``reviewed_by``: whether a
    law owner signed it off, and who. A pack that says nothing of it was not reviewed."""

    schema: Literal[1]
    id: Name
    version: Annotated[str, Meta(min_length=1)]
    jurisdiction: Annotated[str, Meta(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
    calling_code: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,2}$")]
    title: str
    default_action: Literal["deny", "defer_to_parent"]
    boundary: Literal["half_open"]
    reviewed_on: date
    zones: Zones
    parent: str | None = None
    area_codes: tuple[str, ...] = ()
    split_zone_area_codes: dict[str, tuple[str, ...]] = {}
    sectors: dict[str, str] = {}
    modes: dict[str, str] = {}
    status: Literal["not_reviewed", "reviewed"] = "not_reviewed"
    reviewed_by: Annotated[str, Meta(min_length=1)] | None = None


class Calendar(Struct, frozen=True, forbid_unknown_fields=True):
    dates: tuple[date, ...]


class PackFile(Struct, frozen=True, forbid_unknown_fields=True):
    pack: Header
    rule: Annotated[tuple[AnyRule, ...], Meta(min_length=1)]
    calendars: dict[str, Calendar] = {}


def parse_band(band: str) -> tuple[int, int]:
    """Return ``"08-10"`` as seconds of the day."""
    start, dash, end = band.partition("-")
    if not dash:
        raise ValueError(f"{band!r} is no time band; write it like 08-10")
    return parse_span((f"{start}:00", f"{end}:00"))


def _check_period(
    name: str, period: str, *, calendar: bool = False, business: bool = False
) -> None:
    duration = parse_duration(period)
    if calendar and not duration.is_whole_days:
        raise ValueError(f"{name} must be whole days, such as P7D, to follow the calendar")
    if duration.business_days and not business:
        raise ValueError(f"{name} cannot be business days")
