"""Complaints stop the sender and abandonment a campaign, until a person has acted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from dialer.compliance.packs import find_packs
from dialer.dialing import breakers
from dialer.dialing.abandonment import watch_abandonment
from dialer.dialing.complaints import judge, lock_to_judge
from dialer.dialing.optout import suppress
from dialer.domain.ids import uuid7s
from dialer.store import campaigns
from dialer.store.abandoned import over_limits
from dialer.store.carrier import get_carrier
from dialer.store.engine import Tx
from dialer.store.tables import attempts
from tests.integration.dialing_floor import ASHA, DEFINITION, MEENA, RAVI, Floor

OTHERS = [f"+9198765000{n:02}" for n in range(50, 60)]


async def _complain(floor: Floor, phone: str, reason: str = "complaint") -> None:
    async def work(tx: Tx) -> None:
        await lock_to_judge(tx, reason)
        await suppress(tx, phone=phone, source="test", reason=reason)
        await judge(tx, floor.law, [phone], reason)

    await floor.db.run(work)


async def _held(floor: Floor) -> Any:
    async with floor.db.begin() as tx:
        return (await get_carrier(tx)).paused_reason


async def test_the_third_complainant_stops_the_sender_until_a_hand(floor: Floor) -> None:
    campaign_id = await floor.launch(OTHERS)
    await _complain(floor, ASHA)
    await _complain(floor, ASHA)
    await _complain(floor, MEENA, reason="opt_out")
    await _complain(floor, RAVI)
    assert await _held(floor) is None
    await _complain(floor, MEENA)  # who had opted out before
    assert await _held(floor) == "complaints"
    assert await floor.claim() == []
    await breakers.tick(floor.db)
    row = await floor.campaign(campaign_id)
    assert (row.state, row.paused_reason) == ("paused", "complaints")

    names = await floor.db.run(lambda tx: breakers.resume_account(tx, actor="test"))
    assert names == ["floor"] and await _held(floor) is None
    await breakers.tick(floor.db)
    assert (await floor.campaign(campaign_id)).state == "running"
    assert await floor.claim()
    await _complain(floor, OTHERS[0])
    assert await _held(floor) == "complaints"


STRICT = """
[pack]
schema = 1
id = "strict"
version = "1"
jurisdiction = "IN"
parent = "in"
calling_code = "91"
title = "Stop where India only warns"
default_action = "defer_to_parent"
boundary = "half_open"
reviewed_on = 2026-11-22
[pack.zones]
mode = "fixed"
zones = ["Asia/Kolkata"]
multi = "all"
unknown = "deny"
non_geographic = "deny"
[[rule]]
id = "strict.abandon"
kind = "abandonment"
categories = ["service"]
max_rate = 0.03
period = "PT24H"
authority = "policy"
severity = "block"
effective_from = 2020-01-01
source = "ours"
confidence = "P"
"""


async def test_calls_that_nobody_talked_in_warn_or_stop(floor: Floor, tmp_path: Path) -> None:
    """India's rule of abandoned calls warns; one with severity block pauses the campaign."""
    (tmp_path / "strict.toml").write_text(STRICT)
    floor.law = replace(floor.law, pack_folders=(tmp_path,))
    strict = DEFINITION["campaign"] | {"rule_packs": ["in", "strict"]}
    campaign_id = await floor.launch([ASHA], campaign=strict)
    attempt_id = await floor.ring_one()
    await floor.hear(attempt_id, "answer", CallStatus="in-progress")
    await floor.hear(attempt_id, "hangup", HangupCauseCode="4000", Duration="9")

    async def more(tx: Tx) -> None:
        row = (await tx.one_or_none(select(attempts).where(attempts.c.id == attempt_id)))._asdict()
        rows = [row | {"id": one} for one in uuid7s(99)]
        for failed in rows[:4]:
            failed["outcome"] = "failed"
        await tx.execute(insert(attempts), rows)

    await floor.db.run(more)
    async with floor.db.begin() as tx:
        campaign = await campaigns.get(tx, campaign_id)
        ((limit, words),) = await over_limits(tx, campaign, find_packs(["in"]))
    assert not limit.blocks and "(4 calls; in.abandon)" in words
    assert await watch_abandonment(floor.db, floor.law) == 1
    row = await floor.campaign(campaign_id)
    assert (row.state, row.paused_reason) == ("paused", "abandonment")
    assert "strict.abandon" in row.paused_detail and row.paused_until is None

    await floor.ask(campaign_id, "running")
    assert await watch_abandonment(floor.db, floor.law) == 0  # what was before counts no more
