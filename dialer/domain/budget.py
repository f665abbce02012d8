"""What a campaign may still spend, in calls. Pure.

What is not known is not taken for nothing: the budget counts the costs that are known, and says
how many are not (invariant 12).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from math import ceil

from dialer.domain.costs import Price

# Until the price of a call is known, one in flight is allowed for so much of the budget, and one
# in any case: no call of some minutes costs more.
UNPRICED_CALL_USD = Decimal(1)


@dataclass(frozen=True, slots=True)
class Spent:
    """Of the campaign's ended calls: what is known of their costs, the dearest of them, and how
    many have a cost or a part of it that nobody knows."""

    known_usd: Decimal = Decimal(0)
    dearest_usd: Decimal | None = None
    unknown: int = 0

    def call_usd(self, by_price: Decimal | None) -> Decimal | None:
        """Return what a call may cost: as the dearest so far, else by the price list; or None.

        The dearest, not the average: calls in flight may all turn out like it, and what they cost
        less is free again when they end.
        """
        return self.dearest_usd or by_price or None


@dataclass(frozen=True, slots=True)
class Budget:
    """A campaign's budget as it stands. ``by_price``: what a call costs at most by the price
    list, None if a price is not listed."""

    usd: Decimal
    spent: Spent
    by_price: Decimal | None = None

    @property
    def call_usd(self) -> Decimal | None:
        return self.spent.call_usd(self.by_price)

    def may_start(self, in_flight: int) -> int:
        """Return how many more calls may start so that all in flight stay within the budget."""
        each = self.call_usd or UNPRICED_CALL_USD
        left = self.usd - self.spent.known_usd - in_flight * each
        count = max(0, int((left / each).to_integral_value(ROUND_FLOOR)))
        if self.call_usd is None and in_flight == 0 and self.spent.known_usd < self.usd:
            return max(1, count)
        return count

    def is_used_up(self, in_flight: int) -> bool:
        """True once no further call can be paid, whatever those in flight turn out to cost."""
        if self.spent.known_usd >= self.usd:
            return True
        return in_flight == 0 and self.may_start(0) == 0

    def in_words(self) -> str:
        said = f"{_short(self.spent.known_usd)} of {_short(self.usd)} USD are spent"
        if self.call_usd is not None:
            said += f", and a call may cost {_short(self.call_usd)}"
        return said

    def doubts(self) -> str | None:
        """Say what of its calls' costs is unknown, None if nothing is."""
        if self.spent.unknown:
            return (
                f"the budget counts what is known: {self.spent.unknown} calls have a part whose "
                "price is not listed"
            )
        if self.call_usd is None:
            return "the budget does not know yet what a call costs: few are made at a time"
        return None


def _short(amount: Decimal) -> str:
    return f"{amount.quantize(Decimal('0.0001')).normalize():f}"


def price_of_call(prices: list[Price | None], max_call_s: int) -> Decimal | None:
    """Return what the longest call costs by prices per minute; None if one is not known."""
    total = Decimal(0)
    for price in prices:
        if price is None or price.unit not in ("minute", "started_minute"):
            return None
        total += price.usd * ceil(max_call_s / 60)
    return total or None
