"""One look that finds nothing proves nothing; what an open attempt awaits is said in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.absence import Absence, awaited, event_of_absence, judge_absence
from dialer.domain.attempt import AttemptEvent, AttemptState, advance
from dialer.settings import RecoveryBounds

S = AttemptState
BOUNDS = RecoveryBounds()
ASKED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "placed_s_ago", "changed_s_ago", "absent_s_ago", "judged"),
    [
        (S.AMBIGUOUS, 44.9, 40, None, Absence.TOO_EARLY),
        (S.AMBIGUOUS, 45.0, 40, None, Absence.FIRST),
        (S.PLACED, 44.9, 19.9, None, Absence.TOO_EARLY),
        (S.PLACED, 44.9, 20.0, None, Absence.FIRST),  # it was there once: no need to wait longer
        (S.IN_CALL, 900, 20.0, None, Absence.FIRST),
        (S.AMBIGUOUS, 90, 85, 29.9, Absence.UNPROVED),
        (S.AMBIGUOUS, 90, 85, 30.0, Absence.PROVED),
        (S.IN_CALL, 900, 50, 30.0, Absence.PROVED),
        (S.IN_CALL, 900, 50, -1.0, Absence.UNPROVED),  # the first was noted after this look began
    ],
)
def test_two_absences_far_enough_apart_prove_it(
    state: S,
    placed_s_ago: float,
    changed_s_ago: float,
    absent_s_ago: float | None,
    judged: Absence,
) -> None:
    found = judge_absence(
        state,
        asked_at=ASKED,
        placing_at=ASKED - timedelta(seconds=placed_s_ago),
        changed_at=ASKED - timedelta(seconds=changed_s_ago),
        absent_since=None if absent_s_ago is None else ASKED - timedelta(seconds=absent_s_ago),
        bounds=BOUNDS,
    )
    assert found is judged


@pytest.mark.parametrize("state", [S.AMBIGUOUS, S.PLACED, S.RINGING, S.IN_CALL])
def test_an_absence_that_is_proved_ends_the_attempt(state: S) -> None:
    expected = S.NEVER_PLACED if state is S.AMBIGUOUS else S.ENDED
    assert advance(state, event_of_absence(state)) is expected
    assert event_of_absence(S.PLACED) is AttemptEvent.HANG_UP


@pytest.mark.parametrize(
    ("state", "more", "words"),
    [
        (S.PLACING, {}, "the reply"),
        (S.PLACED, {}, "a callback"),
        (S.AMBIGUOUS, {}, "an absence counts from 12:00:45 UTC"),
        (
            S.AMBIGUOUS,
            {"absent_since": ASKED + timedelta(seconds=50)},
            "first absence at 12:00:50 UTC, second after 12:01:20 UTC",
        ),
        (S.RINGING, {"hang_up_asked_at": ASKED}, "asked to hang up"),
    ],
)
def test_what_an_open_attempt_awaits_is_said(
    state: S, more: dict[str, datetime], words: str
) -> None:
    given: dict[str, datetime | None] = {"absent_since": None, "hang_up_asked_at": None, **more}
    said = awaited(state, placing_at=ASKED, bounds=BOUNDS, **given)  # type: ignore[arg-type]
    assert words in said.what
    if "absent_since" in more:
        assert (said.first_absence_at, said.proved_after) == (
            more["absent_since"],
            more["absent_since"] + timedelta(seconds=30),
        )
