"""`dialer check`: one decision explained, without writing anything."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime

from dialer.app.data_dir import make_data_dir
from dialer.app.runtime import keys_of, law_of
from dialer.cli.shared import SHOWN_ZONE, Commands, command, opened, print_json, say
from dialer.dialing.explain import explain
from dialer.errors import UsageError
from dialer.settings import Settings
from dialer.web.api.phones import read_phone


def add_commands(commands: Commands) -> None:
    made = command(commands, "check", _check, "may this lead be called, and why or why not")
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


def _shown(at: datetime) -> str:
    return at.astimezone(SHOWN_ZONE).isoformat(timespec="seconds")


async def _check(args: argparse.Namespace, settings: Settings) -> int:
    at, phone = read_instant(args.at), read_phone(args.phone, "PHONE")
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    law = law_of(settings, keys_of(settings))
    async with opened(settings) as db, db.begin() as tx:
        verdict, decided_at = await explain(tx, law, name=args.campaign, phone=phone, at=at)
    if args.json:
        print_json(
            {
                "decision": "allow" if verdict.allowed else "deny",
                "at": decided_at,
                "code": verdict.code,
                "codes": verdict.codes,
                "rule_id": verdict.rule_id,
                "next_allowed_at": verdict.next_allowed_at,
                "zones": verdict.zones,
                "findings": [
                    {"code": f.code, "rule_id": f.rule_id, "detail": f.detail}
                    for f in verdict.findings
                ],
            }
        )
        return 0
    say(f"{'ALLOWED' if verdict.allowed else 'DENIED'} at {_shown(decided_at)}")
    for finding in verdict.findings:
        say(f"  {finding.code} ({finding.rule_id or 'always'}): {finding.detail}")
    if verdict.allowed:
        say(f"  every rule passes: {', '.join(verdict.evaluated)}")
    if verdict.next_allowed_at is not None:
        say(f"  next allowed at {_shown(verdict.next_allowed_at)}")
    return 0
