"""The carrier takes 300 requests in 5 s: never more, and never a hang-up behind a look-up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.request_budget import Allowance, draw

OF = Allowance.within(300)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def most_in_window(sent: list[float]) -> int:
    sent = sorted(sent)
    return max((sum(1 for at in sent if first <= at < first + 5) for first in sent), default=0)


# What each of many processes may want: (seconds since the draw before, urgent ones, look-ups).
DRAWS = st.lists(
    st.tuples(st.floats(0, 3), st.integers(0, 90), st.integers(0, 400)), min_size=1, max_size=25
)


@given(DRAWS)
def test_no_five_seconds_hold_more_than_the_carrier_takes(
    draws: list[tuple[float, int, int]],
) -> None:
    at, until, sent = 0.0, None, []
    for pause, urgent, lookups in draws:
        at += pause
        drawn = draw(until, NOW + timedelta(seconds=at), urgent=urgent, lookups=lookups, of=OF)
        until = drawn.until
        sent += [at + after for after in drawn.urgent_after_s] + [at] * drawn.lookups
    assert most_in_window(sent) <= 281


@given(st.integers(0, 10_000))
def test_look_ups_leave_what_is_urgent_its_part(lookups: int) -> None:
    """However many look-ups are wanted, the calls of a pass and their ends go out at once."""
    drawn = draw(None, NOW, urgent=0, lookups=lookups, of=OF)
    urgent = draw(drawn.until, NOW, urgent=35, lookups=0, of=OF)
    assert urgent.urgent_after_s == (0.0,) * 35


def test_who_is_urgent_beyond_the_burst_goes_at_the_rate() -> None:
    drawn = draw(None, NOW, urgent=OF.burst + 44, lookups=5, of=OF)
    assert drawn.lookups == 0
    assert drawn.urgent_after_s[OF.burst - 1] == 0.0
    assert 0.99 < drawn.urgent_after_s[-1] < 1.01


def test_a_look_up_that_got_nothing_is_told_when_to_ask_again() -> None:
    first = draw(None, NOW, urgent=0, lookups=99, of=OF)
    assert first.lookups == OF.lookup_burst
    later = NOW + timedelta(seconds=first.ask_again_s)
    assert draw(first.until, later, urgent=0, lookups=99, of=OF).lookups == 1


def test_time_that_passed_unused_is_not_saved_up() -> None:
    drawn = draw(NOW - timedelta(hours=3), NOW, urgent=0, lookups=1000, of=OF)
    assert drawn.lookups == OF.lookup_burst
