"""What must hold for every call at every instant, tried against plain wall-clock arithmetic."""

from __future__ import annotations

import inspect
import json
import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from dialer.compliance.decide import Hours, any_zone_open, decide
from dialer.compliance.facts import (
    Caller,
    Consent,
    Declaration,
    Facts,
    Narrowing,
    PastAttempt,
    Scrub,
)
from dialer.compliance.packs import Pack, find_packs, read_pack
from dialer.compliance.verdict import TIME_REASONS
from dialer.compliance.walltime import DAY_S, day_begins, day_of, epoch_s, instant, wall_s
from dialer.compliance.zones import find_zone

PACKS = {name: find_packs([name]) for name in ("in", "us", "us-fl", "gb", "au")}
#: (pack, phone, category, series, entity, consent kind) under which nothing but time can deny.
CALLS = [
    ("in", "+919876543210", "promotional", "140", "other", "explicit_dca"),
    ("in", "+919876543210", "service", "1601", "other", "inferred"),
    ("in", "+919876543210", "government", "1600", "government", "inferred"),
    ("in", "+919876543210", "debt_recovery", "1600", "bfsi", "inferred"),
    ("us", "+12084561234", "telemarketing", "own_verified", "other", "express_written"),
    ("us", "+12125552368", "debt_recovery", "own_verified", "other", "express"),
    ("us-fl", "+18505551234", "telemarketing", "own_verified", "other", "express_written"),
    ("gb", "+442079460958", "marketing", "own_verified", "other", "notified_consent"),
    ("au", "+61412345678", "telemarketing", "own_verified", "other", "inferred"),
    ("au", "+61291234567", "research", "own_verified", "other", "inferred"),
]
ZONES = ["Asia/Kolkata", "Europe/London", "America/New_York", "Africa/Cairo", "America/Havana"]
ODD_ZONES = [*ZONES, "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns", "Asia/Beirut"]
FIRST, LAST = datetime(2026, 3, 16), datetime(2027, 12, 1)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: PROPERTY_EXAMPLES multiplies how much is tried; without it a run repeats exactly.
EFFORT = float(os.environ.get("PROPERTY_EXAMPLES", "1"))


def thorough(examples: int) -> settings:
    return settings(
        max_examples=max(1, int(examples * EFFORT)),
        deadline=None,
        derandomize=EFFORT <= 1,
        database=None,
        suppress_health_check=[HealthCheck.filter_too_much],  # of few examples many are allowed
    )


instants = st.one_of(
    st.datetimes(FIRST, LAST, timezones=st.just(UTC)),
    st.builds(  # a second around a full or half hour, where boundaries lie
        lambda start, halves, off_s: (
            start.replace(minute=0, second=0, microsecond=0)
            + timedelta(minutes=30 * halves, seconds=off_s)
        ),
        st.datetimes(FIRST, LAST, timezones=st.just(UTC)),
        st.integers(0, 1),
        st.integers(-1, 1),
    ),
)
hours = st.integers(0, 24)
spans = st.tuples(hours, hours).filter(lambda pair: pair[0] < pair[1])
narrowings = st.builds(
    Narrowing,
    days=st.lists(st.sampled_from(DAYS), unique=True).map(tuple),
    spans=st.lists(
        spans.map(lambda pair: (f"{pair[0]:02}:00", f"{pair[1]:02}:00")), max_size=2
    ).map(tuple),
)
bands = st.sampled_from(["00-06", "06-08", "08-10", "10-12", "12-14", "16-18", "18-21", "21-24"])
verdicts = st.lists(
    st.one_of(
        bands.map("band_off:{}".format),
        bands.map("band_on:{}".format),
        st.sampled_from((*DAYS, "holiday")).map("day_off:{}".format),
    ),
    max_size=3,
).map(lambda parts: ";".join(parts) or "clear")
histories = st.lists(
    st.builds(PastAttempt, at=instants, conversation=st.booleans()), max_size=9
).map(tuple)


def facts_of(call: tuple[str, ...], scrub: Scrub) -> Facts:
    _, phone, category, series, entity, consent = call
    return Facts(
        phone=phone,
        category=category,
        mode="auto_pre",
        entity=entity,
        sector=3,
        caller=Caller("+911601200001", series),
        declaration=Declaration("notice", date(2020, 1, 1), category, cli_listed=True),
        consents=(Consent(consent, datetime(2020, 1, 1, tzinfo=UTC)),),
        suppressed=False,
        scrub=scrub,
        event_at=None,
        history=(),
        lead_zone=None,
    )


