"""Limits on a sender: complaints within days, and the rate of answered calls with nobody there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from dialer.compliance.packs import SHIPPED, Pack, find_packs, read_pack
from dialer.compliance.schema import Abandonment
from dialer.compliance.senders import (
    LEAST_ANSWERED,
    abandonment_limits,
    complaint_limits,
    exceeded,
    is_over,
)

PACKS = find_packs(["in", "us", "gb"])
NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)


def test_three_people_within_ten_days_stop_an_indian_sender() -> None:
    (limit,) = limits = complaint_limits(PACKS, "+919876543210", TODAY)
    assert (limit.rule_id, limit.threshold) == ("in.complaints.breaker", 3)
    two = [NOW, NOW - 9 * DAY]
    assert exceeded(limits, two, NOW) is None
    assert exceeded(limits, [*two, NOW - 10 * DAY], NOW) is None  # ten days old: no more
    barely = NOW - 10 * DAY + timedelta(microseconds=1)
    assert exceeded(limits, [*two, barely], NOW) == (limit, 3)
    assert exceeded(limits, [*two, NOW + DAY], NOW) is None  # not yet


def test_a_rule_of_complaints_holds_for_its_country_and_from_its_date() -> None:
    assert complaint_limits(PACKS, "+14155552671", TODAY) == []
    assert complaint_limits(PACKS, "+919876543210", date(2026, 9, 17)) == []
    assert len(complaint_limits(PACKS, "+919876543210", date(2026, 9, 18))) == 1


def test_a_rate_needs_people_and_blocks_where_the_pack_says_so() -> None:
    (india,) = abandonment_limits(find_packs(["in"]), "promotional", "robo", TODAY)
    assert (india.max_rate, india.period, india.blocks) == (0.03, DAY, False)
    assert abandonment_limits(find_packs(["in"]), "transactional", "robo", TODAY) == []
    assert LEAST_ANSWERED == 100
    assert not is_over(india, abandoned=99, answered=99)
    assert not is_over(india, abandoned=3, answered=100)  # 3 % are allowed
    assert is_over(india, abandoned=4, answered=100)
    us = {
        one.rule_id: one for one in abandonment_limits(find_packs(["us"]), "sales", "robo", TODAY)
    }
    assert all(one.blocks and one.period == 30 * DAY for one in us.values())


def _with(pack: str, old: str, new: str) -> list[Pack]:
    text = (SHIPPED / f"{pack}.toml").read_text(encoding="utf-8")
    assert old in text
    return [read_pack(text.replace(old, new, 1).encode(), Path(f"{pack}.toml"))]


def test_a_limit_holds_through_its_last_day() -> None:
    dated = _with("in", "threshold = 3 ", "threshold = 3\neffective_to = 2026-11-23 ")
    held = [
        bool(complaint_limits(dated, "+919876543210", TODAY + days * DAY)) for days in (-1, 0, 1)
    ]
    assert held == [True, True, False]


def test_a_month_is_looked_at_for_31_days() -> None:
    (rule,) = find_packs(["gb"])[0].rules_of(Abandonment)
    for period, exact in (("P1M", 31 * DAY), ("P2M", 62 * DAY), ("P1DT6H", 1.25 * DAY)):
        packs = _with("gb", f'period = "{rule.period}"', f'period = "{period}"')
        (limit,) = abandonment_limits(packs, rule.categories[0], "robo", TODAY)
        assert limit.period == exact


def test_a_mode_that_nobody_knows_is_bound_by_every_limit() -> None:
    (rule,) = find_packs(["gb"])[0].rules_of(Abandonment)
    packs = _with("gb", 'kind = "abandonment"', 'kind = "abandonment"\nmodes = ["robo"]')
    bound = [
        bool(abandonment_limits(packs, rule.categories[0], mode, TODAY))
        for mode in ("robo", "auto_live", "hologram")
    ]
    assert bound == [True, False, True]


@pytest.mark.parametrize(
    ("abandoned", "answered", "over"),
    [
        *((3, 100, False), (4, 100, True), (4, 99, False)),
        *((30, 1000, False), (31, 1000, True), (3_000_000, 100_000_000, False)),
    ],
)
def test_a_share_is_over_its_limit_by_one_person(abandoned: int, answered: int, over: bool) -> None:
    (limit,) = abandonment_limits(find_packs(["in"]), "promotional", "robo", TODAY)
    assert is_over(limit, abandoned=abandoned, answered=answered) is over
