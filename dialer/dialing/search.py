"""Looking for a call at the carrier: in its queue, among its live and its finished calls."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from dialer.domain.attempt import HangupFacts
from dialer.errors import OverBudget, ProviderError
from dialer.providers.protocols import CallControl, CarrierCall
from dialer.settings import RecoveryBounds
from dialer.store.engine import Database
from dialer.store.tables import attempts

log = logging.getLogger(__name__)

a = attempts.c


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where the carrier has a call: ``queued``, ``ringing``, ``in_call``, ``finished``; ``absent``
    from all of them; ``unclear`` after a list that failed; ``not_asked``."""

    where: str
    call: CarrierCall | None = None
    call_uuid: str | None = None


ABSENT = Sighting("absent")
UNCLEAR = Sighting("unclear")
NOT_ASKED = Sighting("not_asked")


def ids_of(row: Any) -> list[str]:
    return [one for one in dict.fromkeys((row.call_uuid, row.request_uuid)) if one]


async def search(db: Database, carrier: CallControl, bounds: RecoveryBounds, row: Any) -> Sighting:
    """Search for a call whose id we do not know, by its number."""
    others = await _uuids_of_others(db, row)
    try:
        return await _by_number(carrier, bounds, row, others)
    except ProviderError as error:
        return _failed(row, error)


async def sight_silent(
    db: Database, carrier: CallControl, bounds: RecoveryBounds, row: Any
) -> Sighting:
    """Look for a call by its ids, mostly over by now. Until a callback has named its call id, it
    may be up or over under another (plivo.md §1.1), and is searched for by its number too."""
    try:
        for uuid in ids_of(row):
            if (call := await carrier.finished_call(uuid)) is not None:
                return Sighting("finished", call, call.call_uuid)
        for uuid in ids_of(row):
            # One by one: a whole list that changes while its pages are read may miss a call.
            if await carrier.queued_call(uuid) is not None:
                return Sighting("queued", call_uuid=uuid)
            if (call := await carrier.live_call(uuid)) is not None:
                return _live(call)
    except ProviderError as error:
        return _failed(row, error)
    return ABSENT if row.call_uuid else await search(db, carrier, bounds, row)


async def _by_number(
    carrier: CallControl, bounds: RecoveryBounds, row: Any, others: set[str]
) -> Sighting:
    """A phone has at most one live or ambiguous attempt, so a call to it that no other attempt
    claims, begun about when we asked, is this one. The lists are read in the order in which a
    call goes through them, so that it cannot slip past."""
    for call_uuid in await carrier.queued_calls(row.phone):
        if call_uuid not in others:
            call = await carrier.queued_call(call_uuid)
            if call is None or call.to in (None, row.phone):
                return Sighting("queued", call_uuid=call_uuid)
    for call_uuid in await carrier.live_calls(row.phone):
        if call_uuid not in others:
            call = await carrier.live_call(call_uuid)
            if call is None:  # it has just ended: its record says how
                continue
            if call.to in (None, row.phone):
                return _live(call)
    begun_after = row.placing_at - timedelta(seconds=bounds.cdr_slack)
    for call in await carrier.finished_calls(row.phone):
        known = {call.call_uuid, call.request_uuid} & others
        if not known and (call.begun_at is None or call.begun_at >= begun_after):
            return Sighting("finished", call, call.call_uuid)
    return ABSENT


def facts_of(attempt: Any, call: CarrierCall) -> HangupFacts:
    """Return how a call ended, by the carrier's record of it."""
    was_answered = (
        attempt.answered_at is not None or call.answered_at is not None or bool(call.bill_s)
    )
    return HangupFacts(
        code=call.hangup_code,
        cause=call.hangup_cause,
        status=None,
        source=call.hangup_source,
        was_answered=was_answered,
        is_machine=attempt.is_machine,
    )


def values_of(call: CarrierCall) -> dict[str, Any]:
    """Return the columns that a record of a call fills."""
    values: dict[str, Any] = {"cost_usd": call.cost_usd, "talk_s": call.bill_s}
    if call.answered_at is not None:
        values["answered_at"] = call.answered_at
    return values


def _live(call: CarrierCall) -> Sighting:
    where = "in_call" if call.status == "in-progress" else "ringing"
    return Sighting(where, call, call.call_uuid)


def _failed(row: Any, error: ProviderError) -> Sighting:
    if isinstance(error, OverBudget):
        return NOT_ASKED
    log.warning("carrier_lookup_failed", extra={"attempt_id": row.id, "detail": str(error)})
    return UNCLEAR


async def _uuids_of_others(db: Database, row: Any) -> set[str]:
    async with db.begin() as tx:
        rows: Sequence[Any] = await tx.all(
            select(a.call_uuid, a.request_uuid).where(
                a.account_id == tx.account_id, a.phone == row.phone, a.id != row.id
            )
        )
    return {uuid for found in rows for uuid in found if uuid}
