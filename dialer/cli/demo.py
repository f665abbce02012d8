"""`dialer demo`: the sample campaign from CSV to report, on the twin, watched live."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec.structs import replace as with_fields

from dialer.app.highlights import highlights
from dialer.app.runtime import Runtime, open_runtime
from dialer.app.serve import Stop, bind, on_signals, serving, ticking
from dialer.app.witness import Comparison, compare
from dialer.cli.campaigns import follow, look
from dialer.cli.shared import Commands, command, print_json, say, table
from dialer.dialing import lifecycle
from dialer.domain.campaign import CampaignState
from dialer.domain.definition import Definition
from dialer.domain.definition_parse import parse_toml
from dialer.errors import UsageError
from dialer.leads.load import ImportResult, import_leads
from dialer.reports.export import export_file, parse_format
from dialer.reports.view import summary_table
from dialer.settings import Settings, at_port, own_url
from dialer.shipped import shipped_folder
from dialer.store import campaigns
from dialer.store.callers import upsert_callers, upsert_sender
from dialer.store.engine import Tx

STEM = "appointment_reminder"
STARTS_AT = "2026-11-23T11:00:00+05:30"  # a Monday, inside every Indian calling window
LASTS = timedelta(hours=1)
RETRY_DELAYS = {
    "busy": ["PT10S"],
    "no_answer": ["PT10S", "PT15S"],
    "failed": ["PT15S"],
    "machine": ["PT20S"],
}
RING_TIMEOUT_S = 20
_LIMIT_S = 300.0
_SETTLE_S = 2.0  # the carrier's last callbacks and records


Tell = Callable[[str], None]


def _silently(text: str) -> None:
    """With --json only the result is printed."""


def add_commands(commands: Commands) -> None:
    command(commands, "demo", _demo, "run the sample campaign on the twin and show what happens")


@dataclass(frozen=True, slots=True)
class Result:
    """What the demo came to."""

    numbers: Mapping[str, Any]
    comparison: Comparison
    stories: Mapping[str, str]
    report: Path
    rows: int
    took_s: float


async def _demo(args: argparse.Namespace, settings: Settings) -> int:
    settings = rehearsal_settings(settings)
    tell: Tell = _silently if args.json else say
    tell(f"A new data folder for this run: {settings.data_dir}")
    tell(f"Product time starts at {STARTS_AT}; the clock is shifted, so any hour is a good hour.")
    sock = bind(settings.host, settings.port)
    settings = at_port(settings, sock.getsockname()[1])
    stop = Stop()
    with sock, on_signals(stop):
        async with open_runtime(settings) as runtime, serving(runtime, sock), ticking(runtime):
            running = asyncio.create_task(_run(runtime, args, tell))
            stopping = asyncio.create_task(stop.asked.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not running.done():
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                return 130
            return _conclude(args, running.result())


def rehearsal_settings(settings: Settings) -> Settings:
    """Return settings for one run: the twin, a fresh data folder, a shifted clock."""
    if not settings.uses_twin or settings.database_url is not None:
        raise UsageError(
            "demo runs on the twin and its own database: unset PLIVO_AUTH_ID, PLIVO_AUTH_TOKEN, "
            "PLIVO_API_URL and DATABASE_URL"
        )
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return replace(
        settings,
        host="127.0.0.1",
        port=0,
        public_url=own_url("127.0.0.1", 0),
        data_dir=(settings.data_dir / "demo" / stamp).absolute(),
        clock_start=datetime.fromisoformat(STARTS_AT),
        clock_start_text=STARTS_AT,
    )


def hurried(definition: Definition, ends_at: datetime) -> Definition:
    """Return the campaign as the demo plays it: the same words, retries within a minute."""
    return with_fields(
        definition,
        dialing=with_fields(definition.dialing, ring_timeout_s=RING_TIMEOUT_S, ends_at=ends_at),
        retry=with_fields(definition.retry, delays=RETRY_DELAYS),
    )


async def _run(runtime: Runtime, args: argparse.Namespace, tell: Tell) -> Result:
    began = time.monotonic()
    folder = shipped_folder("campaigns")
    imported = await runtime.db.run(
        lambda tx: import_leads(tx, name=STEM, data=folder / f"{STEM}.csv")
    )
    tell(
        f"Imported {STEM}.csv: {imported.rows} rows = {imported.loaded} loaded + "
        f"{imported.updated} updated + {imported.duplicate} duplicate + "
        f"{imported.rejected} rejected."
    )
    definition = parse_toml((folder / f"{STEM}.toml").read_text(), source=f"{STEM}.toml")
    name = definition.campaign.name
    await runtime.db.run(lambda tx: _launch(tx, runtime, folder, definition, imported))
    tell(
        f"Running a copy of {STEM}.toml with retries after 10-20 s instead of hours, rings of "
        f"{RING_TIMEOUT_S} s, and an end one hour ahead."
    )
    await _watch(runtime, name, quiet=args.json)
    await asyncio.sleep(_SETTLE_S)
    report = runtime.settings.data_dir / f"{STEM}.results.csv"
    async with runtime.db.begin() as tx:
        campaign = await campaigns.by_name(tx, name)
        rows = await export_file(tx, campaign, parse_format("csv"), report)
        stories = await highlights(tx)
    numbers, _ = await look(runtime.db, runtime.law, name)
    compared = await compare(runtime.db, runtime.settings.plivo_api_url.removesuffix("/v1"))
    return Result(numbers, compared, stories, report, rows, time.monotonic() - began)


async def _launch(
    tx: Tx, runtime: Runtime, folder: Path, definition: Definition, imported: ImportResult
) -> UUID:
    """Say who we are, make the campaign, start it."""
    sender = json.loads((folder / "sender.json").read_text())
    await upsert_sender(
        tx,
        peid=sender.get("peid"),
        tmid=sender.get("tmid"),
        reference=sender["a2p"]["reference"],
        declared_on=date.fromisoformat(sender["a2p"]["declared_on"]),
        objective=sender["a2p"].get("objective"),
    )
    await upsert_callers(tx, [(one["number"], one["series"]) for one in sender["caller_ids"]])
    made = await lifecycle.create(
        tx,
        runtime.law,
        definition=hurried(definition, tx.now + LASTS),
        list_id=imported.list_id,
        name=definition.campaign.name,
    )
    await lifecycle.change_state(tx, made.id, CampaignState.RUNNING, actor="demo")
    return made.id


async def _watch(runtime: Runtime, name: str, *, quiet: bool) -> None:
    """Show the campaign until it is over."""
    async with asyncio.timeout(_LIMIT_S):
        numbers, now = await look(runtime.db, runtime.law, name)
        if not quiet and sys.stdout.isatty():
            await follow(runtime.db, runtime.law, name, numbers, now)
            return
        last = 0.0
        while numbers["state"] != CampaignState.FINISHED:
            await asyncio.sleep(0.5)
            numbers, now = await look(runtime.db, runtime.law, name)
            if not quiet and time.monotonic() - last > 5:
                last = time.monotonic()
                say(_line(numbers, now))


def _line(numbers: Mapping[str, Any], now: datetime) -> str:
    over = numbers["leads"] - numbers["waiting"] - numbers["calling"]
    return (
        f"{now.strftime('%H:%M:%S')}  {over}/{numbers['leads']} leads settled, "
        f"{numbers['calling']} on the line, {numbers['waiting']} waiting, "
        f"{numbers['attempts']} calls"
    )


def _conclude(args: argparse.Namespace, result: Result) -> int:
    """Print the end; 0 only if both sides of the story agree."""
    leads = result.numbers["leads"]
    is_good = result.comparison.disagreements == 0 and result.rows == leads
    if args.json:
        print_json(
            {
                "ok": is_good,
                "took_s": round(result.took_s, 1),
                "stats": result.numbers,
                "report": str(result.report),
                "rows": result.rows,
                "ledger": {
                    "rings": result.comparison.rings,
                    "attempts": result.comparison.attempts,
                    "disagreements": result.comparison.disagreements,
                    "high_water": result.comparison.high_water,
                },
                "stories": result.stories,
            }
        )
        return 0 if is_good else 1
    say(summary_table(result.numbers))
    say(_ledger_table(result.comparison))
    for story, sentence in result.stories.items():
        say(f"{story[:1].upper()}{story[1:]}: {sentence}.")
    say(f"The report, {result.rows} rows for {leads} leads: {result.report}")
    say(f"Took {result.took_s:.0f} s. " + ("Both sides agree." if is_good else "THEY DISAGREE."))
    return 0 if is_good else 1


def _ledger_table(found: Comparison) -> Any:
    rows = [
        ("rings in the twin's ledger", found.rings),
        ("our attempts that rang", found.attempts),
        ("rings we cannot explain", found.unknown_rings),
        ("attempts without a ring", found.missing_rings),
        ("attempts that rang twice", found.rung_twice),
        ("attempts without one earlier allowing check", found.unproved),
        ("most calls up at once (twin)", found.high_water.get("concurrency")),
        ("most calls started in one second (twin)", found.high_water.get("cps")),
    ]
    return table("Our database against the twin's ledger", ("", "count"), rows)
