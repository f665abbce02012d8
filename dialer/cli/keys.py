"""`dialer keys`: API keys for other programs."""

from __future__ import annotations

import argparse
from dataclasses import replace

from dialer.app.data_dir import make_data_dir
from dialer.app.runtime import keys_of
from dialer.cli.shared import Commands, command, group, opened, print_json, say, short_text, table
from dialer.errors import UsageError
from dialer.settings import Settings
from dialer.store.access import SCOPES, list_keys, make_key, revoke_key


def add_commands(commands: Commands) -> None:
    keys = group(commands, "keys")
    create = command(keys, "create", _create, "make a key; it is shown once")
    create.add_argument("--name", required=True, type=short_text)
    create.add_argument(
        "--scopes", default=",".join(SCOPES), help=f"comma-separated of {', '.join(SCOPES)}"
    )
    revoke = command(keys, "revoke", _revoke, "end a key's life")
    revoke.add_argument("name", metavar="NAME")
    command(keys, "list", _list, "list the keys, without their secrets")


async def _create(args: argparse.Namespace, settings: Settings) -> int:
    scopes = [scope.strip() for scope in args.scopes.split(",") if scope.strip()]
    if not scopes or not set(scopes) <= set(SCOPES):
        raise UsageError(f"--scopes: found {args.scopes!r}; allowed: {', '.join(SCOPES)}")
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    secrets = keys_of(settings)
    async with opened(settings) as db:
        made = await db.run(lambda tx: make_key(tx, secrets, name=args.name, scopes=scopes))
    if args.json:
        print_json({"id": made.id, "name": made.name, "key": made.key, "scopes": scopes})
    else:
        say(f"Key {made.name}: {made.key}")
        say("Keep it: it is not shown again.")
    return 0


async def _revoke(args: argparse.Namespace, settings: Settings) -> int:
    async with opened(settings) as db:
        await db.run(lambda tx: revoke_key(tx, args.name))
    if args.json:
        print_json({"name": args.name, "revoked": True})
    else:
        say(f"Key {args.name} is revoked.")
    return 0


async def _list(args: argparse.Namespace, settings: Settings) -> int:
    async with opened(settings) as db, db.begin() as tx:
        rows = await list_keys(tx)
    if args.json:
        print_json({"items": [dict(row._mapping) for row in rows], "next": None})
        return 0
    columns = ("name", "scopes", "created_at", "revoked_at")
    say(
        table(
            "API keys",
            columns,
            [(r.name, ", ".join(r.scopes), r.created_at, r.revoked_at) for r in rows],
        )
    )
    return 0
