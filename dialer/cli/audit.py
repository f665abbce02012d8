"""`dialer audit verify`: is the proof whole?"""

from __future__ import annotations

import argparse
from dataclasses import replace

from dialer.app.data_dir import make_data_dir
from dialer.app.runtime import keys_of, law_of
from dialer.cli.shared import Commands, command, group, opened, print_json, say
from dialer.settings import Settings
from dialer.store.audit import Audit, Replayed, verify_audit
from dialer.web.api.audit import audit_out


def add_commands(commands: Commands) -> None:
    audit = group(commands, "audit", "the chain of compliance checks")
    verify = command(audit, "verify", _verify, "find any altered, missing or reordered check")
    verify.add_argument(
        "--replay",
        nargs="?",
        type=_every,
        const=1,
        metavar="N",
        help="also decide each check again, or one in N, with the pack it names by hash",
    )


def _every(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}; write a whole number from 1")
    return int(text)


async def _verify(args: argparse.Namespace, settings: Settings) -> int:
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    keys = keys_of(settings)
    packs = None if args.replay is None else law_of(settings, keys).packs_at_hand()
    async with opened(settings) as db, db.begin() as tx:
        audit = await verify_audit(tx, keys.chain, packs=packs, every=args.replay or 1)
    if args.json:
        print_json(audit_out(audit))
    else:
        _say_audit(audit)
    return 0 if audit.is_whole else 1


def _say_audit(audit: Audit) -> None:
    for fault in audit.faults:
        where = "a check" if fault.seq is None else f"check {fault.seq}"
        say(f"{where}: {fault.kind}: {fault.detail}")
    if audit.faults_total > len(audit.faults):
        say(f"… and {audit.faults_total - len(audit.faults):,} more.")
    if audit.is_whole:
        heads = "1 signed head" if audit.heads == 1 else f"{audit.heads:,} signed heads"
        checks = "1 check" if audit.checks == 1 else f"{audit.checks:,} checks"
        say(f"{checks}, one unbroken chain; {heads} agree with it.")
    if audit.replayed is not None:
        _say_replayed(audit.replayed)


def _say_replayed(again: Replayed) -> None:
    say(f"{again.same:,} decided again: the same verdict.")
    for pack, count in again.missing.items():
        say(f"{count:,} could not be decided again: no pack {pack} at hand.")
