"""Hours, days and periods of rules, spelled for a person."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from dialer.compliance.facts import Narrowing, Scrub
from dialer.compliance.packs import find_packs
from tests.unit.compliance_facts import NOON, PROMO, SERVICE, US, US_NOON
from tests.unit.test_compliance_wording import TAMPA, changed, explain, one


@pytest.mark.parametrize(
    ("line", "asks"),
    [
        ('spans = [["08:00", "20:00"]]', "every day 08:00-20:00"),
        (
            'spans = [["08:00", "12:30"], ["13:00", "20:00"]]',
            "every day 08:00-12:30 and 13:00-20:00",
        ),
        ('spans = [["00:00", "24:00"]]', "every day at any hour"),
    ],
)
def test_hours_are_spelled(line: str, asks: str) -> None:
    packs = changed("us-fl", 'spans = [["08:00", "20:00"]]', line)
    assert one(TAMPA, "us-fl.window", US_NOON, packs).asks == f"Calls {asks} at the callee."


@pytest.mark.parametrize(
    ("days", "spelled"),
    [
        (("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "every day"),
        (("mon", "tue", "wed", "thu", "fri"), "Mon-Fri"),
        (("mon", "tue", "wed"), "Mon-Wed"),
        (("mon", "tue"), "Mon, Tue"),
        (("mon", "wed", "fri"), "Mon, Wed, Fri"),
        (("wed", "tue", "mon"), "Wed, Tue, Mon"),
    ],
)
def test_days_are_spelled(days: tuple[str, ...], spelled: str) -> None:
    said = one(replace(SERVICE, narrowing=Narrowing(days)), "campaign.hours")
    assert said.asks == f"The campaign itself calls {spelled} at any hour."
    assert (said.passed, said.found, said.cure) == (True, "Inside its hours.", None)


@pytest.mark.parametrize(
    ("pack", "rule", "more"),
    [
        ("gb", "gb.window.weekday", "; fewer on holidays"),
        ("au", "au.window.weekday", "; none on public holidays"),
        ("in", "in.promo.window", "; the subscriber's own times count"),
    ],
)
def test_what_else_shapes_a_window_is_told(pack: str, rule: str, more: str) -> None:
    known = {
        "gb": replace(US, phone="+442079460958", category="marketing", scrub=Scrub(NOON, "clear")),
        "au": replace(US, phone="+61291234567", scrub=Scrub(NOON, "clear")),
        "in": PROMO,
    }[pack]
    windows = [one for one in explain(known, NOON, find_packs([pack])) if one.kind == "window"]
    assert windows and windows[0].asks.endswith(f" at the callee{more}.")


@pytest.mark.parametrize(
    ("period", "spelled"),
    [
        ("PT24H", "24 hours"),
        ("PT1H", "1 hour"),
        ("PT1H30M5S", "1 hour 30 minutes 5 seconds"),
        ("PT1M1S", "1 minute 1 second"),
        ("PT2H1S", "2 hours 1 second"),
        ("P1D", "1 day"),
        ("P7D", "7 days"),
        ("P1M2D", "1 month 2 days"),
        ("P18M", "18 months"),
    ],
)
def test_periods_are_spelled(period: str, spelled: str) -> None:
    packs = changed("us-fl", 'period = "PT24H"', f'period = "{period}"')
    (cap,) = [one for one in explain(TAMPA, US_NOON, packs) if one.kind == "cap"]
    assert cap.asks == f"At most 3 calls within {spelled}."
