"""`dialer leads`: import people, forget one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from dialer.app.runtime import carrier_rest
from dialer.cli.shared import Commands, command, group, opened, print_json, require_file, say
from dialer.dialing.erase import delete_files, erase_person
from dialer.dialing.hang_up import end_calls
from dialer.errors import UsageError
from dialer.leads.load import ImportResult, import_leads
from dialer.settings import Settings
from dialer.store.engine import Tx
from dialer.store.lists import lock_idle
from dialer.web.api.phones import read_phone


def add_commands(commands: Commands) -> None:
    leads = group(commands, "leads")
    made = command(leads, "import", _import, "import a CSV file into a list")
    made.add_argument("file", type=Path, metavar="FILE")
    made.add_argument("--list", required=True, metavar="NAME", help="made if it does not exist")
    made.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=FIELD",
        help="which column is which field, e.g. --map Mobile=phone (repeatable)",
    )
    made.add_argument("--region", default="IN", help="of numbers without a country code")
    erase = command(leads, "erase", _erase, "forget the person behind a number, everywhere")
    erase.add_argument("phone", metavar="PHONE")


async def _erase(args: argparse.Namespace, settings: Settings) -> int:
    phone = read_phone(args.phone, "PHONE")
    async with opened(settings) as db:
        erased = await db.run(lambda tx: erase_person(tx, phone, actor="cli"))
        await delete_files(settings.data_dir, erased.files)
        if erased.to_end:
            await end_calls(db, carrier_rest(settings, db), erased.to_end)
    status = "done" if erased.is_done else "waiting"
    if args.json:
        print_json({"id": erased.erasure_id, "status": status, "counts": erased.counts})
    elif erased.is_done:
        rows = ", ".join(f"{count} {name}" for name, count in erased.counts.items() if count)
        say(f"Erased: {rows}. A keyed hash of the number stays on the do-not-call list.")
    else:
        say("A call to this number is up: it is ended, and the rest is erased a moment later.")
    return 0


def read_mapping(pairs: Sequence[str]) -> Mapping[str, str]:
    """Return column → field of ``--map COLUMN=FIELD`` arguments."""
    mapping = {}
    for pair in pairs:
        column, separator, field = pair.rpartition("=")
        if not separator or not column or not field:
            raise UsageError(f"--map: found {pair!r}; write COLUMN=FIELD such as Mobile=phone")
        mapping[column] = field
    return mapping


async def _load(tx: Tx, args: argparse.Namespace, mapping: Mapping[str, str]) -> ImportResult:
    await lock_idle(tx, args.list)  # an upload that waits would be lost
    return await import_leads(
        tx, name=args.list, data=args.file, mapping=mapping, default_region=args.region
    )


async def _import(args: argparse.Namespace, settings: Settings) -> int:
    mapping = read_mapping(args.map)
    require_file(args.file)
    async with opened(settings) as db:
        result = await db.run(lambda tx: _load(tx, args, mapping))
    counts = {
        "rows": result.rows,
        "loaded": result.loaded,
        "updated": result.updated,
        "duplicate": result.duplicate,
        "rejected": result.rejected,
    }
    if args.json:
        print_json({"id": result.list_id, "name": result.name, "status": "ready", "counts": counts})
        return 0
    say(f"List {result.name}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    for note in result.notes:
        say(f"Note: {note}")
    if result.rejected:
        say(f"The rejected rows with reasons: GET /api/v1/lists/{result.list_id}/rejects.csv")
    return 0
