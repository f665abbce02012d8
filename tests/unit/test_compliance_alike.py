"""Decided once for all calls that are alike: the answer is that about each of them."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dialer.compliance.alike import AtOnce, shown
from dialer.compliance.decide import decide
from dialer.compliance.facts import Caller, Consent, Facts, Narrowing, PastAttempt, Scrub
from dialer.compliance.numbering import read_number
from dialer.compliance.packs import find_packs
from tests.unit.compliance_facts import INDIA, NOON, PROMO, SERVICE, US
from tests.unit.test_compliance_cases import ROWS, at, facts_of
from tests.unit.test_compliance_properties import thorough

AMERICA = find_packs(["us", "us-fl"])
BRITAIN = find_packs(["gb"])
ALL = find_packs(["in", "us", "us-fl", "gb", "au"])


def test_among_all_cases_of_the_reference_each_keeps_its_own_answer() -> None:
    for now in {at(row["utc_instant"]) for row in ROWS}:
        assert now is not None
        deciding = AtOnce(now)
        for row in ROWS:
            facts = facts_of(row)
            packs = find_packs(row["packs"].split("+")) if row["packs"] else ()
            assert deciding.decide(facts, packs) == decide(facts, packs, now), row["case_id"]


CHANGES = st.sampled_from(
    [
        {"phone": "+919811111111"},
        {"phone": "+911123456789"},
        {"phone": "+911600123456"},
        {"phone": "+12125552368"},
        {"phone": "+18505551234"},
        {"phone": "+19072223333"},
        {"phone": "+442079460958"},
        {"phone": "+447700900123"},
        {"phone": "nobody"},
        {"category": "promotional"},
        {"mode": "voice"},
        {"entity": "bfsi"},
        {"sector": 3},
        {"caller": Caller("+911401200001", "140")},
        {"caller": None},
        {"declaration": None},
        {"consents": ()},
        {"consents": (Consent("inferred", NOON - timedelta(days=400)),)},
        {"consents": (Consent("inferred", NOON, ended=True),)},
        {"consents": (Consent("ebr", NOON - timedelta(days=100), source="inquiry"),)},
        {"consents": (Consent("ebr", NOON - timedelta(days=100)),)},
        {"suppressed": True},
        {"scrub": Scrub(NOON, "listed")},
        {"scrub": Scrub(NOON - timedelta(days=90), "clear")},
        {"event_at": NOON - timedelta(minutes=10)},
        {"history": (PastAttempt(NOON - timedelta(hours=1)),)},
        {"history": (PastAttempt(NOON - timedelta(hours=1), conversation=True),)},
        {"history": (PastAttempt(NOON - timedelta(hours=1), outcome="busy"),)},
        {"lead_zone": "America/Los_Angeles"},
        {"lead_zone": "nowhere"},
        {"zones": ("Asia/Kolkata",)},
        {"zones": ()},
        {"number_type": "toll_free"},
        {"narrowing": Narrowing(days=("sat",))},
        {"narrowing": Narrowing(spans=(("06:00", "07:00"),))},
    ]
)


@thorough(300)
@given(
    st.sampled_from([SERVICE, PROMO, US]),
    st.lists(st.lists(CHANGES, max_size=3), min_size=2, max_size=6),
    st.sampled_from([INDIA, AMERICA, BRITAIN, ALL, ()]),
    st.integers(0, 48),
)
def test_calls_that_differ_are_told_apart(
    base: Facts, calls: list[list[dict[str, object]]], packs: object, hours: int
) -> None:
    now = NOON + timedelta(hours=hours / 2)
    deciding = AtOnce(now)
    for changes in calls:
        facts = base
        for change in changes:
            facts = replace(facts, **change)  # type: ignore[arg-type]
        assert deciding.decide(facts, packs) == decide(facts, packs, now)  # type: ignore[arg-type]


def test_what_only_names_a_fact_is_not_judged_again() -> None:
    deciding = AtOnce(NOON)
    mine = replace(
        SERVICE,
        consents=(Consent("inferred", NOON, id="1", evidence="a"),),
        scrub=Scrub(NOON, "clear", ref="1", provider="p", id="1", file_sha256="ab"),
        history=(PastAttempt(NOON - timedelta(days=3), id="1"),),
    )
    theirs = replace(
        mine,
        phone="+919811111111",
        consents=(Consent("inferred", NOON, id="2", evidence="b"),),
        scrub=Scrub(NOON, "clear", ref="2", provider="q", id="2", file_sha256="cd"),
        history=(PastAttempt(NOON - timedelta(days=3), id="2"),),
    )
    first = deciding.decide(mine, list(INDIA))
    assert first.allowed and deciding.decide(theirs, INDIA) is first
    suppressed = deciding.decide(replace(theirs, suppressed=True), INDIA)
    assert suppressed.codes == ("INTERNAL_OPT_OUT",)


def test_packs_see_of_a_number_what_they_look_at() -> None:
    tampa, delhi = read_number("+18135551234"), read_number("+919876543210")
    assert shown(INDIA, delhi) == ("", ())
    assert shown(AMERICA, tampa) == ("813", tampa.zones) and tampa.zones
    assert shown(find_packs(["au"]), read_number("+61412345678"))[0] == "412345678"[:1]
    assert shown((), delhi) == ("", ())
