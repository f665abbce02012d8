"""Days and callback times, counted from the wall clock at the callee."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.agent.callback_time import MAX_AHEAD, callback_in_words, read_callback
from dialer.agent.dates import read_date
from dialer.agent.unclear import Unclear

INDIA = ZoneInfo("Asia/Kolkata")
MONDAY = datetime(2026, 11, 23, 11, 4, tzinfo=INDIA)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-12-01", "2026-12-01"),
        ("today", "2026-11-23"),
        ("tomorrow", "2026-11-24"),
        ("kal", "2026-11-24"),
        ("कल", "2026-11-24"),
        ("parso", "2026-11-25"),
        ("day after tomorrow", "2026-11-25"),
        ("Friday", "2026-11-27"),
        ("Monday", "2026-11-30"),
        ("next Monday", "2026-11-30"),
        ("next week Tuesday", "2026-12-01"),
        ("अगले सोमवार", "2026-11-30"),
        ("in two weeks", "2026-12-07"),
        ("do hafte baad", "2026-12-07"),
        ("after a month", "2026-12-23"),
        ("15th August", "2027-08-15"),
        ("the fifth of December 2026", "2026-12-05"),
        ("August 15, 2027", "2027-08-15"),
        ("twenty third of december", "2026-12-23"),
        ("pandrah agast", "2027-08-15"),
        ("15/08/2027", "2027-08-15"),
        ("15 tarikh", "2026-12-15"),
        ("the 30th", "2026-11-30"),
        ("29 February", "2028-02-29"),
        ("Tuesday, 1 December", "2026-12-01"),
        ("2026-11-24, tomorrow", "2026-11-24"),
    ],
)
def test_a_day_is_read(text: str, day: str) -> None:
    assert read_date(text, MONDAY) == date.fromisoformat(day)


@pytest.mark.parametrize(
    "text",
    [
        "soon", "", "15", "may", "2026-02-30", "31/02/2027", "31 June", "today or tomorrow",
        "Monday, 1 December", "Tuesday or Friday", "0001-01-01", "9999-01-01", "within 3 months",
        "in 999 months and tomorrow",
    ],
)  # fmt: skip
def test_what_is_not_one_day_is_unclear(text: str) -> None:
    assert isinstance(read_date(text, MONDAY), Unclear)


def test_a_month_later_never_overruns_the_month() -> None:
    assert read_date("in a month", datetime(2027, 1, 31, tzinfo=INDIA)) == date(2027, 2, 28)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("2026-11-24T18:00", "2026-11-24T18:00"),
        ("2026-11-24 18:00:00", "2026-11-24T18:00"),
        ("2026-11-24T12:30+00:00", "2026-11-24T18:00"),
        ("tomorrow at six", "2026-11-24T18:00"),
        ("call me tomorrow at 6 pm", "2026-11-24T18:00"),
        ("kal shaam chhe baje", "2026-11-24T18:00"),
        ("कल शाम छह बजे", "2026-11-24T18:00"),
        ("tomorrow evening", "2026-11-24T18:00"),
        ("kal subah das baje", "2026-11-24T10:00"),
        ("parso dopahar do baje", "2026-11-25T14:00"),
        ("Friday at 10:30", "2026-11-27T10:30"),
        ("next Monday at noon", "2026-11-30T12:00"),
        ("on the 27th at 5 pm", "2026-11-27T17:00"),
        ("25 november 9 p.m.", "2026-11-25T21:00"),
        ("after two hours", "2026-11-23T13:04"),
        ("do ghante baad", "2026-11-23T13:04"),
        ("in half an hour", "2026-11-23T11:34"),
        ("dedh ghante baad", "2026-11-23T12:34"),
        ("half past six", "2026-11-23T18:30"),
        ("quarter to seven", "2026-11-23T18:45"),
        ("tomorrow at six thirty", "2026-11-24T18:30"),
        ("saadhe paanch baje", "2026-11-23T17:30"),
        ("six thirty pm", "2026-11-23T18:30"),
        ("six am", "2026-11-24T06:00"),
        ("at eight", "2026-11-23T20:00"),  # eight in the morning has passed
        ("at ten", "2026-11-24T10:00"),  # and nobody means ten at night
        ("today at nine in the night", "2026-11-23T21:00"),
    ],
)
def test_a_callback_time_is_read_in_the_leads_zone(text: str, local: str) -> None:
    at = read_callback(text, MONDAY, INDIA)
    assert at == datetime.fromisoformat(local).replace(tzinfo=INDIA)
    assert isinstance(at, datetime) and at.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T11:04",  # now
        "2026-11-22T18:00",
        "2027-01-23T18:00",  # 61 days ahead
        "2026-11-24T18:00Z",  # a habit, not midnight in India
        "2026-13-01T00:00",
        "2026-11-24T25:00",
        "tomorrow",
        "I am busy, call me later",
        "",
        "99:99",
        "today at six or tomorrow at six",
    ],
)
def test_a_time_that_cannot_be_kept_is_unclear(text: str) -> None:
    assert isinstance(read_callback(text, MONDAY, INDIA), Unclear)


def test_hours_that_a_zone_skips_or_repeats_are_one_instant() -> None:
    york = ZoneInfo("America/New_York")
    spring = datetime(2027, 3, 13, 12, tzinfo=york)
    assert read_callback("2027-03-14T02:30", spring, york) == datetime(
        2027, 3, 14, 7, 30, tzinfo=UTC
    )
    autumn = datetime(2026, 10, 31, 12, tzinfo=york)
    assert read_callback("2026-11-01T01:30", autumn, york) == datetime(
        2026, 11, 1, 5, 30, tzinfo=UTC
    )
    before = datetime(2027, 3, 14, 1, 30, tzinfo=york)
    assert read_callback("in two hours", before, york) == before.astimezone(UTC) + timedelta(
        hours=2
    )


def test_the_time_is_said_back_as_people_say_it() -> None:
    def said(local: str, *, is_hindi: bool = False) -> str:
        at = datetime.fromisoformat(local).replace(tzinfo=INDIA)
        return callback_in_words(at, MONDAY, is_hindi=is_hindi)

    assert said("2026-11-24T18:00") == "tomorrow at 6 pm"
    assert said("2026-11-23T12:05") == "today at 12:05 pm"
    assert said("2026-11-27T10:30") == "on Friday, 27 November, at 10:30 am"
    assert said("2026-11-24T18:00", is_hindi=True) == "कल शाम 6 बजे"
    assert said("2026-12-04T10:15", is_hindi=True) == "शुक्रवार, 4 दिसंबर को सुबह 10 बजकर 15 मिनट पर"


@given(minutes=st.integers(2, 59 * 24 * 60), is_hindi=st.booleans())
def test_what_is_said_back_is_understood_as_the_same_time(minutes: int, is_hindi: bool) -> None:
    at = (MONDAY + timedelta(minutes=minutes)).replace(second=0)
    if is_hindi and at.minute:
        at = at.replace(minute=0) + timedelta(hours=1)
    words = callback_in_words(at, MONDAY, is_hindi=is_hindi)
    assert read_callback(words, MONDAY, INDIA) == at


@given(text=st.text(max_size=60))
def test_any_text_is_a_time_ahead_or_unclear(text: str) -> None:
    at = read_callback(text, MONDAY, INDIA)
    assert isinstance(at, Unclear) or MONDAY < at <= MONDAY + MAX_AHEAD


_PIECES = (
    "tomorrow today kal at in after six 6 18:30 pm hours weeks 31 february 2026 the of 99 baje"
)


@given(words=st.lists(st.sampled_from(_PIECES.split()), max_size=8))
def test_any_mixture_of_time_words_is_survived(words: list[str]) -> None:
    text = " ".join(words)
    assert isinstance(read_date(text, MONDAY), date | Unclear)
    assert isinstance(read_callback(text, MONDAY, INDIA), datetime | Unclear)
