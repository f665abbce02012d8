"""`dialer suppress`: our own do-not-call list."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from dialer.app.runtime import carrier_rest, keys_of, law_of
from dialer.cli.shared import (
    Commands,
    command,
    group,
    opened,
    print_json,
    read_bytes,
    say,
    short_text,
    table,
)
from dialer.dialing.complaints import judge, lock_to_judge
from dialer.dialing.hang_up import end_calls
from dialer.dialing.optout import suppress_all
from dialer.leads.phone_file import read_phones
from dialer.settings import Settings
from dialer.store.attempts import CarrierIds
from dialer.store.engine import Tx
from dialer.store.suppressions import list_suppressions
from dialer.web.api.phones import read_phone


def add_commands(commands: Commands) -> None:
    listed = group(commands, "suppress")
    add = command(listed, "add", _add, "suppress one number everywhere, at once")
    add.add_argument("phone", metavar="PHONE")
    add.add_argument(
        "--reason", default="opt_out", type=short_text, help="opt_out (default), complaint, …"
    )
    many = command(listed, "import", _import, "suppress the numbers of a file, one a line")
    many.add_argument("file", type=Path, metavar="FILE")
    many.add_argument("--reason", default="opt_out", type=short_text)
    command(listed, "list", _list, "show the list")


async def _suppress(settings: Settings, phones: Sequence[str], *, source: str, reason: str) -> int:
    """Suppress in one transaction, then end calls to the numbers; return how many are new."""
    async with opened(settings) as db:
        law = law_of(settings, keys_of(settings))

        async def work(tx: Tx) -> tuple[int, Sequence[CarrierIds]]:
            await lock_to_judge(tx, reason)
            done = await suppress_all(tx, phones, source=source, reason=reason)
            await judge(tx, law, phones, reason)
            return done

        added, to_end = await db.run(work)
        if to_end:
            await end_calls(db, carrier_rest(settings, db), to_end)
    return added


async def _add(args: argparse.Namespace, settings: Settings) -> int:
    phone = read_phone(args.phone, "PHONE")
    await _suppress(settings, [phone], source="cli", reason=args.reason)
    if args.json:
        print_json({"phone": phone, "scope": "everywhere", "reason": args.reason})
    else:
        say(f"{phone} is suppressed everywhere.")
    return 0


async def _import(args: argparse.Namespace, settings: Settings) -> int:
    """Every number that can be read is suppressed; the others are named by their line."""
    found = read_phones(read_bytes(args.file))
    added = await _suppress(settings, found.phones, source="import", reason=args.reason)
    if args.json:
        print_json(
            {
                "rows": found.rows,
                "added": added,
                "problems": [{"line": line, "reason": why} for line, why in found.problems],
            }
        )
    else:
        say(f"{len(found.phones)} numbers are suppressed everywhere, {added} of them new.")
        for line, why in found.problems:
            say(f"  {args.file} line {line}: {why}")
    return 1 if found.problems else 0


async def _list(args: argparse.Namespace, settings: Settings) -> int:
    async with opened(settings) as db, db.begin() as tx:
        rows = await list_suppressions(tx, limit=10_000)
    if args.json:
        print_json({"items": [dict(row._mapping) for row in rows], "next": None})
        return 0
    columns = ("phone", "scope", "source", "reason", "at")
    say(table("Suppressed", columns, [[getattr(row, name) for name in columns] for row in rows]))
    return 0
