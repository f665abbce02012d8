"""Stop calling: one transaction that no later call to the number can pass (invariant 6).

The lines are locked first, so that an attempt on its way to ``placing`` is either already there
or reads the suppression and refuses itself at its slot (design §6.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from dialer.dialing.events import tell_opted_out
from dialer.domain.attempt import AttemptState
from dialer.store import suppressions
from dialer.store.attempts import CarrierIds, ask_to_end, find
from dialer.store.engine import Tx
from dialer.store.lines import lock_lines
from dialer.store.tables import attempts

_BLOCK = 5_000  # phones a statement: a driver binds at most 32,767 values
_CAN_CANCEL = (
    AttemptState.PLACING,
    AttemptState.AMBIGUOUS,
    AttemptState.PLACED,
    AttemptState.RINGING,
)

a = attempts.c


async def suppress(
    tx: Tx,
    *,
    phone: str,
    source: str,
    reason: str,
    scope: str = "everywhere",
    campaign_id: UUID | None = None,
    by_attempt: UUID | None = None,
) -> Sequence[CarrierIds]:
    """Suppress a number.

    Returns the calls to it that are asked for or ringing, for the caller to end after the commit.
    ``by_attempt``: the call in which it was asked for, which goes on to its goodbye.
    """
    if await suppressions.is_erased(tx, phone):
        return []  # it is, and whoever writes it down again undoes the erasure
    await lock_lines(tx, [phone])
    is_new = await suppressions.add_suppression(
        tx,
        phone=phone,
        source=source,
        reason=reason,
        scope=scope,
        campaign_id=campaign_id,
        attempt_id=by_attempt,
    )
    if is_new:
        await tell_opted_out(
            tx,
            phone=phone,
            attempt=None if by_attempt is None else await find(tx, by_attempt),
            scope=scope,
            campaign_id=campaign_id,
            source=source,
            reason=reason,
        )
    only = [a.phone == phone]
    if by_attempt is not None:
        only.append(a.id != by_attempt)
    if campaign_id is not None:
        only.append(a.campaign_id == campaign_id)
    return await ask_to_end(tx, _CAN_CANCEL, *only)


async def suppress_all(
    tx: Tx, phones: Iterable[str], *, source: str, reason: str
) -> tuple[int, Sequence[CarrierIds]]:
    """Suppress many numbers everywhere; return how many are new, and the calls to them that are
    asked for or ringing, for the caller to end after the commit.

    Nobody is told of each: the file is the customer's own.
    """
    wanted = await suppressions.without_erased(tx, sorted(set(phones)))
    added = 0
    ringing: list[CarrierIds] = []
    for first in range(0, len(wanted), _BLOCK):
        await lock_lines(tx, wanted[first : first + _BLOCK])
    for first in range(0, len(wanted), _BLOCK):
        block = wanted[first : first + _BLOCK]
        added += await suppressions.add_many(tx, block, source=source, reason=reason)
        ringing += await ask_to_end(tx, _CAN_CANCEL, a.phone.in_(block))
    return added, ringing
