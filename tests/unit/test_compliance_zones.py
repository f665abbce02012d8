"""Which zones a callee may be in: what packs derive, what is given, what a lead adds."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from msgspec.structs import replace as replace_field

from dialer.compliance.numbering import read_number
from dialer.compliance.packs import find_packs
from dialer.compliance.schema import Header
from dialer.compliance.zones import find_each_zone, find_zone, find_zones, zones_of
from tests.unit.compliance_facts import SERVICE, ask

INDIA, AMERICA, AUSTRALIA = (find_packs([name])[0].header for name in ("in", "us", "au"))


def zones(
    phone: str,
    *headers: Header,
    given: tuple[str, ...] | None = None,
    lead_zone: str | None = None,
) -> list[str]:
    found = zones_of(read_number(phone), headers, given, lead_zone)
    return [zone.key for zone in found]


def prefixed(**prefixes: tuple[str, ...]) -> Header:
    table = {name.removeprefix("p"): names for name, names in prefixes.items()}
    return replace_field(AUSTRALIA, zones=replace_field(AUSTRALIA.zones, prefixes=table))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Asia/Kolkata", "Asia/Kolkata"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("America/Indiana/Indianapolis", "America/Indiana/Indianapolis"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        *((name, None) for name in ("", "Asia", "Asia/", "../tzdata", "Asia/Kolkata/", "a/b/c/d")),
        *((name, None) for name in ("zone.tab", "Asia/Calcutta2", "asia kolkata", "__init__.py")),
    ],
)
def test_a_zone_goes_by_todays_name_or_is_none(name: str, key: str | None) -> None:
    found = find_zone(name)
    assert (None if found is None else found.key) == key


def test_a_name_that_is_no_zone_spoils_all_or_is_left_out() -> None:
    names = ("Asia/Calcutta", "Asia/Kolkata", "Europe/London")
    assert [zone.key for zone in find_zones(names)] == ["Asia/Kolkata", "Europe/London"]
    assert find_zones((*names, "Nowhere/Else")) == ()
    assert len(find_each_zone((*names, "Nowhere/Else"))) == 2


def test_a_leads_zone_adds_to_what_is_known_and_stands_for_nothing() -> None:
    phone = "+919876543210"
    assert zones(phone, INDIA) == ["Asia/Kolkata"]
    assert zones(phone, INDIA, lead_zone="Europe/London") == ["Asia/Kolkata", "Europe/London"]
    assert zones(phone, INDIA, given=("Asia/Tokyo",)) == ["Asia/Tokyo"]
    both = zones(phone, INDIA, given=("Asia/Tokyo",), lead_zone="Europe/London")
    assert both == ["Asia/Tokyo", "Europe/London"]
    assert zones(phone, INDIA, given=(), lead_zone="Europe/London") == []
    assert zones(phone, lead_zone="Europe/London") == []
    assert zones(phone, INDIA, lead_zone="Nowhere/Else") == []
    unknown = ask(replace(SERVICE, zones=(), lead_zone="Asia/Kolkata"))
    assert unknown.codes == ("ZONE_UNRESOLVED",)


def test_the_longest_prefix_tells_and_a_number_without_one_is_nowhere() -> None:
    phone = "+61412345678"
    assert zones(phone, prefixed(p4=("Australia/Sydney",), p41=("Australia/Perth",))) == [
        "Australia/Perth"
    ]
    assert zones(phone, prefixed(p41=("Australia/Perth",), p4=("Australia/Sydney",))) == [
        "Australia/Perth"
    ]
    assert zones(phone, prefixed(p2=("Australia/Sydney",))) == []
    nowhere = prefixed(p2=("Australia/Sydney",))
    assert zones(phone, AUSTRALIA, nowhere) == [], "every pack must be able to tell"


def test_an_area_code_of_north_america_is_in_every_zone_it_spans() -> None:
    """850 is Eastern and Central; the library goes by exchange."""
    assert zones("+18502345678", AMERICA) == ["America/Chicago", "America/New_York"]
    assert zones("+18505551234", AMERICA)[-2:] == ["America/New_York", "America/Chicago"]
    of_its_own = replace_field(AMERICA, split_zone_area_codes={"212": ("America/Chicago",)})
    assert zones("+12125552368", of_its_own) == ["America/New_York", "America/Chicago"]
    assert zones("+12125552368", AMERICA) == ["America/New_York"]


def test_an_area_code_is_no_other_countrys() -> None:
    """+49 208 is Oberhausen; 208 of North America is Idaho."""
    assert zones("+49208123456", AMERICA) == ["Europe/Berlin"]
