"""`dialer carrier`: the account's limits, and dialing again after a pause that waits for a hand."""

from __future__ import annotations

import argparse

from dialer.cli.shared import Commands, command, group, opened, print_json, say
from dialer.dialing import breakers
from dialer.settings import Settings
from dialer.store import carrier
from dialer.web.api.sender import Resumed, limits_of


def add_commands(commands: Commands) -> None:
    account = group(commands, "carrier")
    command(account, "show", _show, "its limits, and why it may not dial")
    command(account, "resume", _resume, "dial again once credentials or credit are mended")


async def _show(args: argparse.Namespace, settings: Settings) -> int:
    async with opened(settings) as db, db.begin() as tx:
        limits = limits_of(await carrier.get_carrier(tx), tx.now)
    if args.json:
        print_json(limits)
        return 0
    reserve = f", {limits.inbound_reserve} kept for callers" if limits.inbound_reserve else ""
    say(f"{limits.cap} calls at once{reserve}, {limits.cps:g} started a second")
    if limits.paused_reason is not None:
        say(f"paused: {limits.paused_reason}")
    return 0


async def _resume(args: argparse.Namespace, settings: Settings) -> int:
    async with opened(settings) as db:
        names = await db.run(lambda tx: breakers.resume_account(tx, actor="cli"))
    if args.json:
        print_json(Resumed(names))
        return 0
    say("The carrier account may dial again.")
    for name in names:
        say(f"Campaign {name} is running.")
    return 0
