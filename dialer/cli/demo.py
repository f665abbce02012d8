"""`dialer demo`: the sample campaigns from CSV to report, on the twin, watched live."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live

from dialer.app.highlights import highlights
from dialer.app.rehearsal import arm_failures
from dialer.app.runtime import Runtime, open_runtime
from dialer.app.serve import Stop, bind, on_signals, serving, short_collections, ticking
from dialer.app.talk_highlights import talk_highlights
from dialer.app.witness import compare
from dialer.cli.campaigns import look
from dialer.cli.demo_campaigns import RING_TIMEOUT_S, STEMS, Launched, launch
from dialer.cli.demo_result import Played, Result, conclude
from dialer.cli.shared import Commands, command, say
from dialer.domain.campaign import CampaignState
from dialer.errors import UsageError
from dialer.reports.export import export_file, parse_format
from dialer.reports.talks import richest_talk, transcript, voice_to_voice
from dialer.reports.view import open_leads, status_view
from dialer.settings import Settings, at_port, own_url
from dialer.shipped import shipped_folder
from dialer.store import campaigns

STARTS_AT = "2026-11-23T11:00:00+05:30"  # a Monday, inside every Indian calling window
_LIMIT_S = 400.0
_SETTLE_S = 2.0  # the carrier's last callbacks and records
_LINE_EVERY_S = 5.0

Numbers = Mapping[str, Any]
Tell = Callable[[str], None]


def _silently(text: str) -> None:
    """With --json only the result is printed."""


def add_commands(commands: Commands) -> None:
    command(commands, "demo", _demo)


async def _demo(args: argparse.Namespace, settings: Settings) -> int:
    settings = rehearsal_settings(settings)
    tell: Tell = _silently if args.json else say
    tell(f"A new data folder for this run: {settings.data_dir}")
    tell(f"Product time starts at {STARTS_AT}; the clock is shifted, so any hour is a good hour.")
    sock = bind(settings.host, settings.port)
    settings = at_port(settings, sock.getsockname()[1])
    stop = Stop()
    with sock, on_signals(stop):
        async with AsyncExitStack() as parts:
            runtime = await parts.enter_async_context(open_runtime(settings))
            await parts.enter_async_context(serving(runtime, sock))
            await parts.enter_async_context(ticking(runtime))
            parts.enter_context(short_collections())
            running = asyncio.create_task(_run(runtime, args, tell))
            stopping = asyncio.create_task(stop.asked.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not running.done():
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                return 130
            return conclude(running.result(), as_json=args.json)


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


async def _run(runtime: Runtime, args: argparse.Namespace, tell: Tell) -> Result:
    began = time.monotonic()
    launched = await launch(runtime, shipped_folder("campaigns"), tell)
    await arm_failures(twin_url(runtime))
    files = " and ".join(f"{stem}.toml" for stem in STEMS)
    tell(
        f"Running copies of {files} with retries after 5-10 s instead of hours, rings of "
        f"{RING_TIMEOUT_S} s, and an end one hour ahead. The twin's recogniser, model and voice "
        "fail in some calls on purpose."
    )
    await _watch(runtime, launched, quiet=args.json)
    await asyncio.sleep(_SETTLE_S)
    played = [await _play(runtime, one) for one in launched]
    async with runtime.db.begin() as tx:
        stories = await highlights(tx) | await talk_highlights(tx)
        speed = await voice_to_voice(tx, [one.campaign_id for one in launched])
        shown = await richest_talk(tx, launched[-1].campaign_id)
        talk = () if shown is None else await transcript(tx, shown)
    compared = await compare(runtime.db, twin_url(runtime))
    return Result(played, compared, stories, speed, talk, time.monotonic() - began)


def twin_url(runtime: Runtime) -> str:
    return runtime.settings.plivo_api_url.removesuffix("/v1")


async def _play(runtime: Runtime, one: Launched) -> Played:
    """Read what a campaign came to, and write its report."""
    report = runtime.settings.data_dir / f"{one.stem}.results.csv"
    async with runtime.db.begin() as tx:
        campaign = await campaigns.by_name(tx, one.name)
        rows = await export_file(tx, campaign, parse_format("csv"), report)
    numbers, _ = await look(runtime.db, runtime.law, one.name)
    return Played(one.name, numbers, report, rows)


@dataclass(frozen=True, slots=True)
class _Glance:
    """Both campaigns at one moment."""

    numbers: Sequence[tuple[str, Numbers]]
    now: datetime

    @property
    def is_over(self) -> bool:
        return all(one["state"] == CampaignState.FINISHED for _, one in self.numbers)

    def view(self) -> RenderableType:
        return Group(*(status_view(name, one, self.now) for name, one in self.numbers))

    def line(self) -> str:
        parts = (
            f"{name}: {one['leads'] - open_leads(one)}/{one['leads']} settled, "
            f"{one['calling']} on the line"
            for name, one in self.numbers
        )
        return f"{self.now.strftime('%H:%M:%S')}  " + "; ".join(parts)


async def _watch(runtime: Runtime, launched: Sequence[Launched], *, quiet: bool) -> None:
    """Show the campaigns until they are over."""
    is_live = not quiet and sys.stdout.isatty()
    last = 0.0
    async with asyncio.timeout(_LIMIT_S):
        glance = await _glance(runtime, launched)
        if is_live:
            with Live(glance.view(), console=Console(), refresh_per_second=4) as live:
                while not glance.is_over:
                    await asyncio.sleep(0.5)
                    glance = await _glance(runtime, launched)
                    live.update(glance.view())
            return
        while not glance.is_over:
            await asyncio.sleep(0.5)
            glance = await _glance(runtime, launched)
            if not quiet and time.monotonic() - last > _LINE_EVERY_S:
                last = time.monotonic()
                say(glance.line())


async def _glance(runtime: Runtime, launched: Sequence[Launched]) -> _Glance:
    numbers = []
    for one in launched:
        found, now = await look(runtime.db, runtime.law, one.name)
        numbers.append((one.name, found))
    return _Glance(numbers, now)