@st.composite
def calls(draw: st.DrawFn) -> tuple[Facts, tuple[Pack, ...], datetime]:
    call, now = draw(st.sampled_from(CALLS)), draw(instants)
    facts = facts_of(call, Scrub(now, draw(verdicts)))
    history = tuple(past for past in draw(histories) if past.at <= now)
    lead_zone = draw(st.none() | st.sampled_from(ZONES))
    facts = replace(facts, narrowing=draw(narrowings), history=history, lead_zone=lead_zone)
    return facts, PACKS[call[0]], now


def rescrubbed(facts: Facts, at: datetime) -> Facts:
    """The same call after the register was asked again, which the next instant presumes."""
    assert facts.scrub is not None
    return replace(facts, scrub=replace(facts.scrub, at=at))


@thorough(100)
@given(calls())
def test_the_next_instant_is_allowed_and_nothing_before_it_is(
    call: tuple[Facts, tuple[Pack, ...], datetime],
) -> None:
    facts, packs, now = call
    verdict = decide(facts, packs, now)
    assume(not verdict.allowed)
    following = verdict.next_allowed_at
    assert (following is None) == ("NO_COMMON_WINDOW" in verdict.codes)
    assert {*verdict.codes} <= TIME_REASONS | {"NO_COMMON_WINDOW"}
    if following is None:
        return
    assert following > now
    assert decide(rescrubbed(facts, following), packs, following).allowed
    for back in (timedelta(microseconds=1), timedelta(seconds=1), (following - now) / 2):
        earlier = max(now, following - back)
        assert not decide(rescrubbed(facts, earlier), packs, earlier).allowed


@thorough(60)
@given(calls())
def test_an_open_window_stays_open_until_its_end(
    call: tuple[Facts, tuple[Pack, ...], datetime],
) -> None:
    facts, packs, now = call
    facts = replace(facts, history=())
    verdict = decide(facts, packs, now)
    assume(verdict.allowed)
    ends = verdict.window_ends_at
    if ends is None:
        ends = now + timedelta(days=8)
    else:
        assert not decide(rescrubbed(facts, ends), packs, ends).allowed
    last = ends - timedelta(microseconds=1)
    for at in (last, now + (last - now) / 2):
        assert decide(rescrubbed(facts, at), packs, at).allowed


@thorough(60)
@given(calls())
def test_narrowing_never_widens(call: tuple[Facts, tuple[Pack, ...], datetime]) -> None:
    facts, packs, now = call
    if decide(facts, packs, now).allowed:
        assert decide(replace(facts, narrowing=Narrowing()), packs, now).allowed


#: For each fact the value that says least. A new fact needs one here, or this test fails.
UNKNOWN: dict[str, object] = {
    "phone": "",
    "category": "",
    "mode": "",
    "entity": None,
    "sector": None,
    "caller": None,
    "declaration": None,
    "consents": (),
    "suppressed": True,
    "scrub": None,
    "event_at": None,
    "lead_zone": "Etc/Unknown",
    "zones": (),
    "number_type": "toll_free",
}
#: Without earlier calls, or with no hours of its own, a campaign is bound by less.
LAXER_WHEN_EMPTY = {"history", "narrowing"}


@thorough(100)
@given(calls(), st.sets(st.sampled_from(sorted(UNKNOWN)), min_size=1))
def test_no_combination_of_unknown_facts_allows(
    call: tuple[Facts, tuple[Pack, ...], datetime], unknown: set[str]
) -> None:
    facts, packs, now = call
    less = replace(facts, **{name: UNKNOWN[name] for name in unknown})  # type: ignore[arg-type]
    if not decide(facts, packs, now).allowed:
        assert not decide(less, packs, now).allowed


def test_there_is_no_fact_by_which_the_law_could_be_passed_by() -> None:
    names = {field.name for field in fields(Facts)}
    assert names == UNKNOWN.keys() | LAXER_WHEN_EMPTY
    assert [*inspect.signature(decide).parameters] == ["facts", "packs", "now"]


