"""Calls that are handed to people: how many are on their way there, and how many ever come."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import and_, func, or_, select

from dialer.domain.after_stream import AfterStream
from dialer.domain.attempt import LIVE, AttemptState, Disposition
from dialer.domain.operators import History, InFlight
from dialer.store.engine import Tx
from dialer.store.tables import attempts

a = attempts.c
_LATEST = 300  # ended calls that a campaign's rates are learnt from


async def in_flight(tx: Tx) -> dict[UUID, InFlight]:
    """Return what each campaign has up."""
    is_meant = and_(
        a.after_stream == AfterStream.HAND_OVER, a.disposition == Disposition.TRANSFERRED
    )
    is_handed_over = or_(a.has_transfer_leg, func.coalesce(is_meant, False))
    is_talking = a.state == AttemptState.IN_CALL
    rows = await tx.all(
        select(
            a.campaign_id,
            func.count().filter(~is_talking),
            func.count().filter(is_talking, ~is_handed_over),
            func.count().filter(is_talking, is_handed_over),
        )
        .where(a.account_id == tx.account_id, a.state.in_(sorted(LIVE)))
        .group_by(a.campaign_id)
    )
    return {row[0]: InFlight(*row[1:]) for row in rows}


async def history(tx: Tx, campaign_id: UUID) -> History:
    """Count a campaign's latest calls."""
    latest = (
        select(a.answered_at, a.is_machine, a.after_stream)
        .where(
            a.account_id == tx.account_id,
            a.campaign_id == campaign_id,
            a.state == AttemptState.ENDED,
        )
        .order_by(a.id.desc())
        .limit(_LATEST)
        .subquery()
    )
    was_talk = and_(latest.c.answered_at.is_not(None), ~latest.c.is_machine)
    handed_over = latest.c.after_stream == AfterStream.HAND_OVER
    row = await tx.one_or_none(
        select(
            func.count(), func.count().filter(was_talk), func.count().filter(was_talk, handed_over)
        ).select_from(latest)
    )
    return History(*row)
