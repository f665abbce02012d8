"""A decision in words, rule by rule: what each rule asks, what it found, what would change it.

For people who must answer for a call: the operator at the command line, a regulator with an
evidence pack. The verdict itself is `decide`'s; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.compliance import schema
from dialer.compliance.case import Case
from dialer.compliance.durations import parse_duration
from dialer.compliance.facts import Facts, Narrowing
from dialer.compliance.numbering import Number
from dialer.compliance.packs import Pack
from dialer.compliance.plan import active_on, make_plan
from dialer.compliance.rules_consent import live_kinds
from dialer.compliance.rules_history import cap_opens_at, gap_opens_at
from dialer.compliance.rules_sender import allowed_series
from dialer.compliance.verdict import REASONS, Finding, Verdict
from dialer.compliance.walltime import DAY_S, WEEKDAYS, epoch_s, wall_s
from dialer.compliance.windows import NARROWING_RULE
from dialer.compliance.zones import find_each_zone

#: What would change the answer, by reason; a rule may know better.
_CURES = {
    "NUMBER_INVALID": "Correct the lead's number.",
    "NO_RULE_PACK": "Add a rule pack for the number's country to the campaign.",
    "NON_GEOGRAPHIC_NUMBER": "Give a number of the person's own.",
    "ZONE_UNRESOLVED": "Correct the lead's timezone.",
    "INTERNAL_OPT_OUT": "Nothing but the person's own wish to be called again.",
    "NO_WINDOW_RULE": "A campaign of a category that the pack has calling hours for.",
    "DNC_SCRUB_STALE": "Scrub the list with the register's operator and upload the verdicts.",
    "TXN_WINDOW_ELAPSED": "Nothing: the call came too late to be transactional.",
    "NO_COMMON_WINDOW": "Wider hours of the campaign, or a time zone that is known better.",
}
_BY_WAITING = "Waiting."
#: With one of these no rule could be asked.
_STRANGERS = frozenset(REASONS[: REASONS.index("INTERNAL_OPT_OUT")])


@dataclass(frozen=True, slots=True)
class Said:
    """One question of a decision. ``rule_id`` is None for what is asked of every call.

    cure: what would change the answer, None where it was passed.
    """

    rule_id: str | None
    pack_id: str | None
    kind: str
    passed: bool
    codes: tuple[str, ...]
    asks: str
    found: str
    cure: str | None = None
    authority: str | None = None
    source: str | None = None
    confidence: str | None = None


def explain_verdict(
    number: Number, facts: Facts, packs: Sequence[Pack], now: datetime, verdict: Verdict
) -> tuple[Said, ...]:
    """Return every question that was asked, in the order of the decision."""
    said = [*_first_questions(number, facts, packs, now, verdict)]
    applied = tuple(pack for pack in packs if pack.ref in verdict.packs)
    zones = find_each_zone(verdict.zones)
    if not _STRANGERS.isdisjoint(verdict.codes):
        return tuple(said)
    second = epoch_s(now)
    days = tuple(wall_s(zone, second) // DAY_S for zone in zones)
    plan = make_plan(applied, facts.category, facts.mode)
    case = Case(facts, now, zones, days, active_on(plan, min(days), max(days)))
    evaluated = set(verdict.evaluated)
    said += (
        _say_rule(entry.rule, entry.pack, case, verdict)
        for entry in plan.rules
        if entry.rule.id in evaluated
    )
    if facts.narrowing != Narrowing():
        said.append(_say_narrowing(facts.narrowing, case, verdict))
    return tuple(said)


def _first_questions(
    number: Number, facts: Facts, packs: Sequence[Pack], now: datetime, verdict: Verdict
) -> Iterator[Said]:
    """What is asked of every call, whatever the packs say."""
    own = [found for found in verdict.findings if found.rule_id is None]

    def say(kind: str, codes: tuple[str, ...], asks: str, found: str) -> Said:
        failed = [one for one in own if one.code in codes]
        if not failed:
            return Said(None, None, kind, True, (), asks, found)
        return Said(
            None,
            failed[0].pack_id,
            kind,
            False,
            tuple(dict.fromkeys(one.code for one in failed)),
            asks,
            _join(one.detail for one in failed),
            _known_cures(failed),
        )

    yield say(
        "number",
        ("NUMBER_INVALID", "NON_GEOGRAPHIC_NUMBER"),
        "The number exists and is a person's own line.",
        f"A valid number ({number.kind.replace('_', ' ')}, {number.region or 'region unknown'}).",
    )
    if number.is_valid:
        yield say(
            "pack",
            ("NO_RULE_PACK", "NO_WINDOW_RULE", "OUTSIDE_HOURS"),  # closed, and by no rule of a pack
            "A rule pack covers the number and has hours for this kind of call.",
            f"Covered by {', '.join(f'{ref.id} {ref.version}' for ref in verdict.packs)}.",
        )
    if verdict.packs:
        zones = find_each_zone(verdict.zones)
        yield say(
            "zone",
            ("ZONE_UNRESOLVED", "NO_COMMON_WINDOW"),
            "Every time zone the person may be in is known.",
            f"{'; '.join(say_local(now, zone) for zone in zones)}.",
        )
    yield say(
        "own_list",
        ("INTERNAL_OPT_OUT",),
        "The number is not on our do-not-call list.",
        "It was not on the list.",
    )


def _say_rule(rule: schema.AnyRule, pack: Pack, case: Case, verdict: Verdict) -> Said:
    failed = [one for one in verdict.findings if (one.rule_id, one.pack_id) == (rule.id, pack.id)]
    passed = not failed
    return Said(
        rule_id=rule.id,
        pack_id=pack.id,
        kind=str(rule.__struct_config__.tag),
        passed=passed,
        codes=tuple(dict.fromkeys(one.code for one in failed)),
        asks=_asks(rule, case.facts),
        found=_passes(rule, case) if passed else _join(one.detail for one in failed),
        cure=None if passed else _cure(rule, case, failed, verdict),
        authority=rule.authority,
        source=rule.source,
        confidence=rule.confidence,
    )


def _asks(rule: schema.AnyRule, facts: Facts) -> str:
    match rule:
        case schema.Window():
            return f"Calls {_say_hours(rule.days, rule.spans)} at the callee{_say_more(rule)}."
        case schema.Cap():
            counted = "calls" if rule.counts == "attempts" else "conversations"
            return f"At most {rule.max} {counted} within {_say_period(rule.period)}."
        case schema.Gap():
            return f"At least {_say_period(rule.min_gap)} after the last {rule.after}."
        case schema.Dnc():
            fresh = (
                "of the same day"
                if rule.freshness == schema.SAME_LOCAL_DAY
                else f"no older than {_say_period(rule.freshness)}"
            )
            over = f", or consent ({_or(rule.overridden_by)})" if rule.overridden_by else ""
            return f"A look at the {rule.list} register {fresh} that does not stop the call{over}."
        case schema.ConsentNeeded():
            return f"Consent of kind {_or(rule.any_of)}."
        case schema.ConsentAge():
            return f"Consent of kind {_or(rule.consent)} younger than {_say_period(rule.max_age)}."
        case schema.EventAge():
            return f"A transaction of the customer within the last {_say_period(rule.max_age)}."
        case schema.Cli():
            allowed = allowed_series(rule, facts.entity)
            return f"A caller number of {_or_series(allowed)}."
        case schema.DialerDeclaration():
            return "Automatic dialing declared to the access provider, with purpose and number."
    return rule.source


def _say_more(rule: schema.Window) -> str:
    more = ""
    if rule.holidays != "same":
        more += "; none on public holidays" if rule.holidays == "closed" else "; fewer on holidays"
    if rule.preference_bands:
        more += "; the subscriber's own times count"
    return more


def _passes(rule: schema.AnyRule, case: Case) -> str:
    facts, now = case.facts, case.now
    match rule:
        case schema.Window():
            return f"{'; '.join(say_local(now, zone) for zone in case.zones)}: inside."
        case schema.Cap():
            return f"{_counted(rule, case)} known; the limit is not reached."
        case schema.Gap():
            return "Long enough ago." if facts.history else "No earlier call is known."
        case schema.Dnc():
            scrub = facts.scrub
            assert scrub is not None  # no consent makes up for a look that was not taken
            said = f"Scrub {scrub.ref or scrub.id} of {_on(scrub.at, case)}: {scrub.verdict}"
            live = live_kinds(case).intersection(rule.overridden_by)
            if live and scrub.verdict not in ("clear", "none"):
                said += f"; overridden by consent ({_or(sorted(live))})"
            return f"{said}."
        case schema.ConsentNeeded():
            kinds = live_kinds(case).intersection(rule.any_of)
            mine = [one for one in facts.consents if one.kind in kinds and not one.ended]
            dated = (
                f"{one.kind} of {_on(one.captured_at, case) if one.captured_at else 'unknown date'}"
                for one in mine
            )
            return f"Given: {', '.join(dated)}."
        case schema.ConsentAge():
            mine = [one for one in facts.consents if one.kind in rule.consent]
            return "None is too old." if mine else "The call does not rest on such a consent."
        case schema.EventAge():
            assert facts.event_at is not None
            return f"It was on {_on(facts.event_at, case)}."
        case schema.Cli():
            assert facts.caller is not None
            return f"{facts.caller.number} is of series {facts.caller.series}."
        case schema.DialerDeclaration():
            declared = facts.declaration
            assert declared is not None
            return (
                f"Declared on {declared.declared_on} under {declared.reference}, "
                f"for {declared.objective}."
            )
    return "Passed."


def _counted(rule: schema.Cap, case: Case) -> str:
    counted = [
        past for past in case.facts.history if rule.counts == "attempts" or past.conversation
    ]
    what = "call" if rule.counts == "attempts" else "conversation"
    return f"{len(counted)} earlier {what}{'' if len(counted) == 1 else 's'}"


def _cure(rule: schema.AnyRule, case: Case, failed: Sequence[Finding], verdict: Verdict) -> str:
    match rule:
        case schema.ConsentNeeded():
            return f"A consent of kind {_or(rule.any_of)}, recorded with the lead."
        case schema.ConsentAge():
            return f"A new consent of kind {_or(rule.consent)}."
        case schema.Dnc() if all(one.code != "DNC_SCRUB_STALE" for one in failed):
            if rule.overridden_by:
                return f"A consent of kind {_or(rule.overridden_by)}; nothing else."
            return "Nothing: the subscriber does not want such calls."
        case schema.Cli():
            allowed = allowed_series(rule, case.facts.entity)
            if not allowed:
                return f"Name the campaign's entity in its definition: {_or(rule.sector_series)}."
            return f"A caller number of {_or_series(allowed)} in the campaign and at the sender."
        case schema.DialerDeclaration():
            return "Declare it to the access provider and enter reference, date and numbers."
        case schema.Cap():
            return _until(cap_opens_at(rule, case), case)
        case schema.Gap():
            return _until(gap_opens_at(rule, case), case)
        case schema.Window():
            return _until(verdict.next_allowed_at, case)
    return _known_cures(failed)


def _known_cures(failed: Iterable[Finding]) -> str:
    return _join(_CURES.get(one.code, _BY_WAITING) for one in failed)


def _until(at: datetime | None, case: Case) -> str:
    if at is None:
        return _BY_WAITING
    return f"Waiting until {'; '.join(say_local(at, zone) for zone in case.zones)}."


def _say_narrowing(narrowing: Narrowing, case: Case, verdict: Verdict) -> Said:
    failed = [one for one in verdict.findings if one.rule_id == NARROWING_RULE]
    asks = f"The campaign itself calls {_say_hours(narrowing.days or WEEKDAYS, narrowing.spans)}."
    if not failed:
        return Said(NARROWING_RULE, None, "window", True, (), asks, "Inside its hours.")
    return Said(
        NARROWING_RULE,
        None,
        "window",
        False,
        tuple(dict.fromkeys(one.code for one in failed)),
        asks,
        _join(one.detail for one in failed),
        _until(verdict.next_allowed_at, case),
    )


def say_local(at: datetime, zone: ZoneInfo) -> str:
    """``Mon 23 Nov 2026 12:00:00 in Asia/Kolkata (UTC+05:30)``."""
    local = at.astimezone(zone)
    offset = local.isoformat(timespec="seconds")[19:]
    return f"{local:%a %d %b %Y %H:%M:%S} in {zone.key} (UTC{offset})"


def _on(at: datetime, case: Case) -> str:
    """An instant of the past on the callee's own clock, the first where there are several."""
    return f"{at.astimezone(case.zones[0]):%d %b %Y %H:%M}"


