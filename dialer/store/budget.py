"""Where a campaign's budget stands."""

from __future__ import annotations

from decimal import Decimal

from dialer.domain.budget import Budget, price_of_call
from dialer.domain.definition import Definition
from dialer.store.campaigns import Campaign
from dialer.store.engine import Tx
from dialer.store.prices import price_of
from dialer.store.spending import spent


async def budget_of(tx: Tx, campaign: Campaign) -> Budget | None:
    """Return the campaign's budget with what is spent of it, None if it has none."""
    usd = campaign.definition.dialing.budget_usd
    if usd is None:
        return None
    known = await spent(tx, campaign.id)
    by_price = None if known.dearest_usd else await _by_price(tx, campaign.definition)
    return Budget(Decimal(str(usd)), known, by_price)


async def _by_price(tx: Tx, definition: Definition) -> Decimal | None:
    """What the longest call costs before any has ended. The parts of the speech providers are
    small beside these two."""
    items = ("voice", "stream") if definition.is_streamed else ("voice",)
    prices = [await price_of(tx, "plivo", item, tx.now) for item in items]
    return price_of_call(prices, definition.dialing.max_call_s)
