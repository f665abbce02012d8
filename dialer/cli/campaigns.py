"""`dialer campaign`: create, start, pause, resume, cancel, redial, clone, status."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec.structs import asdict
from rich.console import Console
from rich.live import Live

from dialer.app.data_dir import make_data_dir
from dialer.app.runtime import carrier_rest, keys_of, law_of
from dialer.cli.shared import (
    SHOWN_ZONE,
    Commands,
    Run,
    command,
    group,
    opened,
    print_json,
    read_bytes,
    say,
    short_text,
)
from dialer.dialing import lifecycle
from dialer.dialing.fitness import owned_numbers
from dialer.dialing.hang_up import end_calls
from dialer.dialing.law import Law
from dialer.dialing.preview import preview_campaign
from dialer.dialing.redial import clone, redial
from dialer.domain.campaign import CampaignState
from dialer.domain.definition_parse import parse_toml
from dialer.errors import InvalidInput, Unavailable
from dialer.reports.preview_view import preview_lines
from dialer.reports.stats import stats
from dialer.reports.view import status_view
from dialer.settings import RecoveryBounds, Settings, missing_speech_keys
from dialer.store import campaigns
from dialer.store.engine import Database, Tx
from dialer.store.lists import list_by_name
from dialer.web.api.campaigns import Moved, Redialed, moved, shown

_LOOK_EVERY_S = 0.5
_OVER = (CampaignState.FINISHED, CampaignState.CANCELLED)


def add_commands(commands: Commands) -> None:
    campaign = group(commands, "campaign")
    create = command(campaign, "create", _create, "make a draft from a campaign file")
    create.add_argument("file", type=Path, metavar="FILE")
    create.add_argument("--list", required=True, metavar="NAME", help="the lead list to call")
    create.add_argument("--name", type=short_text, help="instead of the file's campaign.name")
    for name, state, help_text in (
        ("start", CampaignState.RUNNING, "begin to dial, now or at starts_at"),
        ("pause", CampaignState.PAUSED, "dial nothing new"),
        ("resume", CampaignState.RUNNING, "go on after a pause"),
        ("cancel", CampaignState.CANCELLED, "end it and drop who still waits"),
    ):
        move = command(campaign, name, _move_to(state), help_text)
        move.add_argument("name", metavar="NAME")
        if state is CampaignState.RUNNING:
            move.add_argument(
                "--not-promotional", metavar="REASON", help="why words that look so are none"
            )
        else:
            move.add_argument("--hang-up", action="store_true", help="end its live calls too")
    preview = command(campaign, "preview", _preview, "who may be called now, later, never, and why")
    preview.add_argument("name", metavar="NAME")
    again = command(campaign, "redial", _redial, "call those again who were not reached")
    again.add_argument("name", metavar="NAME")
    copy = command(campaign, "clone", _clone, "make a draft with the same definition")
    copy.add_argument("name", metavar="NAME")
    copy.add_argument("new_name", type=short_text, metavar="NEW")
    copy.add_argument("--list", metavar="NAME", help="the lead list to call instead of its own")
    status = command(campaign, "status", _status, "how it is going; live on a terminal")
    status.add_argument("name", metavar="NAME")
    status.add_argument("--once", action="store_true", help="print once, do not follow")


async def _create(args: argparse.Namespace, settings: Settings) -> int:
    definition = parse_toml(_read_text(args.file), source=str(args.file))
    name = args.name or definition.campaign.name
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    law = law_of(settings, keys_of(settings))

    async def work(tx: Tx) -> campaigns.Campaign:
        lead_list = await list_by_name(tx, args.list)
        return await lifecycle.create(
            tx, law, definition=definition, list_id=lead_list.id, name=name
        )

    async with opened(settings) as db:
        made = await db.run(work)
        async with db.begin() as tx:
            numbers = await stats(tx, made, law.packs_of(definition))
            warnings = law.warnings(definition, tx.now)
    if args.json:
        print_json(shown(made))
    else:
        for warning in warnings:
            say(f"Warning: {warning}")
        say(f"Campaign {name}: a draft with {numbers['leads']} leads. Start it with")
        say(f"  dialer campaign start {name!r}")
    return 0


def _read_text(file: Path) -> str:
    """A wrong letter would be spoken on the phone, so none is guessed."""
    try:
        return read_bytes(file).decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{file}: not UTF-8 text; save it as UTF-8") from None


def _move_to(state: CampaignState) -> Run:
    async def run(args: argparse.Namespace, settings: Settings) -> int:
        settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
        law = law_of(settings, keys_of(settings))

        async def work(tx: Tx) -> Any:
            found = await campaigns.by_name(tx, args.name)
            wants_end = getattr(args, "hang_up", False)
            campaign, to_end = await lifecycle.change_state(
                tx,
                found.id,
                state,
                actor="cli",
                in_flight="hang_up" if wants_end else "finish",
                missing_keys=missing_speech_keys(settings),
                not_promotional=getattr(args, "not_promotional", None),
                owned_numbers=owned,
            )
            said = law.warnings(campaign.definition, tx.now)
            return await moved(tx, campaign), to_end, said

        async with opened(settings) as db:
            owned = await _owned(settings, db) if state is CampaignState.RUNNING else None
            campaign, to_end, warnings = await db.run(work)
            if to_end:
                await end_calls(db, carrier_rest(settings, db), to_end)
        if args.json:
            print_json(campaign)
        else:
            for warning in warnings if state is CampaignState.RUNNING else ():
                say(f"Warning: {warning}")
            say(f"Campaign {args.name} is {campaign.state}{_aftermath(campaign, len(to_end))}.")
        return 0

    return run


async def _owned(settings: Settings, db: Database) -> set[str] | None:
    """The numbers rented at the carrier, None where it cannot be asked from here."""
    try:
        return await owned_numbers(carrier_rest(settings, db))
    except Unavailable:
        return None


async def _preview(args: argparse.Namespace, settings: Settings) -> int:
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    law = law_of(settings, keys_of(settings))
    async with opened(settings) as db, db.begin() as tx:
        campaign = await campaigns.by_name(tx, args.name)
        found = await preview_campaign(tx, law, campaign)
    if args.json:
        print_json(found)
    else:
        for line in preview_lines(found):
            say(line)
    return 0


def _aftermath(campaign: Moved, ended: int) -> str:
    """Say what a pause or a cancellation leaves."""
    said = []
    if campaign.state == CampaignState.CANCELLED:
        said.append(f"{campaign.dropped} leads will not be called")
    if ended:
        said.append(f"{ended} calls were ended")
    elif campaign.in_flight and campaign.state in (CampaignState.PAUSED, CampaignState.CANCELLED):
        said.append(f"{campaign.in_flight} calls go on to their end (--hang-up ends them)")
    return "".join(f"; {part}" for part in said)


async def _redial(args: argparse.Namespace, settings: Settings) -> int:
    async def work(tx: Tx) -> tuple[campaigns.Campaign, int]:
        found = await campaigns.by_name(tx, args.name)
        return await redial(tx, found.id, actor="cli", missing_keys=missing_speech_keys(settings))

    async with opened(settings) as db:
        campaign, count = await db.run(work)
    if args.json:
        print_json(Redialed(**asdict(shown(campaign)), redialed=count))
    else:
        say(f"Campaign {args.name} is {campaign.state}; {count} leads wait again.")
    return 0


async def _clone(args: argparse.Namespace, settings: Settings) -> int:
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    law = law_of(settings, keys_of(settings))

    async def work(tx: Tx) -> tuple[campaigns.Campaign, int]:
        found = await campaigns.by_name(tx, args.name)
        lead_list = None if args.list is None else await list_by_name(tx, args.list)
        made = await clone(
            tx,
            law,
            found.id,
            name=args.new_name,
            list_id=None if lead_list is None else lead_list.id,
        )
        return made, (await stats(tx, made, law.packs_of(made.definition)))["leads"]

    async with opened(settings) as db:
        made, leads = await db.run(work)
    if args.json:
        print_json(shown(made))
    else:
        say(f"Campaign {args.new_name}: a draft with {leads} leads. Start it with")
        say(f"  dialer campaign start {args.new_name!r}")
    return 0


async def _status(args: argparse.Namespace, settings: Settings) -> int:
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    law = law_of(settings, keys_of(settings))
    async with opened(settings) as db:
        numbers, now = await look(db, law, args.name, settings.recovery)
        if args.json:
            print_json(numbers)
        elif args.once or not sys.stdout.isatty():
            say(status_view(args.name, numbers, now))
        else:
            await follow(db, law, args.name, numbers, now, settings.recovery)
    return 0


async def look(
    db: Database, law: Law, name: str, bounds: RecoveryBounds | None = None
) -> tuple[Mapping[str, Any], datetime]:
    """Return a campaign's statistics and the product time they hold for."""
    async with db.begin() as tx:
        campaign = await campaigns.by_name(tx, name)
        numbers = await stats(tx, campaign, law.packs_of(campaign.definition), bounds=bounds)
        return numbers, tx.now.astimezone(SHOWN_ZONE)


async def follow(
    db: Database,
    law: Law,
    name: str,
    numbers: Mapping[str, Any],
    now: datetime,
    bounds: RecoveryBounds | None = None,
) -> Mapping[str, Any]:
    """Show the status until the campaign is over; Ctrl-C stops looking, not the campaign."""
    with Live(status_view(name, numbers, now), console=Console(), refresh_per_second=4) as live:
        while numbers["state"] not in _OVER:
            await asyncio.sleep(_LOOK_EVERY_S)
            numbers, now = await look(db, law, name, bounds)
            live.update(status_view(name, numbers, now))
    return numbers
