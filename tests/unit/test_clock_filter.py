"""Product time on this process's clock, from looks that take their time on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from dialer.domain.clock_filter import BELIEVED_S, ClockFilter

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
CLOSE_S = 1e-6  # of the arithmetic


def at(monotonic: float, *, ahead: float = 0.0) -> datetime:
    """Product time, which is ``ahead`` of what it was at the first look."""
    return NOON + timedelta(seconds=monotonic + ahead)


def test_a_look_that_took_long_on_its_way_does_not_count() -> None:
    clock = ClockFilter()
    assert abs(clock.read_at(at(1.0), 1.0, 1.001) - 1.0) < CLOSE_S
    assert abs(clock.read_at(at(2.05), 2.0, 2.06) - 2.05) < CLOSE_S  # asked 50 ms before it was
    assert abs(clock.read_at(at(3.0), 3.0, 3.1) - 3.0) < CLOSE_S


def test_two_passes_book_instants_as_far_apart_as_they_believe() -> None:
    dice = Random(5)
    clock = ClockFilter()
    worst = 0.0
    for number in range(400):
        asked = 10 + number * 0.1
        way = 0.0002 + (dice.random() * 0.08 if dice.random() < 0.7 else dice.random() * 0.0002)
        back = dice.random() * 0.05
        found = clock.read_at(at(asked + way), asked, asked + way + back)
        assert asked - CLOSE_S <= found <= asked + way + back + CLOSE_S
        if number > 20:
            worst = max(worst, abs(asked + way - found))
    assert worst < 0.001


def test_a_clock_that_was_set_is_believed_at_once() -> None:
    clock = ClockFilter()
    clock.read_at(at(1.0), 1.0, 1.001)
    for ahead in (3600.0, -60.0, 0.5):
        found = clock.read_at(at(2.0, ahead=ahead), 1.99, 2.01)
        assert abs(found - 1.99) < CLOSE_S


def test_old_looks_are_not_believed_for_ever() -> None:
    """Else clocks that drift apart would be held together by the best look there ever was."""
    clock = ClockFilter()
    clock.read_at(at(0.0), 0.0, 0.0)
    drifted = 0.004
    later = BELIEVED_S / 2
    assert abs(clock.read_at(at(later, ahead=drifted), later, later + 1) - later) <= drifted + 1e-5
    later = BELIEVED_S * 1.1
    assert abs(clock.read_at(at(later, ahead=drifted), later, later + 1) - later) < CLOSE_S
