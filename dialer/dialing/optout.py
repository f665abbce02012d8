"""Stop calling: one transaction that no later call to the number can pass (invariant 6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select

from dialer.dialing.settle import refuse
from dialer.domain.attempt import AttemptState, Refusal
from dialer.store import attempts as ledger
from dialer.store import suppressions
from dialer.store.engine import Tx
from dialer.store.lines import lock_lines
from dialer.store.tables import attempts

_BLOCK = 5_000  # phones a statement: a driver binds at most 32,767 values
_CAN_CANCEL = (AttemptState.PLACED, AttemptState.RINGING)


async def suppress(
    tx: Tx,
    *,
    phone: str,
    source: str,
    reason: str,
    scope: str = "everywhere",
    campaign_id: UUID | None = None,
    by_attempt: UUID | None = None,
) -> Sequence[str]:
    """Suppress a number and refuse its intents.

    Returns request ids of calls to it that are queued or ringing, for the caller to end after
    the commit. ``by_attempt``: the call in which it was asked for, which goes on to its goodbye.
    The line is locked, so an attempt on its way to ``placing`` is either already there or reads
    this suppression (design §6.2).
    """
    others = await _other_live_attempts(tx, phone, by_attempt, campaign_id)
    ringing = []
    for attempt_id in others:
        held = await ledger.hold(tx, attempt_id)
        if held is None:
            continue
        if held.attempt.state == AttemptState.INTENDED:
            await refuse(tx, held, Refusal.SUPPRESSED)
        elif held.attempt.state in _CAN_CANCEL and held.attempt.request_uuid:
            ringing.append(held.attempt.request_uuid)
    await lock_lines(tx, [phone])
    await suppressions.add_suppression(
        tx,
        phone=phone,
        source=source,
        reason=reason,
        scope=scope,
        campaign_id=campaign_id,
        attempt_id=by_attempt,
    )
    return ringing


async def suppress_all(
    tx: Tx, phones: Iterable[str], *, source: str, reason: str
) -> tuple[int, Sequence[str]]:
    """Suppress many numbers everywhere; return how many are new, and the request ids of calls to
    them that are queued or ringing, for the caller to end after the commit.

    All their lines are locked, so that an intent that is not yet ``placing`` reads its
    suppression there and refuses itself at its slot.
    """
    wanted = sorted(set(phones))
    added = 0
    ringing: list[str] = []
    for first in range(0, len(wanted), _BLOCK):
        await lock_lines(tx, wanted[first : first + _BLOCK])
    for first in range(0, len(wanted), _BLOCK):
        block = wanted[first : first + _BLOCK]
        added += await suppressions.add_many(tx, block, source=source, reason=reason)
        ringing += await _ringing(tx, block)
    return added, ringing


async def _ringing(tx: Tx, phones: Sequence[str]) -> Sequence[str]:
    a = attempts.c
    rows = await tx.all(
        select(a.request_uuid).where(
            a.account_id == tx.account_id,
            a.phone.in_(phones),
            a.state.in_(_CAN_CANCEL),
            a.request_uuid.is_not(None),
        )
    )
    return [row.request_uuid for row in rows]


async def _other_live_attempts(
    tx: Tx, phone: str, by_attempt: UUID | None, campaign_id: UUID | None
) -> Sequence[UUID]:
    a = attempts.c
    query = select(a.id).where(
        a.account_id == tx.account_id,
        a.phone == phone,
        a.state.in_([AttemptState.INTENDED, *_CAN_CANCEL]),
    )
    if by_attempt is not None:
        query = query.where(a.id != by_attempt)
    if campaign_id is not None:
        query = query.where(a.campaign_id == campaign_id)
    return [row.id for row in await tx.all(query.order_by(a.id))]
