"""A call's costs, reckoned anew whenever a part of them becomes known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from dialer.domain.costs import costs, known, total, uses_of
from dialer.store.engine import Tx
from dialer.store.prices import price_of


async def costs_of(
    tx: Tx, attempt: Any, carrier_usd: Decimal | None, **metered: Any
) -> dict[str, Any]:
    """Return the columns ``costs``, ``total_cost_usd`` and ``known_cost_usd`` of an attempt.

    carrier_usd: the carrier's own word for its part. metered: ``usage`` if it is news, else the
    attempt's. The prices are those of the moment it was answered.
    """
    usage = metered.get("usage", attempt.usage)
    was_streamed = usage is not None or attempt.stream_id is not None
    uses = uses_of(usage) if was_streamed else []
    at = attempt.answered_at or attempt.created_at
    found = {use.item: await price_of(tx, *use.item, at) for use in uses}
    parts = costs(carrier_usd, uses, {item: one for item, one in found.items() if one is not None})
    return {
        "costs": {part: None if usd is None else str(usd) for part, usd in parts.items()},
        "total_cost_usd": total(parts, uses),
        "known_cost_usd": known(parts),
    }
