"""`dialer sender`: who we call as."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from dialer.cli.shared import Commands, command, group, opened, print_json, read_bytes, say
from dialer.settings import Settings
from dialer.web.api.sender import Sender, read_sender, save_sender
from dialer.web.fields import read_json


def add_commands(commands: Commands) -> None:
    sender = group(commands, "sender")
    change = command(sender, "set", _set, "take the profile of a JSON file, as PUT /sender does")
    change.add_argument("file", type=Path, metavar="FILE")
    command(sender, "show", _show, "print the profile as JSON")


async def _set(args: argparse.Namespace, settings: Settings) -> int:
    new = read_json(read_bytes(args.file), Sender)
    async with opened(settings) as db:
        found = await db.run(lambda tx: save_sender(tx, new))
    if args.json:
        print_json(found)
    else:
        declared = "declared" if found.a2p is not None else "not declared"
        say(f"Sender {found.peid or '(no PEID)'}: automatic calls {declared}.")
        for caller in found.caller_ids:
            say(f"  {caller.number} of series {caller.series}")
    return 0


async def _show(args: argparse.Namespace, settings: Settings) -> int:
    async with opened(settings) as db, db.begin() as tx:
        found = await read_sender(tx)
    if args.json:
        print_json(found)
    else:
        say(msgspec.json.format(msgspec.json.encode(found)).decode())
    return 0
