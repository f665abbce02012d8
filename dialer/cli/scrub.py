"""`dialer scrub`: a list to the operator's register and its verdict back."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from dialer.cli.shared import (
    Commands,
    command,
    group,
    opened,
    print_json,
    read_bytes,
    say,
    short_text,
)
from dialer.leads.phone_file import read_verdicts
from dialer.leads.scrub import Kept, keep_scrub, scrub_file
from dialer.settings import Settings
from dialer.store.engine import Tx
from dialer.store.lists import list_by_name
from dialer.web.api.scrubs import shown_kept


def add_commands(commands: Commands) -> None:
    scrub = group(commands, "scrub")
    export = command(scrub, "export", _export, "write a list's numbers for the operator's portal")
    export.add_argument("--list", required=True, metavar="NAME")
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    back = command(scrub, "import", _import, "take in the portal's verdicts: CSV phone,verdict")
    back.add_argument("file", type=Path, metavar="FILE")
    back.add_argument("--ref", required=True, type=short_text, help="the portal's reference")
    back.add_argument("--provider", required=True, type=short_text, help="whose portal it was")
    back.add_argument("--at", required=True, metavar="ISO", help="when the register was asked")
    back.add_argument("--list", metavar="NAME", help="that was scrubbed; else the file's numbers")
    back.add_argument("--list-hash", metavar="HASH", help="as the export told it")


async def _export(args: argparse.Namespace, settings: Settings) -> int:
    async with opened(settings) as db, db.begin() as tx:
        content, found = await scrub_file(tx, (await list_by_name(tx, args.list)).id)
    await asyncio.to_thread(args.output.write_bytes, content)
    count = content.count(b"\n") - 1
    if args.json:
        print_json(
            {"list": args.list, "file": str(args.output), "phones": count, "list_hash": found}
        )
    else:
        say(f"{count} numbers of {args.list} in {args.output}. When the portal has answered:")
        say(
            f"  dialer scrub import VERDICTS.csv --list {args.list!r} --list-hash {found} "
            "--ref REF --provider NAME --at ISO"
        )
    return 0


async def _import(args: argparse.Namespace, settings: Settings) -> int:
    content = read_bytes(args.file)
    verdicts = read_verdicts(content)

    async def work(tx: Tx) -> Kept:
        lead_list = None if args.list is None else await list_by_name(tx, args.list)
        return await keep_scrub(
            tx,
            content,
            verdicts,
            ref=args.ref,
            provider=args.provider,
            at=args.at,
            list_id=None if lead_list is None else lead_list.id,
            expected_hash=args.list_hash,
        )

    async with opened(settings) as db:
        kept = await db.run(work)
    if args.json:
        print_json(shown_kept(kept))
    else:
        say(f"Scrub {args.ref}: {kept.row.submitted} numbers, {kept.row.blocked} with a block.")
        for note in kept.notes:
            say(f"Note: {note}.")
    return 0
