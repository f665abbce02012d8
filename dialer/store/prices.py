"""Dated list prices: those that come with the product, and the one of an item at a time."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from dialer.domain.costs import Price
from dialer.store.engine import Tx
from dialer.store.tables import prices

SHIPPED = Path(__file__).with_name("prices.toml")

p = prices.c


def seed_prices(account_id: UUID, path: Path = SHIPPED) -> Any:
    """Return the statement that adds the prices of a file; what is there already stays."""
    listed = tomllib.loads(path.read_text(encoding="utf-8"))["price"]
    rows = [
        {
            **price,
            "account_id": account_id,
            "usd": Decimal(price["usd"]),
            "valid_from": datetime.combine(price["valid_from"], time.min, UTC),
        }
        for price in listed
    ]
    return insert(prices).values(rows).on_conflict_do_nothing()


async def price_of(tx: Tx, provider: str, item: str, at: datetime) -> Price | None:
    """Return the newest price of an item that is not later than ``at``, or None."""
    row = await tx.one_or_none(
        select(p.usd, p.unit)
        .where(
            p.account_id == tx.account_id,
            p.provider == provider,
            p.item == item,
            p.valid_from <= at,
        )
        .order_by(p.valid_from.desc())
        .limit(1)
    )
    return None if row is None else Price(row.usd, row.unit)
