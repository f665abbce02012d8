"""`dialer audit`: is the proof whole, and what does it say about one person?"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from dialer.app.data_dir import make_data_dir
from dialer.app.runtime import keys_of, law_of
from dialer.cli.shared import (
    Commands,
    command,
    group,
    make_folder,
    opened,
    print_json,
    read_bytes,
    say,
    write_private,
)
from dialer.compliance.chain import Faults
from dialer.reports.evidence import Document, as_json, make_evidence
from dialer.reports.evidence_file import compare_evidence, read_evidence
from dialer.reports.evidence_page import as_page
from dialer.settings import Settings
from dialer.store import campaigns
from dialer.store.audit import Audit, Replayed, verify_audit
from dialer.web.api.audit import audit_out
from dialer.web.api.phones import read_phone

Make = Callable[[Document], bytes]
_FORMATS: dict[str, Make] = {"html": as_page, "json": as_json}


def add_commands(commands: Commands) -> None:
    audit = group(commands, "audit")
    verify = command(audit, "verify", _verify, "find any altered, missing or reordered check")
    verify.add_argument(
        "--evidence",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="also hold an exported evidence pack against the chain; may be repeated",
    )
    verify.add_argument(
        "--replay",
        nargs="?",
        type=_every,
        const=1,
        metavar="N",
        help="also decide each check again, or one in N, with the pack it names by hash",
    )
    export = command(audit, "export", _export, "write the evidence pack of one person")
    export.add_argument("--phone", required=True, metavar="PHONE")
    export.add_argument("--campaign", metavar="NAME", help="only what this campaign decided")
    export.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR|FILE",
        help="a file, or a folder that gets a page and a JSON file",
    )
    export.add_argument("--format", choices=_FORMATS, help="else as the file's name ends, or both")


def _every(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}; write a whole number from 1")
    return int(text)


async def _verify(args: argparse.Namespace, settings: Settings) -> int:
    packs_of = {path: read_evidence(read_bytes(path), str(path)) for path in args.evidence}
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    keys = keys_of(settings)
    packs = None if args.replay is None else law_of(settings, keys).packs_at_hand()
    async with opened(settings) as db, db.begin() as tx:
        audit = await verify_audit(tx, keys.chain, packs=packs, every=args.replay or 1)
        files = {
            str(path): await compare_evidence(tx, keys.chain, evidence)
            for path, evidence in packs_of.items()
        }
    if args.json:
        told = {path: [fault._asdict() for fault in found.told] for path, found in files.items()}
        print_json(msgspec.to_builtins(audit_out(audit)) | ({"evidence": told} if files else {}))
    else:
        _say_audit(audit)
        for path, found in files.items():
            _say_file(path, found)
    return 0 if audit.is_whole and not any(found.total for found in files.values()) else 1


async def _export(args: argparse.Namespace, settings: Settings) -> int:
    phone = read_phone(args.phone, "PHONE")
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    keys = keys_of(settings)
    law = law_of(settings, keys)
    async with opened(settings) as db, db.begin() as tx:
        campaign = None if args.campaign is None else await campaigns.by_name(tx, args.campaign)
        document = await make_evidence(
            tx,
            keys,
            law.packs_at_hand(),
            phone=phone,
            engine_version=law.engine_version,
            campaign_id=None if campaign is None else campaign.id,
        )
        files = _targets(args.output, args.format, document)
        for path, made in files.items():
            write_private(path, made(document))
    said = document["summary"]
    if args.json:
        print_json({"files": [str(path) for path in files], "summary": said})
    else:
        say(
            f"{said['checks']} decisions, {said['allowed']} allowed, {said['denied']} denied, "
            f"{said['rang']} calls that rang: {', '.join(str(path) for path in files)}"
        )
    return 0


def _targets(output: Path, wanted: str | None, document: Document) -> dict[Path, Make]:
    """Return which file is made how. A folder's files do not show the number in their names."""
    if output.is_dir() or not output.suffix:
        make_folder(output)
        name = f"evidence-{document['made_at']:%Y%m%dT%H%M%SZ}-{document['phone_hash'][:8]}"
        formats = _FORMATS if wanted is None else (wanted,)
        return {output / f"{name}.{one}": _FORMATS[one] for one in formats}
    ending = output.suffix.removeprefix(".").lower()
    return {output: _FORMATS[wanted or (ending if ending in _FORMATS else "html")]}


def _say_audit(audit: Audit) -> None:
    for fault in audit.faults:
        where = "a check" if fault.seq is None else f"check {fault.seq}"
        say(f"{where}: {fault.kind}: {fault.detail}")
    if audit.faults_total > len(audit.faults):
        say(f"… and {audit.faults_total - len(audit.faults):,} more.")
    if audit.is_whole:
        heads = (
            "1 signed head agrees" if audit.heads == 1 else f"{audit.heads:,} signed heads agree"
        )
        checks = "1 check" if audit.checks == 1 else f"{audit.checks:,} checks"
        say(f"{checks}, one unbroken chain; {heads} with it.")
    if audit.replayed is not None:
        _say_replayed(audit.replayed)


def _say_replayed(again: Replayed) -> None:
    say(f"{again.same:,} decided again: the same verdict.")
    for pack, count in again.missing.items():
        say(f"{count:,} could not be decided again: no pack {pack} at hand.")


def _say_file(path: str, found: Faults) -> None:
    for fault in found.told:
        say(f"{path}: check {fault.seq}: {fault.kind}: {fault.detail}")
    if not found.total:
        say(f"{path}: agrees with the chain.")
