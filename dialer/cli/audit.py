"""`dialer audit verify`: is the proof whole?"""

from __future__ import annotations

import argparse
from dataclasses import replace

from dialer.app.data_dir import make_data_dir
from dialer.app.runtime import keys_of
from dialer.cli.shared import Commands, command, group, opened, print_json, say
from dialer.settings import Settings
from dialer.store.checks import verify_checks


def add_commands(commands: Commands) -> None:
    audit = group(commands, "audit", "the chain of compliance checks")
    command(audit, "verify", _verify, "find any altered, missing or reordered check")


async def _verify(args: argparse.Namespace, settings: Settings) -> int:
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    keys = keys_of(settings)
    async with opened(settings) as db, db.begin() as tx:
        count, faults = await verify_checks(tx, keys.chain)
    if args.json:
        print_json(
            {
                "checks": count,
                "faults": [{"seq": f.seq, "kind": f.kind, "detail": f.detail} for f in faults],
            }
        )
    elif not faults:
        say(f"{count} checks, one unbroken chain.")
    else:
        for fault in faults:
            say(f"check {fault.seq}: {fault.kind}: {fault.detail}")
    return 1 if faults else 0
