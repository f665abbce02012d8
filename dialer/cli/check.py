"""`dialer check`: one decision explained, without writing anything."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from dialer.app.data_dir import make_data_dir
from dialer.app.runtime import keys_of, law_of
from dialer.cli.shared import SHOWN_ZONE, Commands, command, opened, print_json, say
from dialer.compliance.words import say_local
from dialer.compliance.zones import find_each_zone
from dialer.dialing.explain import Explained, explain
from dialer.errors import UsageError
from dialer.settings import Settings
from dialer.web.api.phones import read_phone


def add_commands(commands: Commands) -> None:
    made = command(commands, "check", _check)
    made.add_argument("phone", metavar="PHONE")
    made.add_argument("--campaign", required=True, metavar="NAME")
    made.add_argument("--at", metavar="ISO", help="decide for this instant instead of now")


def read_instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not 2000 <= at.year < 2100:
        raise UsageError(
            f"--at: found {text!r}; write an ISO time of this century with an "
            "offset (…T11:00+05:30)"
        )
    return at


async def _check(args: argparse.Namespace, settings: Settings) -> int:
    at, phone = read_instant(args.at), read_phone(args.phone, "PHONE")
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    law = law_of(settings, keys_of(settings))
    async with opened(settings) as db, db.begin() as tx:
        found = await explain(tx, law, name=args.campaign, phone=phone, at=at)
    if args.json:
        print_json(explained_out(found))
    else:
        for line in _lines(found, phone, args.campaign):
            say(line)
    return 0


def explained_out(found: Explained) -> dict[str, Any]:
    """The decision as JSON; ``rules``: every question that was asked, in order."""
    facts, verdict = found.facts, found.verdict
    return {
        "decision": "allow" if verdict.allowed else "deny",
        "at": found.at,
        "code": verdict.code,
        "codes": verdict.codes,
        "rule_id": verdict.rule_id,
        "next_allowed_at": verdict.next_allowed_at,
        "window_ends_at": verdict.window_ends_at,
        "zones": verdict.zones,
        "local": {
            zone.key: found.at.astimezone(zone).isoformat(timespec="seconds")
            for zone in find_each_zone(verdict.zones)
        },
        "category": facts.category,
        "mode": facts.mode,
        "caller_id": None if facts.caller is None else facts.caller.number,
        "packs": [ref._asdict() for ref in verdict.packs],
        "findings": [
            {"code": f.code, "rule_id": f.rule_id, "detail": f.detail} for f in verdict.findings
        ],
        "rules": [asdict(one) for one in found.said],
    }


def _lines(found: Explained, phone: str, campaign: str) -> Iterator[str]:
    facts, verdict = found.facts, found.verdict
    zones = find_each_zone(verdict.zones) or (SHOWN_ZONE,)
    yield "ALLOWED" if verdict.allowed else f"DENIED: {verdict.code}"
    for zone in zones:
        yield f"  at {say_local(found.at, zone)}"
    shown = "no number" if facts.caller is None else facts.caller.number
    yield f"  {phone}, campaign {campaign!r}: {facts.category}, {facts.mode}, shown as {shown}"
    for one in found.said:
        yield ""
        origin = "" if one.source is None else f"  ({one.authority}, {one.confidence})"
        yield f"{'pass' if one.passed else 'FAIL'}  {one.rule_id or one.kind}{origin}"
        yield f"      asks    {one.asks}"
        yield f"      found   {one.found}"
        if one.cure is not None:
            yield f"      change  {one.cure}"
        if one.source is not None:
            yield f"      source  {one.source}"
    yield ""
    for zone in zones:
        if verdict.window_ends_at is not None:
            yield f"Open until {say_local(verdict.window_ends_at, zone)}"
        if verdict.next_allowed_at is not None:
            yield f"Next allowed {say_local(verdict.next_allowed_at, zone)}"
    if not verdict.allowed and verdict.next_allowed_at is None:
        yield "Waiting alone makes it no more lawful."
