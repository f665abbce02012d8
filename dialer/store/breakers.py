"""What circuit breakers look at, and where they are kept. Counts read the newest rows alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal, select, true, update

from dialer.domain.attempt import AttemptState, Disposition, Outcome, Refusal
from dialer.domain.breakers import OPT_OUT_WINDOW, Breaker, Reason, Seen
from dialer.store.engine import Tx
from dialer.store.tables import attempts, campaigns, carrier_accounts

a, c = attempts.c, campaigns.c

_NEWEST_REQUESTS = 100
_NEWEST_ENDS = 50
_SEEN = (
    a.state,
    a.placing_at,
    a.ended_at,
    a.refusal,
    a.reply_status,
    a.outcome,
    a.hangup_code,
    a.answered_at,
    a.rang_at,
    a.placed_at,
    a.talk_s,
)


def breaker_of(row: Any) -> Breaker | None:
    """Return the breaker of a carrier account's or a campaign's row, None if it is closed."""
    if row.paused_reason is None:
        return None
    return Breaker(
        reason=Reason(row.paused_reason),
        detail=row.paused_detail or "",
        at=row.paused_at,
        until=row.paused_until,
        failed=row.failed_probes,
        probe_id=row.probe_id,
    )


def _columns(tx: Tx, breaker: Breaker | None) -> dict[str, Any]:
    if breaker is None:
        return {
            "paused_reason": None,
            "paused_detail": None,
            "paused_at": None,
            "paused_until": None,
            "failed_probes": 0,
            "probe_id": None,
            "resumed_at": tx.now,
        }
    return {
        "paused_reason": breaker.reason,
        "paused_detail": breaker.detail,
        "paused_at": breaker.at,
        "paused_until": breaker.until,
        "failed_probes": breaker.failed,
        "probe_id": breaker.probe_id,
    }


async def save_of_account(tx: Tx, breaker: Breaker | None) -> None:
    """Write the account's breaker; its row is locked."""
    statement = update(carrier_accounts).where(carrier_accounts.c.account_id == tx.account_id)
    await tx.execute(statement.values(_columns(tx, breaker)))


async def save_of_campaign(tx: Tx, campaign_id: UUID, breaker: Breaker | None) -> None:
    """Write a campaign's breaker; its row is locked."""
    statement = update(campaigns).where(c.account_id == tx.account_id, c.id == campaign_id)
    await tx.execute(statement.values(_columns(tx, breaker)))


async def note_probes(
    tx: Tx, *, of_account: UUID | None, of_campaigns: Mapping[UUID, UUID]
) -> None:
    """Remember which intents probe: the account's, and campaign → attempt."""
    if of_account is not None:
        await tx.execute(
            update(carrier_accounts)
            .where(carrier_accounts.c.account_id == tx.account_id)
            .values(probe_id=of_account)
        )
    for campaign_id, attempt_id in of_campaigns.items():
        await tx.execute(
            update(campaigns)
            .where(c.account_id == tx.account_id, c.id == campaign_id)
            .values(probe_id=attempt_id)
        )


def _seen(row: Any) -> Seen:
    return Seen(
        state=AttemptState(row.state),
        placing_at=row.placing_at,
        ended_at=row.ended_at,
        refusal=None if row.refusal is None else Refusal(row.refusal),
        reply_status=row.reply_status,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        hangup_code=row.hangup_code,
        answered_at=row.answered_at,
        rang_at=row.rang_at,
        placed_at=row.placed_at,
        talk_s=row.talk_s,
    )


async def seen(tx: Tx, attempt_id: UUID) -> Seen | None:
    row = await tx.one_or_none(
        select(*_SEEN).where(a.account_id == tx.account_id, a.id == attempt_id)
    )
    return None if row is None else _seen(row)


async def newest_requests(tx: Tx, since: datetime) -> list[Seen]:
    """Return the account's newest requests to the carrier after ``since``, newest first."""
    rows = await tx.all(
        select(*_SEEN)
        .where(a.account_id == tx.account_id, a.placing_at > since)
        .order_by(a.placing_at.desc())
        .limit(_NEWEST_REQUESTS)
    )
    return [_seen(row) for row in rows]


async def newest_ends(
    tx: Tx, campaign_ids: Sequence[UUID], since: datetime
) -> Mapping[UUID, Sequence[Seen]]:
    """Return campaign → its newest attempts that are over: after ``since``, and after it was
    resumed; newest first."""
    newest = (
        select(*_SEEN)
        .where(
            a.account_id == c.account_id,
            a.campaign_id == c.id,
            a.ended_at > func.greatest(since, c.resumed_at),
        )
        .order_by(a.ended_at.desc())
        .limit(_NEWEST_ENDS)
        .lateral("newest")
    )
    rows = await tx.all(
        select(c.id, *newest.c)
        .select_from(campaigns.join(newest, true()))
        .where(c.account_id == tx.account_id, c.id.in_(campaign_ids))
    )
    found: dict[UUID, list[Seen]] = defaultdict(list)
    for row in rows:
        found[row.id].append(_seen(row))
    return found


async def count_opt_outs(
    tx: Tx, campaign_id: UUID, *, resumed_at: datetime | None, most: float
) -> tuple[int, int]:
    """Count a day's opt-outs of a campaign, and those who answered.

    The second is not counted beyond what could make the rate exceed ``most``: what it costs grows
    with the opt-outs, not with the calls.
    """
    since: datetime = tx.now - OPT_OUT_WINDOW
    if resumed_at is not None:
        since = max(since, resumed_at)
    mine = (
        a.account_id == tx.account_id,
        a.campaign_id == campaign_id,
        a.ended_at > since,
        a.is_test.is_(False),
    )
    # Written out, so that the index of opt-outs alone is known to do.
    is_one = a.disposition == literal(Disposition.OPTED_OUT.value, literal_execute=True)
    opted_out = await tx.scalar(select(func.count()).where(*mine, is_one))
    if not opted_out:
        return 0, 0
    enough = int(opted_out / most) + 1
    answered = (
        select(a.id)
        .where(*mine, a.answered_at.is_not(None), a.is_machine.is_(False))
        .limit(enough)
        .subquery()
    )
    return opted_out, await tx.scalar(select(func.count()).select_from(answered)) or 0


def since_for(row: Any, now: datetime, within: timedelta) -> datetime:
    """Return where a window begins: what was before a breaker closed counts no more."""
    since = now - within
    return since if row.resumed_at is None else max(since, row.resumed_at)
