"""`dialer db upgrade`."""

from __future__ import annotations

import argparse
from dataclasses import replace

from dialer.app.data_dir import make_data_dir
from dialer.app.runtime import open_database
from dialer.cli.shared import Commands, command, group, print_json, say
from dialer.settings import Settings


def add_commands(commands: Commands) -> None:
    db = group(commands, "db")
    command(db, "upgrade", _upgrade, "create or migrate the tables")


async def _upgrade(args: argparse.Namespace, settings: Settings) -> int:
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    async with open_database(settings, migrate=True):
        pass
    if args.json:
        print_json({"upgraded": True})
    else:
        say("The database is up to date.")
    return 0
