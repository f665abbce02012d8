"""Calls that are lawful as they stand, for tests to spoil one fact at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from dialer.compliance.decide import Verdict, decide
from dialer.compliance.facts import (
    Caller,
    Consent,
    Declaration,
    Facts,
    Scrub,
)
from dialer.compliance.packs import SHIPPED, Pack, find_packs, read_pack

INDIA = find_packs(["in"])
NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # Monday 12:00 in India
SECOND = timedelta(seconds=1)
SERVICE = Facts(
    phone="+919876543210",
    category="service",
    mode="auto_pre",
    entity="other",
    sector=None,
    caller=Caller("+911601200001", "1601"),
    declaration=Declaration("OAP/7", date(2026, 11, 1), "service", cli_listed=True),
    consents=(Consent("inferred", None),),
    suppressed=False,
    scrub=None,
    event_at=None,
    history=(),
    lead_zone=None,
)
PROMO = replace(
    SERVICE,
    category="promotional",
    sector=3,
    caller=Caller("+911401200001", "140"),
    consents=(),
    scrub=Scrub(NOON - timedelta(hours=4), "clear"),
)
EXPLICIT = replace(PROMO, category="service_explicit")
US = Facts(
    phone="+12125552368",
    category="telemarketing",
    mode="voice",
    entity=None,
    sector=None,
    caller=Caller("+12125550100", "own_verified"),
    declaration=None,
    consents=(),
    suppressed=False,
    scrub=Scrub(NOON, "listed"),
    event_at=None,
    history=(),
    lead_zone=None,
)
US_NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)


def india(right: str, wrong: str) -> tuple[Pack, ...]:
    text = (SHIPPED / "in.toml").read_text(encoding="utf-8")
    assert right in text
    return (read_pack(text.replace(right, wrong, 1).encode(), Path("in.toml")),)


def ask(facts: Facts, now: datetime = NOON, packs: tuple[Pack, ...] = INDIA) -> Verdict:
    return decide(facts, packs, now)


def declare(**changes: object) -> Facts:
    assert SERVICE.declaration is not None
    return replace(SERVICE, declaration=replace(SERVICE.declaration, **changes))
