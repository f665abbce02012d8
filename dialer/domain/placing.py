"""Whether an intent may still become a call, decided again right before it would. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.domain.attempt import Refusal
from dialer.domain.campaign import MAY_TEST_CALL, CampaignState

POST_WITHIN = timedelta(seconds=2)
"""A process that stalls longer between its commit and its POST must not dial."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What may have changed since the claim, read under the line's lock.

    ``window_ends_at``: when the call may no longer be asked for, None for never.
    """

    valid_until: datetime
    window_ends_at: datetime | None
    holds_line: bool
    is_suppressed: bool
    campaign: CampaignState
    is_test: bool = False
    is_draining: bool = False


def why_not(found: Readiness, now: datetime) -> Refusal | None:
    """Return why an intent must not be placed; None means go."""
    if found.window_ends_at is not None and now >= found.window_ends_at:
        return Refusal.WINDOW_CLOSED
    # Without its line it has given way to a call that was found ringing after all.
    if now >= found.valid_until or not found.holds_line:
        return Refusal.STALE
    if found.is_suppressed:
        return Refusal.SUPPRESSED
    may_dial = MAY_TEST_CALL if found.is_test else {CampaignState.RUNNING}
    if found.campaign not in may_dial:
        return Refusal.CAMPAIGN_STOPPED
    return Refusal.DRAINED if found.is_draining else None


def post_before(now: datetime, window_ends_at: datetime | None) -> datetime:
    """Return until when the one POST may be sent, after a commit at ``now``."""
    latest = now + POST_WITHIN
    return latest if window_ends_at is None else min(latest, window_ends_at)
