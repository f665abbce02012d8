"""Durations as packs write them, and verdicts as registers do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dialer.compliance.durations import Duration, after, parse_duration
from dialer.compliance.preferences import parse_verdict


def test_months_are_calendar_months() -> None:
    assert parse_duration("P18M") == parse_duration("P1Y6M") == Duration(months=18)
    assert parse_duration("P2W") == Duration(days=14)
    august = datetime(2026, 8, 31, 12, tzinfo=UTC)
    assert after(august, parse_duration("P6M")) == datetime(2027, 2, 28, 12, tzinfo=UTC)
    assert after(august, parse_duration("P4M")) == datetime(2026, 12, 31, 12, tzinfo=UTC)
    assert after(august, parse_duration("P1DT1H")) == datetime(2026, 9, 1, 13, tzinfo=UTC)
    assert after(august, parse_duration("PT1M1S")) == datetime(2026, 8, 31, 12, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "is_whole"),
    [
        *(("P1D", True), ("P2W", True), ("PT24H", False), ("P1DT1S", False)),
        *(("P1M", False), ("P1M1D", False), ("P1BD", False)),
    ],
)
def test_only_days_are_whole_days(text: str, is_whole: bool) -> None:
    assert parse_duration(text).is_whole_days is is_whole


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "7D", "P-1D", "P1D1M"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    "verdict",
    ["", "ok", "block:", "block:two", "band_off:12", "band_on:14-12", "day_off:noday", "mode_off:"],
)
def test_a_verdict_outside_the_grammar_is_refused(verdict: str) -> None:
    with pytest.raises(ValueError, match=r"use|takes|write|ends before"):
        parse_verdict(verdict)


def test_parts_of_a_verdict_add_up() -> None:
    read = parse_verdict("listed; block:2,4; mode_off:robo;day_off:sun,holiday;band_off:12-14")
    assert read.is_listed and read.sectors_off == {2, 4} and read.modes_off == {"robo"}
    assert read.days_off == {6, 7} and read.bands_off == ((12 * 3600, 14 * 3600),)


def test_no_time_is_not_whole_days() -> None:
    assert not Duration().is_whole_days


@pytest.mark.parametrize(
    ("text", "months", "days", "seconds"),
    [
        ("P1Y2M3W4DT5H6M7S", 14, 25, 5 * 3600 + 6 * 60 + 7),
        ("PT2H", 0, 0, 7200),
        ("PT90S", 0, 0, 90),
        ("P2Y", 24, 0, 0),
    ],
)
def test_a_duration_is_the_sum_of_its_parts(
    text: str, months: int, days: int, seconds: int
) -> None:
    assert parse_duration(text) == Duration(months, days, seconds)
    assert parse_duration("P3BD") == Duration(business_days=3)


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        ("colour:red", "'colour:red' is not understood; use clear, blocked, block:…, mode_off:…"),
        ("mode_off", "'mode_off' is not understood"),
        ("clear; blok:2", "'blok:2' is not understood"),
        ("block:0", "sector numbers from 1 to 8"),
        ("block:9", "sector numbers from 1 to 8"),
        ("block:2,x", "sector numbers from 1 to 8"),
        ("mode_off:robo,R2D2", "takes modes"),
        ("day_off:sun,noday", "takes mon, tue, wed, thu, fri, sat, sun, holiday"),
    ],
)
def test_a_verdict_that_is_not_understood_says_what_would_be(verdict: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_verdict(verdict)


def test_parts_of_one_kind_add_up() -> None:
    read = parse_verdict("block:1,8;block:2;mode_off:robo;mode_off:voice;day_off:mon;day_off:sun")
    assert read.sectors_off == {1, 2, 8} and read.modes_off == {"robo", "voice"}
    assert read.days_off == {0, 6} and not read.is_listed
    bands = parse_verdict("band_off:10-12;band_off:12-14;band_on:06-08;band_on:08-10")
    assert bands.bands_off == ((10 * 3600, 14 * 3600),)
    assert bands.bands_on == ((6 * 3600, 10 * 3600),)
    assert bands.without_extension() == parse_verdict("band_off:10-14")
