"""What one call cost, by part: metered use times dated prices. Pure.

What is not known is None: a price that is not listed, a use that was not told. It is never zero,
and one unknown part makes the total unknown (invariant 12).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from typing import Any, Literal, TypeAlias

Part = Literal["carrier", "stream", "speech_to_text", "model", "text_to_speech"]
PARTS: tuple[Part, ...] = ("carrier", "stream", "speech_to_text", "model", "text_to_speech")

#: (provider, item) of the price list.
Item: TypeAlias = tuple[str, str]
Costs: TypeAlias = dict[Part, Decimal | None]

#: How many of what is metered (seconds, characters, tokens) one unit of a price stands for. A
#: started minute is billed whole, as the carrier bills.
UNITS: Mapping[str, int] = {
    "minute": 60,
    "started_minute": 60,
    "character": 1,
    "million_tokens": 1_000_000,
}
_DATED = re.compile(r"-20\d\d-\d\d-\d\d$")
_MICRO_USD = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Price:
    """``usd`` for one ``unit``, a name of `UNITS`."""

    usd: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Use:
    """``amount`` in what the item's unit counts; None if it was used and nobody knows how much."""

    part: Part
    item: Item
    amount: float | None


def uses_of(metered: Mapping[str, Any] | None) -> list[Use]:
    """Return what a streamed call used of each provider; None: its process left no record.

    metered: the fields of `call.desk.Metered`. A part without a name in it was not used.
    """
    if metered is None:
        return [Use("stream", ("plivo", "stream"), None)]
    uses = [Use("stream", ("plivo", "stream"), metered.get("stream_s"))]
    if name := metered.get("recogniser"):
        uses.append(Use("speech_to_text", ("deepgram", _item(name)), metered.get("recogniser_s")))
    if name := metered.get("voice"):
        used = metered.get("voice_characters")
        uses.append(Use("text_to_speech", ("cartesia", _voice(name)), used))
    if name := metered.get("model"):
        uses += _tokens(_item(name), metered.get("model_usage"))
    return uses


def together(earlier: Mapping[str, Any] | None, later: Mapping[str, Any]) -> dict[str, Any]:
    """Add up what two streams of one call used, each as the fields of `call.desk.Metered`."""
    if earlier is None:
        return dict(later)
    both = {**later, "stream_s": _plus(earlier["stream_s"], later["stream_s"])}
    for name, amount in _AMOUNTS:
        if earlier.get(name) and later.get(name):
            both[amount] = _plus(earlier.get(amount), later.get(amount))
        elif earlier.get(name):
            both |= {name: earlier[name], amount: earlier.get(amount)}
    return both


_AMOUNTS = (
    ("recogniser", "recogniser_s"),
    ("voice", "voice_characters"),
    ("model", "model_usage"),
)


def _plus(one: Any, two: Any) -> Any:
    """The sum of two amounts, or of their like-named parts; None if one is not known."""
    if one is None or two is None:
        return None
    if isinstance(one, Mapping):
        return {name: one[name] + two[name] for name in one}
    return one + two


def _tokens(model: str, usage: Mapping[str, int] | None) -> list[Use]:
    """Cached prompt tokens have a price of their own; they are among those of the prompt."""
    amounts: Mapping[str, float | None] = dict.fromkeys(("input", "cached_input", "output"))
    if usage is not None:
        amounts = {
            "input": max(0, usage["prompt"] - usage["cached"]),
            "cached_input": usage["cached"],
            "output": usage["completion"],
        }
    return [Use("model", ("openai", f"{model}.{kind}"), n) for kind, n in amounts.items()]


def _item(name: str) -> str:
    """A dated snapshot of a model costs what the model costs."""
    return _DATED.sub("", name)


def _voice(name: str) -> str:
    """Every model of a family (sonic-3.5) is billed alike."""
    return _item(name).partition("-")[0]


def costs(carrier_usd: Decimal | None, uses: Sequence[Use], prices: Mapping[Item, Price]) -> Costs:
    """Return each part in USD; None where it is unknown, and where it was not used."""
    parts: Costs = dict.fromkeys(PARTS)
    parts["carrier"] = carrier_usd
    for part in {use.part for use in uses}:
        parts[part] = _sum([_cost(use, prices) for use in uses if use.part == part])
    return parts


def total(parts: Costs, uses: Sequence[Use]) -> Decimal | None:
    """Return the sum over the carrier and all that was used; None if one of them is unknown."""
    used: set[Part] = {"carrier", *(use.part for use in uses)}
    return _sum([parts[part] for part in PARTS if part in used])


def known(parts: Costs) -> Decimal | None:
    """Return the sum of the parts that are known; None if none is."""
    return _sum([usd for usd in parts.values() if usd is not None] or [None])


def _cost(use: Use, prices: Mapping[Item, Price]) -> Decimal | None:
    price = prices.get(use.item)
    if use.amount is None or price is None or price.unit not in UNITS:
        return None
    units = Decimal(str(use.amount)) / UNITS[price.unit]
    return (Decimal(ceil(units)) if price.unit == "started_minute" else units) * price.usd


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        return None
    return sum(known, Decimal(0)).quantize(_MICRO_USD, ROUND_HALF_UP)
