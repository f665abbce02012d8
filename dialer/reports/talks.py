"""What was said in calls and how fast: one transcript, and voice-to-voice over many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Float, and_, cast, func, select

from dialer.domain.attempt import Outcome
from dialer.store.engine import Tx
from dialer.store.tables import answers, attempts, turns

a, t = attempts.c, turns.c


@dataclass(frozen=True, slots=True)
class VoiceToVoice:
    """From the callee's last sound to the agent's first, in seconds, over ``replies``; None
    where there were none."""

    replies: int
    p50_s: float | None
    p95_s: float | None
    longest_s: float | None


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """``after_s``: how long after the callee's last sound the agent was heard."""

    starts_s: float
    speaker: str
    said: str
    is_interrupted: bool
    after_s: float | None


async def voice_to_voice(tx: Tx, campaign_ids: Sequence[UUID]) -> VoiceToVoice:
    """Measure the agent's replies by the marks of their turns."""
    heard = cast(t.marks["first_audio_heard"].astext, Float)
    ended = cast(t.marks["end_of_speech"].astext, Float)
    waited = heard - ended
    row = (
        await tx.execute(
            select(
                func.count(waited).label("n"),
                func.percentile_cont(0.5).within_group(waited).label("p50"),
                func.percentile_cont(0.95).within_group(waited).label("p95"),
                func.max(waited).label("longest"),
            )
            .select_from(
                turns.join(attempts, and_(a.account_id == t.account_id, a.id == t.attempt_id))
            )
            .where(
                t.account_id == tx.account_id,
                t.speaker == "agent",
                a.campaign_id.in_(campaign_ids),
            )
        )
    ).one()
    return VoiceToVoice(row.n, row.p50, row.p95, row.longest)


async def transcript(tx: Tx, attempt_id: UUID) -> list[ShownTurn]:
    """Return a call's turns in order."""
    rows = await tx.all(
        select(turns)
        .where(t.account_id == tx.account_id, t.attempt_id == attempt_id)
        .order_by(t.number)
    )
    return [_shown(row) for row in rows]


def _shown(row: Any) -> ShownTurn:
    heard, ended = row.marks.get("first_audio_heard"), row.marks.get("end_of_speech")
    after_s = None if heard is None or ended is None else heard - ended
    return ShownTurn(row.starts_s, row.speaker, row.said, row.is_interrupted, after_s)


async def richest_talk(tx: Tx, campaign_id: UUID) -> UUID | None:
    """Return the call that shows most: the agent interrupted in mid-talk, then the most answers;
    None without talks."""
    wins = select(func.count()).where(
        answers.c.account_id == a.account_id, answers.c.attempt_id == a.id
    )
    cuts = select(func.count()).where(
        t.account_id == a.account_id, t.attempt_id == a.id, t.is_interrupted, t.number > 2
    )
    row = await tx.one_or_none(
        select(a.id)
        .where(
            a.account_id == tx.account_id,
            a.campaign_id == campaign_id,
            a.outcome == Outcome.COMPLETED,
            wins.scalar_subquery() > 0,
        )
        .order_by((3 * func.least(cuts.scalar_subquery(), 1) + wins.scalar_subquery()).desc(), a.id)
        .limit(1)
    )
    return None if row is None else row.id
