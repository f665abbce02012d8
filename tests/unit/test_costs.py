"""Use times prices: what is not known is None, never zero."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import Any

import pytest

from dialer.domain.costs import PARTS, UNITS, Item, Price, costs, together, total, uses_of
from dialer.store.prices import SHIPPED

CARRIER = Decimal("0.00475")
METERED: dict[str, Any] = {
    "stream_s": 60.0,
    "recogniser": "nova-3.multi",
    "recogniser_s": 30.0,
    "voice": "sonic-3.5",
    "voice_characters": 400,
    "model": "gpt-6-luna",
    "model_usage": {"prompt": 6000, "cached": 4000, "completion": 300},
}
PRICES: dict[Item, Price] = {
    ("plivo", "stream"): Price(Decimal("0.003"), "minute"),
    ("deepgram", "nova-3.multi"): Price(Decimal("0.0058"), "minute"),
    ("cartesia", "sonic"): Price(Decimal("0.00005"), "character"),
    ("openai", "gpt-6-luna.input"): Price(Decimal("0.10"), "million_tokens"),
    ("openai", "gpt-6-luna.cached_input"): Price(Decimal("0.01"), "million_tokens"),
    ("openai", "gpt-6-luna.output"): Price(Decimal("0.50"), "million_tokens"),
}


def reckon(metered: Any, prices: Any = PRICES, carrier: Any = CARRIER) -> tuple[Any, Any]:
    uses = uses_of(metered)
    parts = costs(carrier, uses, prices)
    assert tuple(parts) == PARTS
    return parts, total(parts, uses)


def test_a_call_costs_the_sum_of_what_it_used() -> None:
    parts, whole = reckon(METERED)
    assert parts == {
        "carrier": CARRIER,
        "stream": Decimal("0.003"),
        "speech_to_text": Decimal("0.0029"),
        "model": Decimal("0.00039"),  # 2000 fresh, 4000 cached, 300 out
        "text_to_speech": Decimal("0.02"),
    }
    assert whole == sum(parts.values())


def test_a_part_that_was_not_used_is_null_and_does_not_spoil_the_total() -> None:
    announced = METERED | {"model": None, "model_usage": None}
    parts, whole = reckon(announced)
    assert parts["model"] is None
    assert whole == CARRIER + Decimal("0.0259")


@pytest.mark.parametrize("missing", PRICES)
def test_without_its_price_a_part_and_the_total_are_unknown(missing: Item) -> None:
    prices = {item: price for item, price in PRICES.items() if item != missing}
    parts, whole = reckon(METERED, prices)
    assert [parts[part] for part in PARTS].count(None) == 1
    assert whole is None


@pytest.mark.parametrize(
    ("field", "part"),
    [
        ("stream_s", "stream"),
        ("recogniser_s", "speech_to_text"),
        ("model_usage", "model"),
        ("voice_characters", "text_to_speech"),
    ],
)
def test_a_use_that_nobody_told_is_unknown(field: str, part: str) -> None:
    parts, whole = reckon(METERED | {field: None})
    assert (parts[part], whole) == (None, None)


def test_a_carrier_that_has_not_said_its_price_yet_leaves_the_total_open() -> None:
    parts, whole = reckon(METERED, carrier=None)
    assert (parts["carrier"], parts["stream"], whole) == (None, Decimal("0.003"), None)


def test_a_stream_whose_process_died_left_an_unknown_use() -> None:
    assert reckon(None)[1] is None


def test_nothing_used_costs_nothing_and_that_is_known() -> None:
    zero = METERED | {"recogniser_s": 0.0, "voice_characters": 0}
    zero["model_usage"] = {"prompt": 0, "cached": 0, "completion": 0}
    parts, whole = reckon(zero | {"stream_s": 0.0}, carrier=Decimal(0))
    assert set(parts.values()) == {Decimal(0)} and whole == 0


def test_a_dated_snapshot_costs_what_its_model_costs() -> None:
    dated = METERED | {"model": "gpt-6-luna-2026-10-01", "voice": "sonic-3-2026-01-12"}
    assert reckon(dated) == reckon(METERED)
    other = METERED | {"model": "gpt-6-luna-pro"}
    assert reckon(other)[0]["model"] is None, "another model is not guessed at"


def test_a_price_in_a_unit_we_do_not_know_is_no_price() -> None:
    odd = PRICES | {("cartesia", "sonic"): Price(Decimal(1), "furlong")}
    assert reckon(METERED, odd)[0]["text_to_speech"] is None


def test_a_started_minute_is_billed_whole() -> None:
    prices = PRICES | {("plivo", "stream"): Price(Decimal("0.003"), "started_minute")}
    for stream_s, minutes in ((0.0, 0), (0.1, 1), (60.0, 1), (60.1, 2)):
        parts, _ = reckon(METERED | {"stream_s": stream_s}, prices)
        assert parts["stream"] == minutes * Decimal("0.003")


def test_what_two_streams_of_a_call_used_adds_up() -> None:
    both = together(METERED, METERED)
    assert reckon(both)[1] == 2 * (reckon(METERED)[1] - CARRIER) + CARRIER
    assert together(None, METERED) == METERED
    silent = METERED | {"voice": None, "voice_characters": None}
    for one, two in ((METERED, silent), (silent, METERED)):
        assert together(one, two)["voice_characters"] == 400
    untold = METERED | {"model_usage": None, "recogniser_s": None}
    for one, two in ((METERED, untold), (untold, METERED)):
        found = together(one, two)
        assert (found["model_usage"], found["recogniser_s"]) == (None, None)


def test_the_shipped_prices_are_dated_sourced_and_in_known_units() -> None:
    listed = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))["price"]
    keys = [(one["provider"], one["item"], one["valid_from"]) for one in listed]
    assert len(set(keys)) == len(keys) > 0
    for one in listed:
        assert set(one) == {"provider", "item", "unit", "usd", "valid_from", "source"}
        assert one["unit"] in UNITS and Decimal(one["usd"]) > 0 and one["source"]
    models = {one["item"] for one in listed if one["provider"] == "openai"}
    for model in {item.rpartition(".")[0] for item in models}:
        assert {f"{model}.{kind}" for kind in ("input", "cached_input", "output")} <= models
