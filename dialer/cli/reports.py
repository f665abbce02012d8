"""`dialer report export`."""

from __future__ import annotations

import argparse
from pathlib import Path

from dialer.cli.shared import Commands, command, group, opened, print_json, say
from dialer.reports.export import export_file, parse_format
from dialer.settings import Settings
from dialer.store import campaigns


def add_commands(commands: Commands) -> None:
    report = group(commands, "report")
    export = command(report, "export", _export, "write a campaign's results, one row a lead")
    export.add_argument("name", metavar="NAME", help="of the campaign")
    export.add_argument("--format", default="csv", help="csv, xlsx, parquet or json")
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")


async def _export(args: argparse.Namespace, settings: Settings) -> int:
    wanted = parse_format(args.format)
    async with opened(settings) as db, db.begin() as tx:
        campaign = await campaigns.by_name(tx, args.name)
        rows = await export_file(tx, campaign, wanted, args.output)
    if args.json:
        print_json({"campaign": args.name, "rows": rows, "file": str(args.output)})
    else:
        say(f"{rows} rows in {args.output}")
    return 0
