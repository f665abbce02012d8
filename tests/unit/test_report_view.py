"""The live view and the summary, rendered as a terminal would show them; the estimate behind."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from dialer.domain.campaign import CampaignState
from dialer.reports.finish import ASSUMPTION, Finish, Rates, finish, rates
from dialer.reports.stats import answer_rate
from dialer.reports.view import percent_done, status_view, summary_table
from dialer.store.reports import Placed, Places

NOW = datetime(2026, 11, 23, 11, 0, tzinfo=ZoneInfo("Asia/Kolkata"))
RUNNING: Mapping[str, Any] = {
    "state": "running",
    "leads": 60,
    "waiting": 19,
    "waiting_window": 1,
    "calling": 4,
    "in_flight": {"placed": 1, "ringing": 2, "in_call": 1},
    "ambiguous": 0,
    "done": {"confirmed": 17, "incomplete": 7, "voicemail_left": 8, "opted_out": 2},
    "blocked": {"PREF_CATEGORY_BLOCKED": 2},
    "exhausted": 6,
    "cancelled": 0,
    "opted_out": 2,
    "attempts": 48,
    "outcomes": {"completed": 29, "invalid_number": 15, "busy": 3},
    "answer_rate": 0.617,
    "supposed": 2,
    "checks": {"allowed": 51, "denied": 7},
    "rate_per_min": 38.4,
    "net_per_min": 30.1,
    "finish_at": NOW + timedelta(minutes=1),
    "finish_assumes": ASSUMPTION,
    "starts_at": None,
    "ends_at": NOW + timedelta(hours=1),
    "warnings": ["DNC_SCRUB_STALE holds 3 of the leads: upload a fresh scrub (POST /scrubs)"],
}


def _shown(part: RenderableType, width: int = 80) -> str:
    target = io.StringIO()
    Console(file=target, width=width, color_system=None).print(part)
    return target.getvalue()


def _status(width: int = 80, **changed: Any) -> str:
    return _shown(status_view("diwali", {**RUNNING, **changed}, NOW), width)


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_or_broken_at_usual_widths(width: int) -> None:
    text = _status(width)
    for line in text.splitlines():
        assert len(line) <= width and "…" not in line
    for phrase in (
        "diwali  running",
        "2026-11-23 11:00:00 IST",
        " 61 %  37 of 60 leads settled",
        "in flight  4: 1 placed, 2 ringing, 1 in call",
        "waiting    19 leads, 1 of them for a calling window",
        "rate       38.4 calls a minute, 30.1 leads settled (last 5 minutes)",
        "finish     about 11:01:00 if each waiting lead takes one call at this rate, in",
        "! DNC_SCRUB_STALE holds 3 of the leads: upload a fresh scrub (POST /scrubs)",
    ):
        assert phrase in text
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "outcomes calls dispositions leads left out leads" in rows
    assert "completed 29 confirmed 17 PREF_CATEGORY_BLOCKED 2" in rows
    assert "invalid number 15 incomplete 7 out of time 1" in rows


def test_the_summary_shows_what_was_asked_of_the_law() -> None:
    text = _shown(summary_table(RUNNING))
    assert "60, of whom 2 opted out" in text
    assert "48; answer rate 62% of 47 ended" in text
    assert "51 allowed, 7 denied" in text
    assert "voicemail left" in text and "completed" in text


def test_a_name_that_looks_like_markup_is_shown_as_it_is() -> None:
    assert "[red]sale[/red]" in _shown(status_view("[red]sale[/red]", RUNNING, NOW))


def test_stats_that_came_as_json_are_shown_alike() -> None:
    over_the_wire = msgspec.json.decode(msgspec.json.encode(RUNNING))
    assert _shown(status_view("diwali", over_the_wire, NOW)) == _status()


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3), st.integers(0, 2000))
def test_progress_is_whole_only_when_nothing_is_open(
    waiting: int, calling: int, live: int, settled: int
) -> None:
    leads = waiting + calling + settled
    percent = percent_done(
        {"waiting": waiting, "calling": calling, "in_flight": {"placed": live}, "leads": leads}
    )
    assert 0 <= percent <= 100
    assert (percent == 100) == (waiting == calling == live == 0)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"state": "paused"}, "unknown while paused; at 12:00:00 at the latest"),
        ({"rate_per_min": 0.0, "ends_at": None}, "unknown: no call in the last 5 minutes"),
        ({"state": "cancelled"}, "over when the last calls end"),
        ({"state": "finished", "waiting": 0, "calling": 0, "in_flight": {}}, "over"),
        (
            {"state": "scheduled", "starts_at": NOW + timedelta(days=1)},
            "starts at 2026-11-24 11:00",
        ),
        ({"finish_at": NOW + timedelta(hours=1)}, "12:00:00, when the campaign ends"),
    ],
)
def test_an_unknown_finish_says_why(changed: dict[str, Any], said: str) -> None:
    lines = _status(**{"finish_at": None, **changed}).splitlines()
    assert f"finish     {said}" in [line.rstrip() for line in lines]


def _waiting(count: int, *, undated: int = 0, due_at: datetime | None = NOW) -> Places:
    return Places("waiting", None, None, count, 0, undated, due_at)


def _open_till_noon(seconds: float) -> datetime | None:
    """Calling hours are over in an hour, and begin again 22 hours later."""
    ends = NOW + timedelta(seconds=seconds)
    return ends if seconds <= 3600 else ends + timedelta(hours=22)


def _finish(*places: Places, **changed: Any) -> Finish:
    state = changed.pop("state", CampaignState.RUNNING)
    given: dict[str, Any] = {"rate": 2.0, "worked": _open_till_noon, "ends_at": None, "now": NOW}
    return finish(state, places, **{**given, **changed})


def test_the_finish_is_estimated_only_where_something_honest_can_be_said() -> None:
    hour = timedelta(hours=1)
    assert _finish(_waiting(120)) == Finish(NOW + hour)
    assert _finish(_waiting(120), _waiting(1, due_at=NOW + 9 * hour)).at == NOW + 23 * hour + (
        timedelta(seconds=30)
    )
    assert _finish(_waiting(1, due_at=NOW + 9 * hour)).at == NOW + 9 * hour
    assert _finish(Places("calling", None, None, 3, 0, 3, None), rate=0.0).at == NOW
    never: dict[str, Any] = {"worked": lambda _: None}
    for unknown in ({"rate": 0.0}, never, {"state": CampaignState.PAUSED}):
        assert _finish(_waiting(120), **unknown) == Finish()
    held = _waiting(1, undated=1, due_at=None)
    assert _finish(held) == Finish()
    assert _finish(held, ends_at=NOW + hour) == Finish(NOW + hour)


def test_a_window_too_short_for_the_rate_says_how_many_it_leaves_uncalled() -> None:
    half, two, day = (NOW + timedelta(hours=hours) for hours in (0.5, 2, 24))
    assert _finish(_waiting(120), ends_at=half) == Finish(half, 60)
    assert _finish(_waiting(130), ends_at=two) == Finish(two, 10)  # the rest is for tomorrow
    assert _finish(_waiting(130), ends_at=day).left_over == 0
    assert _finish(_waiting(130), ends_at=two, worked=lambda _: None) == Finish(two, 130)


def test_the_rate_is_of_the_time_since_the_first_call_in_view() -> None:
    at = NOW - timedelta(minutes=2)
    assert rates(Placed(6, at), 1, NOW) == Rates(3.0, 0.5)
    assert rates(Placed(1, NOW), 0, NOW) == Rates(6.0, 0.0)  # not endless: 1 in 10 s
    assert rates(Placed(0, None), 0, NOW) == Rates(0.0, 0.0)


def test_machines_are_no_answers_and_no_calls_have_no_rate() -> None:
    assert answer_rate({"completed": 1, "machine": 1, "busy": 1}) == 0.3333
    assert answer_rate({"busy": 2}) == 0.0
    assert answer_rate({}) is None
