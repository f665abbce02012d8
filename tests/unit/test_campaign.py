"""Which moves of a campaign a person may ask for, and what they become."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.campaign import ASKABLE, MAY_TEST_CALL, CampaignState, move
from dialer.errors import IllegalTransition

S = CampaignState
NOW = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
FINAL = {S.FINISHED, S.CANCELLED}

# Design §4-5: draft→scheduled→running⇄paused→finished / cancelled.
LEGAL = {
    S.DRAFT: {S.RUNNING, S.CANCELLED},
    S.SCHEDULED: {S.RUNNING, S.PAUSED, S.CANCELLED},
    S.RUNNING: {S.PAUSED, S.CANCELLED},
    S.PAUSED: {S.RUNNING, S.CANCELLED},
    S.FINISHED: set(),
    S.CANCELLED: set(),
}


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("wanted", S)
def test_a_move_is_made_or_answered_with_the_legal_ones(
    state: CampaignState, wanted: CampaignState
) -> None:
    if wanted is state or wanted in LEGAL[state]:
        assert move(state, wanted, starts_at=None, now=NOW) is wanted
        return
    with pytest.raises(IllegalTransition) as caught:
        move(state, wanted, starts_at=None, now=NOW)
    assert set(caught.value.legal) == LEGAL[state]
    assert all(legal in str(caught.value) for legal in LEGAL[state])


@pytest.mark.parametrize("state", [S.DRAFT, S.SCHEDULED, S.PAUSED])
def test_running_before_the_start_is_scheduled(state: CampaignState) -> None:
    assert move(state, S.RUNNING, starts_at=LATER, now=NOW) is S.SCHEDULED


@pytest.mark.parametrize("starts_at", [NOW, NOW - timedelta(days=1)])
def test_running_at_the_start_or_after_it_runs(starts_at: datetime) -> None:
    assert move(S.SCHEDULED, S.RUNNING, starts_at=starts_at, now=NOW) is S.RUNNING


def test_a_running_campaign_stays_running_though_its_start_lies_ahead() -> None:
    assert move(S.RUNNING, S.RUNNING, starts_at=LATER, now=NOW) is S.RUNNING


@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("starts_at", [None, LATER])
def test_what_is_over_cannot_be_started_again(
    state: CampaignState, starts_at: datetime | None
) -> None:
    with pytest.raises(IllegalTransition, match="none, this state is final"):
        move(state, S.RUNNING, starts_at=starts_at, now=NOW)


def test_nobody_can_ask_for_finished_and_only_the_end_forbids_a_test_call() -> None:
    assert not any(S.FINISHED in asked for asked in ASKABLE.values())
    assert set(S) - MAY_TEST_CALL == FINAL
