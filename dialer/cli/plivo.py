"""`dialer plivo setup` and `doctor`: make the carrier account ready, and find what is not."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from dialer.app.data_dir import make_data_dir
from dialer.app.runtime import carrier_rest, keys_of, law_of
from dialer.cli.shared import Commands, command, group, opened, print_json, say
from dialer.compliance.schema import Cli
from dialer.dialing.law import Law
from dialer.domain.campaign import CampaignState
from dialer.providers.plivo_doctor import CampaignNeed, Finding, SpeechService, doctor
from dialer.providers.plivo_setup import setup
from dialer.settings import (
    CARTESIA_URL,
    DEEPGRAM_URL,
    ELEVENLABS_URL,
    OPENAI_BASE_URL,
    Settings,
)
from dialer.store import campaigns, facts
from dialer.store.campaigns import Campaign
from dialer.web.context import MARKER

_MARKS = {True: "ok  ", False: "FAIL", None: "?   "}
_OPEN = (
    CampaignState.DRAFT,
    CampaignState.SCHEDULED,
    CampaignState.RUNNING,
    CampaignState.PAUSED,
)


def add_commands(commands: Commands) -> None:
    plivo = group(commands, "plivo")
    command(plivo, "setup", _setup, "create the Application and attach our caller ids")
    command(plivo, "doctor", _doctor, "find what would keep a campaign from calling, with fixes")


async def _setup(args: argparse.Namespace, settings: Settings) -> int:
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    async with opened(settings) as db:
        async with db.begin() as tx:
            numbers = sorted(await facts.caller_rows(tx))
        said = await setup(
            carrier_rest(settings, db), public_url=settings.public_url, caller_ids=numbers
        )
    if args.json:
        print_json({"done": said})
    else:
        for sentence in said:
            say(sentence)
    return 0


async def _doctor(args: argparse.Namespace, settings: Settings) -> int:
    settings = replace(settings, data_dir=make_data_dir(settings.data_dir))
    law = law_of(settings, keys_of(settings))
    async with opened(settings) as db:
        async with db.begin() as tx:
            rows = await facts.caller_rows(tx)
            open_campaigns = await campaigns.in_state(tx, *_OPEN)
        findings = await doctor(
            carrier_rest(settings, db),
            public_url=settings.public_url,
            marker=MARKER,
            caller_series={number: row.series for number, row in rows.items()},
            campaigns=[need_of(one, law) for one in open_campaigns],
            speech=_speech(
                settings, is_needed=any(one.definition.is_streamed for one in open_campaigns)
            ),
        )
    if args.json:
        print_json({"findings": [_plain(finding) for finding in findings]})
    else:
        _print(findings)
    return 1 if any(finding.ok is False for finding in findings) else 0


def need_of(campaign: Campaign, law: Law) -> CampaignNeed:
    """Return which caller-id series the campaign's packs allow its category."""
    head = campaign.definition.campaign
    allowed: set[str] = set()
    for pack in law.packs_of(campaign.definition):
        for rule in pack.rules:
            if isinstance(rule, Cli) and rule.enabled and head.category in rule.categories:
                allowed.update(rule.sector_series.get(head.entity or "", rule.series))
    return CampaignNeed(
        name=campaign.row.name,
        category=head.category,
        caller_ids=campaign.definition.dialing.caller_ids,
        series=frozenset(allowed),
    )


def _speech(settings: Settings, *, is_needed: bool) -> Sequence[SpeechService]:
    """Return the providers to look at: those set up, and all once a campaign talks."""
    found = [
        ("deepgram", settings.deepgram_url, DEEPGRAM_URL, settings.deepgram_api_key),
        ("openai", settings.openai_base_url, OPENAI_BASE_URL, settings.openai_api_key),
        ("cartesia", settings.cartesia_url, CARTESIA_URL, settings.cartesia_api_key),
        ("elevenlabs", settings.elevenlabs_url, ELEVENLABS_URL, settings.elevenlabs_api_key),
    ]
    return [
        SpeechService(
            name=name,
            base_url=url,
            has_key=bool(key),
            needs_key=url == default,
            key_name=f"{name.upper()}_API_KEY",
        )
        for name, url, default, key in found
        if key or url != default or (is_needed and name != "elevenlabs")
    ]


def _plain(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check,
        "ok": finding.ok,
        "detail": finding.detail,
        "fix": finding.fix,
    }


def _print(findings: Sequence[Finding]) -> None:
    for finding in findings:
        say(f"{_MARKS[finding.ok]} {finding.check}: {finding.detail}")
        if finding.fix:
            say(f"     fix: {finding.fix}")
