"""Whether a stream that began is of the call it says it is."""

from __future__ import annotations

from uuid import UUID

from dialer.domain.attempt import AttemptState
from dialer.store import attempts as ledger
from dialer.store.engine import Tx

# An answer proves itself before the document that leads here is served; the earlier states are
# those of a call whose answer callback is still being taken in by another process.
_MAY_STREAM = frozenset(
    {
        AttemptState.PLACING,
        AttemptState.AMBIGUOUS,
        AttemptState.PLACED,
        AttemptState.RINGING,
        AttemptState.IN_CALL,
    }
)


async def is_of_live_call(tx: Tx, attempt_id: UUID, call_uuid: str) -> bool:
    """Say whether the attempt is live and its call is ``call_uuid``; a call whose id we were never
    told gets it here."""
    attempt = await ledger.find(tx, attempt_id)
    if attempt is None or attempt.state not in _MAY_STREAM:
        return False
    if attempt.call_uuid is not None:
        return bool(attempt.call_uuid == call_uuid)
    held = await ledger.hold(tx, attempt_id)
    if held is None or held.attempt.state not in _MAY_STREAM:
        return False
    if held.attempt.call_uuid is None:
        await ledger.change(tx, held, call_uuid=call_uuid)
    return bool(held.attempt.call_uuid == call_uuid)