HOUSE_RULES = (
    'kind = "window"\ndays = {days}\nspans = [["{start:02}:00", "{end:02}:00"]]',
    'kind = "window"\ndays = {days}\nspans = [["{start:02}:00", "{end:02}:00"]]\n'
    'preference_bands = ["06-08", "08-10", "21-24"]\npreference_on_may_extend = true',
    'kind = "cap"\nmax = 1\nperiod = "P1D"\nperiod_type = "rolling"\nscope = "number"\n'
    'counts = "attempts"',
    'kind = "gap"\nafter = "attempt"\nmin_gap = "PT2H"\nscope = "number"',
    'kind = "dnc"\nlist = "HOUSE"\nfreshness = "P7D"',
    'kind = "consent"\nany_of = ["explicit_dca", "inquiry", "inferred"]',
    'kind = "consent_age"\nconsent = ["inferred", "explicit_dca"]\nmax_age = "P30D"',
    'kind = "cli"\nseries = ["140", "1600", "1601", "own_verified"]',
)


@st.composite
def house_packs(draw: st.DrawFn) -> Pack:
    """A tenant's own pack on top of India's."""
    start, end = draw(spans)
    days = sorted(draw(st.sets(st.sampled_from(DAYS), min_size=1)))
    bodies = draw(st.lists(st.sampled_from(HOUSE_RULES), min_size=1, max_size=3))
    rules = [
        f"[[rule]]\nid = 'house.{number}'\ncategories = ['promotional', 'service']\n"
        f"authority = 'policy'\nseverity = 'block'\neffective_from = 2020-01-01\n"
        f"source = 'house'\nconfidence = 'P'\n"
        + body.format(days=json.dumps(days), start=start, end=end)
        for number, body in enumerate(bodies)
    ]
    head = (
        "[pack]\nschema = 1\nid = 'house'\nversion = '1'\njurisdiction = 'IN'\nparent = 'in'\n"
        "calling_code = '91'\ntitle = 'House rules'\ndefault_action = 'defer_to_parent'\n"
        "boundary = 'half_open'\nreviewed_on = 2026-01-01\n[pack.zones]\nmode = 'fixed'\n"
        "zones = ['Asia/Kolkata']\nmulti = 'all'\nunknown = 'deny'\nnon_geographic = 'deny'\n"
    )
    return read_pack("\n".join([head, *rules]).encode(), Path("house.toml"))


@thorough(100)
@given(calls().filter(lambda call: call[1][0].id == "in"), house_packs())
def test_a_pack_of_the_tenants_own_never_allows_more(
    call: tuple[Facts, tuple[Pack, ...], datetime], house: Pack
) -> None:
    facts, packs, now = call
    if decide(facts, (*packs, house), now).allowed:
        assert decide(facts, packs, now).allowed


@thorough(60)
@given(calls())
def test_a_campaign_is_skipped_only_when_no_lead_of_its_zones_could_be_called(
    call: tuple[Facts, tuple[Pack, ...], datetime],
) -> None:
    facts, packs, now = call
    zones = () if facts.lead_zone is None else (facts.lead_zone,)
    if not any_zone_open(Hours(packs, facts.category, facts.mode, facts.narrowing), zones, now):
        assert not decide(facts, packs, now).allowed


@thorough(100)
@given(st.sampled_from(ODD_ZONES), instants)
@example("Africa/Cairo", datetime(2026, 4, 23, 21, 59, 59, tzinfo=UTC))  # midnight is skipped
@example("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC))  # half an hour of DST
@example("America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC))  # midnight comes twice
def test_wall_seconds_are_what_the_clock_shows(name: str, now: datetime) -> None:
    zone = find_zone(name)
    assert zone is not None
    day, clock = divmod(wall_s(zone, epoch_s(now)), DAY_S)
    local = now.astimezone(zone).replace(microsecond=0)
    assert (day, clock) == (
        day_of(local.date()),
        local.hour * 3600 + local.minute * 60 + local.second,
    )
    begins = instant(day_begins(zone, day))
    assert begins <= now
    assert begins.astimezone(zone).date() == local.date()
    assert (begins - timedelta(seconds=1)).astimezone(zone).date() < local.date()
    assert begins.astimezone(zone).time() <= time(1)