def _say_hours(days: Sequence[str], spans: Iterable[Sequence[str]]) -> str:
    hours = " and ".join("-".join(span) for span in spans) or "at any hour"
    hours = "at any hour" if hours == "00:00-24:00" else hours
    return f"{_say_days(days)} {hours}"


def _say_days(days: Sequence[str]) -> str:
    if len(days) == len(WEEKDAYS):
        return "every day"
    places = [WEEKDAYS.index(day) for day in days]
    if len(places) > 2 and places == list(range(places[0], places[-1] + 1)):
        return f"{days[0].capitalize()}-{days[-1].capitalize()}"
    return ", ".join(day.capitalize() for day in days)


def _say_period(text: str) -> str:
    """``P7D`` as "7 days"."""
    period = parse_duration(text)
    hours, minutes = divmod(period.seconds // 60, 60)
    parts = [
        (period.months, "month"),
        (period.days, "day"),
        (period.business_days, "business day"),
        (hours, "hour"),
        (minutes, "minute"),
        (period.seconds % 60, "second"),
    ]
    return " ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts if count)


def _or_series(allowed: Sequence[str]) -> str:
    return f"series {_or(allowed)}" if allowed else "a series for the campaign's kind of entity"


def _or(words: Iterable[str]) -> str:
    return " or ".join(words)


def _join(sentences: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(sentences))
