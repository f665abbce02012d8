"""What a dial pass starts from: who may be called for, what is up, and with which numbers.

One statement, after the carrier account is locked: a round trip costs as much as what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import msgspec

from dialer.domain.campaign import CampaignState
from dialer.domain.pacing import Use
from dialer.store import campaigns
from dialer.store.campaigns import Campaign
from dialer.store.carrier import LIVE_LISTED
from dialer.store.decisions import Head
from dialer.store.engine import Tx


class CallerRow(msgspec.Struct, frozen=True):
    """A caller id of the account, as far as a pass needs it."""

    number: str
    series: str | None
    last_used_at: datetime | None


class SenderRow(msgspec.Struct, frozen=True):
    """The sender profile, as far as the law asks for it."""

    peid: str | None
    tmid: str | None
    a2p_reference: str | None
    a2p_declared_on: date | None
    a2p_objective: str | None


class _Account(msgspec.Struct):
    chain_seq: int
    chain_head: str  # hex
    live: Sequence[tuple[UUID, int, int]]  # campaign, calls, legs of transfers
    inbound: int
    callers: Sequence[CallerRow]
    sender: SenderRow | None


@dataclass(frozen=True, slots=True)
class PassStart:
    """running: campaigns, locked, without those that somebody else is changing. live: campaign →
    calls that are up or may be. use: the account's whole use of its cap. callers: by number.
    head: of the chain of checks."""

    running: Sequence[Campaign]
    live: Mapping[UUID, int]
    use: Use
    callers: Mapping[str, CallerRow]
    sender: SenderRow | None
    head: Head


_START = f"""
WITH live AS (
  SELECT campaign_id, count(*) AS calls, count(*) FILTER (WHERE has_transfer_leg) AS legs
  FROM attempts WHERE account_id = $1 AND state IN ({LIVE_LISTED}) GROUP BY campaign_id
), account AS MATERIALIZED (
  SELECT json_build_object(
    'chain_seq', chain_seq, 'chain_head', encode(chain_head, 'hex'),
    'live', (SELECT coalesce(json_agg(json_build_array(campaign_id, calls, legs)), '[]') FROM live),
    'inbound', (SELECT count(*) FROM inbound_calls WHERE account_id = $1 AND ended_at IS NULL),
    'callers', (SELECT coalesce(json_agg(c), '[]') FROM (
      SELECT number, series, last_used_at FROM caller_ids WHERE account_id = $1
    ) c),
    'sender', (SELECT row_to_json(s) FROM senders s WHERE account_id = $1)
  )::text AS account FROM accounts WHERE id = $1
)
SELECT c.*, v.sha256, account.account FROM campaigns c
JOIN campaign_versions v
  ON v.account_id = c.account_id AND v.campaign_id = c.id AND v.version = c.version
CROSS JOIN account
WHERE c.account_id = $1 AND c.state = $2 ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED
"""
_decoder = msgspec.json.Decoder(_Account)


async def start_of_pass(tx: Tx) -> PassStart | None:
    """Lock the running campaigns and read what all of them share; None if there is none.

    They are locked before any lead: whoever stops one of them waits for this pass and finds its
    intents. One that is just being changed has its turn in the next pass.
    """
    rows = await tx.fetch(_START, tx.account_id, CampaignState.RUNNING)
    if not rows:
        return None
    account = _decoder.decode(rows[0].account)
    return PassStart(
        running=[await campaigns.of_row(tx, row) for row in rows],
        live={cid: calls for cid, calls, _ in account.live},
        use=Use(
            live=sum(calls for _, calls, _ in account.live),
            transfer_legs=sum(legs for _, _, legs in account.live),
            inbound=account.inbound,
        ),
        callers={row.number: row for row in account.callers},
        sender=account.sender,
        head=Head(account.chain_seq, bytes.fromhex(account.chain_head)),
    )
