"""People who complained of us: so many within days, and the sender stops until a person has acted
(in.toml, `in.complaints.breaker`). An opt-out is no complaint.
"""

from __future__ import annotations

from collections.abc import Sequence

from dialer.compliance.senders import complaint_limits, exceeded
from dialer.dialing.breakers import hold_account
from dialer.dialing.law import Law
from dialer.domain.breakers import Reason
from dialer.store import carrier, suppressions
from dialer.store.engine import Tx

COMPLAINT = "complaint"


async def lock_to_judge(tx: Tx, reason: str) -> None:
    """Lock the carrier account, before any line, if what comes may hold it."""
    if reason == COMPLAINT:
        await carrier.lock_carrier(tx)


async def judge(tx: Tx, law: Law, phones: Sequence[str], reason: str) -> None:
    """Write down that these suppressed people complained, and hold the locked account if a limit
    is reached by that.

    Unique complainants of all campaigns and caller ids count. Once a person has resumed, the next
    complaint judges anew.
    """
    if reason != COMPLAINT:
        return
    await suppressions.note_complaints(tx, phones)
    packs = tuple(law.packs_at_hand().values())
    complained_at = await suppressions.complaints(tx)
    limits = {one for phone in phones for one in complaint_limits(packs, phone, tx.now.date())}
    found = exceeded(sorted(limits, key=lambda one: one.rule_id), complained_at, tx.now)
    if found is not None:
        limit, count = found
        detail = f"{count} people complained of us; {limit.rule_id} stops at {limit.threshold}"
        await hold_account(tx, Reason.COMPLAINTS, asked_at=None, detail=detail)
