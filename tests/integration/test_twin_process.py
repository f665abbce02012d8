"""The twin as a process, and its admin routes."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import aiohttp
import pytest

from dialer.twin.__main__ import config_from, main, parser
from dialer.twin.config import DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, TwinConfig
from dialer.twin.owner import Owners
from tests.integration.twin_customer import CALLEE, customer


async def launch(*flags: str) -> tuple[Process, dict[str, object]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "dialer.twin", "--bind", "127.0.0.1:0", "--json", *flags),
        stdout=PIPE,
        stderr=PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return process, json.loads(await process.stdout.readline())


async def test_it_says_where_it_listens_and_stops_on_a_signal(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    process, ready = await launch("--ledger", str(ledger), "--clock-offset-us", "5000000")
    assert ready["event"] == "ready" and ready["pid"] == process.pid
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{ready['url']}/twin/health") as reply:
            assert (await reply.json())["offset_us"] == 5_000_000
        async with http.get(f"{ready['url']}/twin/owner") as owner:
            assert await owner.content.readexactly(1) == b"\n"
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                await owner.content.read()  # ends when the twin does
                _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert ledger.exists()


def test_a_port_in_use_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["--bind", bind]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err == f"error: {bind} is in use; choose another with --bind\n"


def test_a_bad_flag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    bad = (["--bind", "8900"], ["--auth-id", "MA1"], ["--cap", "0"], ["--numbers", "912"])
    for flags in bad:
        with pytest.raises(SystemExit) as refused:
            main(flags)
        assert refused.value.code == 2
        assert flags[0] in capsys.readouterr().err


def test_a_missing_script_file_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--bind", "127.0.0.1:0", "--callees", "/nowhere.toml"]) == 1
    assert capsys.readouterr().err.startswith("error: cannot read /nowhere.toml")


def test_each_vendors_delay_can_be_set() -> None:
    flags = ["--delay", "stt-final=100", "--delay", "llm-first-token=0", "--delay", "llm-token=2.5"]
    config = config_from(parser().parse_args(flags))
    assert (config.stt_final_ms, config.llm_first_token_ms, config.llm_token_ms) == (100, 0, 2.5)
    assert config.tts_first_audio_ms == TwinConfig().tts_first_audio_ms


@pytest.mark.parametrize(
    "flag", ["x=1", "stt-final=a", "stt-final=-4", "stt-final", "stt-final=9e9"]
)
def test_a_delay_that_is_none_is_refused(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--delay", flag])
    assert "--delay" in capsys.readouterr().err


def test_india_derives_cps_from_the_cap() -> None:
    def of(*flags: str) -> tuple[int, float]:
        config = config_from(parser().parse_args(flags))
        return config.cap, config.cps

    assert of() == (50, 2.0)
    assert of("--cap", "100") == (100, 4.0)
    assert of("--cap", "100", "--cps", "3") == (100, 3.0)
    assert of("--cap", "100", "--no-india") == (100, 2.0)
    config = config_from(parser().parse_args([]))
    assert (config.auth_id, config.auth_token) == (DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN)


async def test_an_owner_who_is_gone_is_noticed() -> None:
    async with customer() as one:
        owners = one.twin.owners
        assert owners.count == 0
        response = await one.http.get(f"{one.twin.url}/twin/owner")
        await response.content.readexactly(1)
        assert owners.count == 1
        response.close()
        async with asyncio.timeout(10):
            await owners.abandoned(grace_s=0)
        assert owners.count == 0


async def test_a_twin_nobody_ever_owned_is_abandoned_too() -> None:
    async with asyncio.timeout(10):
        await Owners().abandoned(grace_s=0)


async def test_callees_are_set_and_shown_and_calls_seen() -> None:
    async with customer() as one:
        script = {"behaviour": "ring_out", "ring_s": 0}
        status, said = await one.admin("POST", "/callees", {CALLEE: script})
        assert (status, said) == (200, {"phones": [CALLEE]})
        _, shown = await one.admin("GET", f"/callees/{CALLEE}")
        assert shown["scripted"] and shown["script"]["behaviour"] == "ring_out"
        _, other = await one.admin("GET", "/callees/919811111111")
        assert not other["scripted"] and other["phone"] == "+919811111111"
        uuid = await one.place(ring_timeout=3000)
        _, calls = await one.admin("GET", "/calls")
        assert [(each["call_uuid"], each["state"]) for each in calls] == [(uuid, "ringing")]
        assert (await one.admin("POST", "/callees", {CALLEE: {"mood": "bad"}}))[0] == 400


async def test_a_reset_twin_knows_nobody() -> None:
    async with customer() as one:
        await one.admin("POST", "/callees", {CALLEE: {"behaviour": "ring_out"}})
        await one.admin("POST", "/faults", {"kind": "rate_limited", "phone": "+911"})
        await one.place(ring_timeout=3000)
        assert (await one.admin("POST", "/reset"))[0] == 204
        _, health = await one.admin("GET", "/health")
        assert (health["live"], health["queued"], health["finished"]) == (0, 0, 0)
        assert (await one.admin("GET", "/calls"))[1] == []
        assert (await one.admin("GET", "/faults"))[1] == []
        report = (await one.admin("GET", "/ledger"))[1]
        assert report["rings"] == [] and report["high_water"]["concurrency"] == 0
        one.twin.set_callees({CALLEE: {"behaviour": "busy"}})
        await one.run()  # and works on
        assert one.paths() == ["/hangup"]
