"""The life of a campaign: draft → scheduled → running ⇄ paused → finished / cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from dialer.errors import IllegalTransition, RuleViolation


class CampaignState(StrEnum):
    DRAFT = "draft"  #: a person starts or cancels it
    SCHEDULED = "scheduled"  #: the tick starts it at ``starts_at``
    RUNNING = "running"  #: the dial pass claims its leads; the tick finishes it
    PAUSED = "paused"  #: nothing new is claimed; a person resumes or cancels it
    FINISHED = "finished"  #: nothing waits, nothing calls; final but for a redial
    CANCELLED = "cancelled"  #: final: waiting leads were dropped


S = CampaignState

# What a person may ask for. ``finished`` is reached by the tick alone.
ASKABLE: Mapping[CampaignState, tuple[CampaignState, ...]] = {
    S.DRAFT: (S.RUNNING, S.CANCELLED),
    S.SCHEDULED: (S.RUNNING, S.PAUSED, S.CANCELLED),
    S.RUNNING: (S.PAUSED, S.CANCELLED),
    S.PAUSED: (S.RUNNING, S.CANCELLED),
    S.FINISHED: (),
    S.CANCELLED: (),
}
# A redial of leads that were not reached lets a finished campaign run; the others stay as they are.
REDIALABLE = frozenset({S.SCHEDULED, S.RUNNING, S.PAUSED, S.FINISHED})
MAY_TEST_CALL = frozenset({S.DRAFT, S.SCHEDULED, S.RUNNING, S.PAUSED})


def move(
    state: CampaignState, wanted: CampaignState, *, starts_at: datetime | None, now: datetime
) -> CampaignState:
    """Return the state a person's request leads to; `IllegalTransition` carries the legal ones.

    Asking for the present state again is no error and changes nothing. ``running`` before
    ``starts_at`` becomes ``scheduled``.
    """
    if wanted is S.RUNNING and starts_at is not None and starts_at > now:
        target = S.SCHEDULED
    else:
        target = wanted
    if state in (wanted, target):
        return state
    if wanted not in ASKABLE[state]:
        raise IllegalTransition(state, wanted, ASKABLE[state])
    return target


def require_redialable(state: CampaignState) -> None:
    """Raise `RuleViolation` with what helps instead."""
    if state not in REDIALABLE:
        instead = "start it" if state is S.DRAFT else "clone it (POST /campaigns/{id}/clone)"
        raise RuleViolation(f"a {state} campaign cannot be redialed; {instead}")
